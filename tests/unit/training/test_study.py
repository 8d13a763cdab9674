"""The study: its rule, its front, its table and charts, and a whole small run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sketchzoo_training.errors import ConfigError
from sketchzoo_training.study.charts import write_charts
from sketchzoo_training.study.command import StudyOrder, run
from sketchzoo_training.study.experiments import (
    Result,
    Scatter,
    Study,
    chosen_presets,
    pareto,
    ship,
)
from sketchzoo_training.study.figures import FIGURES
from sketchzoo_training.study.table import table
from tests.artefacts import tiny_model

ONE = Result(
    name="lite0/full-contrastive-e16",
    kind="full",
    loss="contrastive",
    backbone="efficientnet_lite0",
    size=96,
    dimension=16,
    p_at_12=0.2,
    interval=(0.18, 0.22),
    m_ap=0.1,
    per_source={"sketchy": 0.1, "tuberlin": 0.25},
    validation=0.21,
    steps=200,
    cpu_minutes=1.5,
    milliseconds=1.6,
    megabytes=14.0,
)


def like(name: str, **values: object) -> Result:
    return replace(ONE, name=name, **values)  # type: ignore[arg-type] # fields by name


def test_the_rule_names_the_best_on_val_within_time_and_size() -> None:
    """Too slow, too large and five-class models are out; val decides, not test."""
    results = [
        ONE,
        like("better", validation=0.5, p_at_12=0.1, milliseconds=9.0),
        like("slow", validation=0.9, milliseconds=14.0),
        like("large", validation=0.9, megabytes=21.0),
        like("mini", validation=0.9, kind="mini"),
    ]
    chosen = ship(results, most_milliseconds=13.2)
    assert chosen is not None
    assert chosen.name == "better"
    assert ship(results[2:], most_milliseconds=13.2) is None


def test_a_model_of_two_towers_is_measured_on_all_classes_and_on_the_five(tmp_path: Path) -> None:
    """A finished model beside the runs has a row of each kind, named by its towers."""
    rows = ["path,split"]
    for name in ("bear", "spider", "zebra"):
        for split in ("train", "val", "test"):
            for level, ending in (("photo", "jpg"), ("sketch", "png")):
                path = tmp_path / "zoo" / level / name / f"{split}.{ending}"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (32, 32), (len(rows) * 9, 90, 60)).save(path)
                rows.append(f"{level}/{name}/{path.name},{split}")
    (tmp_path / "zoo" / "splits.csv").write_text("\n".join(rows) + "\n")
    study = Study(tmp_path / "study", tmp_path / "zoo")
    study.measure_model(str(tiny_model(tmp_path / "model").folder))
    found = {result.name: (result.kind, result.loss) for result in study.results}
    assert found == {"tiny": ("full", "towers"), "tiny (5 classes)": ("mini", "towers")}


def test_of_equals_the_fastest_ships() -> None:
    """Within half a point of the best on val, time decides."""
    results = [
        like("best", validation=0.500, milliseconds=9.0),
        like("near", validation=0.496, milliseconds=4.0),
        like("far", validation=0.490, milliseconds=1.0),
    ]
    chosen = ship(results, most_milliseconds=13.2)
    assert chosen is not None
    assert chosen.name == "near"


def test_the_front_is_beaten_by_none() -> None:
    """A result is on the front if none is both as fast and better."""
    results = [
        like("a", milliseconds=1.0, p_at_12=0.2),
        like("b", milliseconds=1.0, p_at_12=0.3),
        like("c", milliseconds=2.0, p_at_12=0.25),
        like("d", milliseconds=5.0, p_at_12=0.6),
    ]
    assert [result.name for result in pareto(results)] == ["b", "d"]


def test_what_was_not_run_is_said() -> None:
    """The table holds every experiment of the study, its own figure, and what is missing."""
    text = table([ONE, like("zoo-9", steps=0, cpu_minutes=0.0)])
    for figure in FIGURES:
        assert f"| {figure.preset} | {figure.p_at_12:.2f} | not run here |" in text
    assert "| lite0/full-contrastive-e16 |  | 0.200 (0.18-0.22) | sketchy 0.10" in text
    assert "| zoo-9 |" in text
    assert "| lite0/full-supcon-e2 |  | not run here |" in text
    assert {line.count("|") for line in text.splitlines()} == {10}


def test_charts_are_drawn_from_few_and_many_results(tmp_path: Path) -> None:
    """A PNG for each question, with no results yet and with several."""
    rng = np.random.default_rng(0)
    scatter = Scatter(
        "mini", rng.normal(size=(6, 2)).astype(np.float32), ("a", "a", "b", "b", "a", "b"), 4
    )
    results = [
        ONE,
        like("lite0/full-supcon-e2", loss="supcon", dimension=2),
        like("lite0/full-supcon-e16", loss="supcon", p_at_12=0.4, interval=(0.3, 0.5)),
        like("lite0/mini-contrastive-e2", kind="mini", dimension=2),
        like("zoo-9", steps=0, milliseconds=4.6, p_at_12=0.7),
    ]
    for given, scatters in (([], []), (results, [scatter])):
        paths = write_charts(given, scatters, tmp_path)
        assert len(paths) == 4 + len(scatters)
        for path in paths:
            with Image.open(path) as image:
                image.verify()


def test_presets_are_chosen_by_pattern() -> None:
    """A pattern chooses Siamese presets; one that matches none is refused."""
    assert chosen_presets(["study/mini-*"]) == [
        "study/mini-contrastive-resnet18-e2",
        "study/mini-triplet-resnet18-e2",
    ]
    assert "zoo-1" not in chosen_presets(["*"])
    with pytest.raises(ConfigError, match="no preset is like 'mini'"):
        chosen_presets(["mini"])


SMALL = {
    "data.size": 32,
    "data.classes": [],
    "network.weights": "none",
    "sampling.batch": 2,
    "budget.steps": 2,
    "budget.validate_every": 1,
}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_study_trains_measures_and_draws(colour_zoo: Path, tmp_path: Path) -> None:
    """A preset is trained a few steps, measured on test beside a finished model, and kept."""
    rows = ["path,split"]
    for modality in ("photo", "sketch"):
        for folder in sorted((colour_zoo / modality).iterdir()):
            paths = sorted(folder.iterdir())
            if modality == "sketch":
                third = folder / "third.png"
                third.write_bytes(paths[0].read_bytes())
                paths.append(third)
            splits = ["train", "val", "test", "train"][: len(paths)]
            rows += [
                f"{path.relative_to(colour_zoo).as_posix()},{split}"
                for path, split in zip(paths, splits, strict=True)
            ]
    (colour_zoo / "splits.csv").write_text("\n".join(rows))
    order = StudyOrder(colour_zoo, tmp_path, ["lite0/mini-triplet-e2"], changes=SMALL)
    run(order)
    (result,) = Study(tmp_path, colour_zoo).results
    assert result.name == "lite0/mini-triplet-e2"
    assert result.steps == 2
    assert result.milliseconds > 0
    assert 0 <= result.interval[0] <= result.p_at_12 <= result.interval[1]
    assert (tmp_path / "scatter-lite0-mini-triplet-e2.png").exists()
    assert "lite0/mini-triplet-e2" in (tmp_path / "table.md").read_text()
    # A second time nothing is trained, and the figures stay.
    checkpoint = tmp_path / "runs/lite0-mini-triplet-e2/checkpoint.pt"
    written = checkpoint.stat().st_mtime_ns
    run(order)
    assert Study(tmp_path, colour_zoo).results == [result]
    assert checkpoint.stat().st_mtime_ns == written


def test_an_order_for_nothing_is_refused(tmp_path: Path) -> None:
    """A study needs a preset or a model."""
    with pytest.raises(ConfigError, match="at least one"):
        StudyOrder(tmp_path, tmp_path, [])

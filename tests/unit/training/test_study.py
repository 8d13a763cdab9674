"""The study: which experiments it runs, its rows, its rule, its table and its charts."""

import hashlib
from dataclasses import replace
from pathlib import Path

import matplotlib.figure
import numpy as np
import pytest
from PIL import Image

from sketchzoo_training.errors import ConfigError
from sketchzoo_training.recipes.settings import preset_names, read_preset
from sketchzoo_training.study.charts import write_charts
from sketchzoo_training.study.choice import choose, pareto
from sketchzoo_training.study.experiments import chosen_experiments
from sketchzoo_training.study.original import FIGURES
from sketchzoo_training.study.results import Figure, Measured, Result, Results, labels
from sketchzoo_training.study.scatter import Scatter
from sketchzoo_training.study.table import COLUMNS, table

FIVE = ("bear", "crocodilian", "jellyfish", "parrot", "spider")
ZOO = tuple(f"animal{number}" for number in range(55))
SEVEN = ("bär", "flöße", "käfer", "löwe", "$maus$", "öltanker", "übergröße")
MEASURED = Measured(
    p_at_12=Figure(0.2, 0.18, 0.22),
    possible=0.95,
    euclidean=None,
    m_ap=0.1,
    per_source={"sketchy": 0.1, "tuberlin": 0.25},
    validation=Figure(0.21, 0.20, 0.23),
    queries=800,
    photos=700,
    milliseconds=1.6,
    megabytes=14.0,
)


def row(
    name: str = "lite0/full-contrastive-e16",
    classes: tuple[str, ...] = ZOO,
    loss: str = "contrastive",
    dimension: int = 16,
    steps: int = 200,
    **measured: object,
) -> Result:
    """Return a row; its recipe follows from its name."""
    return Result(
        name=name,
        data="0" * 16,
        recipe=hashlib.sha256(name.encode()).hexdigest()[:16],
        changes=(),
        classes=classes,
        loss=loss,
        backbone="efficientnet_lite0",
        size=96,
        dimension=dimension,
        model="runs/a/model",
        steps=steps,
        cpu_minutes=1.5,
        measured=replace(MEASURED, **measured),  # type: ignore[arg-type] # fields by name
    )


def validated(name: str, value: float, **measured: object) -> Result:
    return row(name, validation=Figure(value, value - 0.02, value + 0.02), **measured)


def test_the_rule_names_the_best_on_val_within_time_and_size() -> None:
    """Too slow, too large and other classes are out; val decides, not test."""
    results = [
        validated("one", 0.21),
        validated("better", 0.5, p_at_12=Figure(0.1, 0.1, 0.1), milliseconds=9.0),
        validated("slow", 0.9, milliseconds=14.0),
        validated("large", 0.9, megabytes=21.0),
        replace(validated("mini", 0.9), classes=FIVE),
        replace(row("diverged"), measured=None, failure="the loss of step 3 is nan"),
    ]
    chosen = choose(results, ZOO, most_milliseconds=13.2)
    assert chosen is not None
    assert chosen.result.name == "better"
    assert "of 2 models of 55 classes within 13.2 ms and 20 MB" in str(chosen)
    assert "no other lies within its 95 % interval" in str(chosen)
    assert choose(results[2:], ZOO, most_milliseconds=13.2) is None


def test_within_the_interval_of_the_best_the_fastest_ships() -> None:
    """What the interval of the best on val cannot tell apart is decided by time, and said."""
    results = [
        validated("best", 0.500, milliseconds=9.0),
        validated("near", 0.485, milliseconds=4.0),
        validated("far", 0.470, milliseconds=1.0),
    ]
    chosen = choose(results, ZOO, most_milliseconds=13.2)
    assert chosen is not None
    assert chosen.result.name == "near"
    assert "No difference to best" in str(chosen)
    assert "far" not in str(chosen)


def test_the_front_is_beaten_by_none() -> None:
    """A result is on the front if none is both as fast and better."""
    figures = {"a": (1.0, 0.2), "b": (1.0, 0.3), "c": (2.0, 0.25), "d": (5.0, 0.6)}
    measured = {
        name: replace(MEASURED, milliseconds=time, p_at_12=Figure(value, value, value))
        for name, (time, value) in figures.items()
    }
    assert pareto(list(measured.values())) == [measured["b"], measured["d"]]


def test_rows_are_told_apart_by_data_recipe_and_classes(tmp_path: Path) -> None:
    """A row takes an older one's place only where all three are the same."""
    results = Results(tmp_path)
    one = row()
    variants = [replace(one, data="f" * 16), replace(one, recipe="f" * 16), row(classes=FIVE)]
    for each in (one, *variants, replace(one, steps=7)):
        results.add(each)
    assert results.read() == (*variants, replace(one, steps=7))


def test_rows_of_earlier_versions_are_refused(tmp_path: Path) -> None:
    """Rows that don't say what data they are of are no part of a study, which is said."""
    (tmp_path / "results.json").write_text('[{"name": "lite0/full-supcon-e16", "kind": "full"}]')
    with pytest.raises(ConfigError, match="do not say what data"):
        Results(tmp_path).read()


def test_rows_of_one_name_get_digits_of_their_recipes() -> None:
    """A preset with changed settings is never taken for the preset itself."""
    plain, other = row(), replace(row(), recipe="abcd" * 4)
    changed = replace(row("b"), changes=("budget.steps=9",))
    assert labels([plain]) == {plain.identity: plain.name}
    assert labels([plain, other])[other.identity] == f"{plain.name} #abcd"
    assert labels([changed])[changed.identity] == f"b #{changed.recipe[:4]}"


def test_what_was_not_run_is_said() -> None:
    """The table holds every experiment of the study, its own figure, and what is missing."""
    lines = table([row(), row("zoo-9", steps=0)], [ZOO, FIVE]).splitlines()
    for figure in FIGURES:
        classes = 5 if figure.kind == "mini" else 55
        start = f"| {figure.preset} | {classes} | {figure.p_at_12:.2f} | not run here |"
        assert any(line.startswith(start) for line in lines)
    assert any("| 0.200 (0.18-0.22) |  | 0.950 | sketchy 0.10" in line for line in lines)
    assert len(lines) == 2 + len(FIGURES) + 2
    assert {line.count("|") for line in lines} == {len(COLUMNS) + 1}


def test_the_original_figures_stand_beside_their_own_classes_alone() -> None:
    """On other classes nothing is compared with the original study, and nothing is missing."""
    text = table([row("mine", SEVEN), row("study/full-triplet-resnet18-e16", SEVEN)], [SEVEN])
    assert "not run here" not in text
    assert "| study/full-triplet-resnet18-e16 | 7 |  | 0.200" in text


def test_a_repeated_experiment_stands_beside_the_original_figure() -> None:
    """A preset of the study that was run here has both figures in its row."""
    text = table([row("study/full-triplet-resnet18-e16")], [ZOO])
    assert "| study/full-triplet-resnet18-e16 | 55 | 0.13 | 0.200 (0.18-0.22)" in text


def test_a_failed_run_is_a_row_that_says_so() -> None:
    """The reason stands where the figures would."""
    text = table([replace(row("mine"), measured=None, failure="the loss is nan")], [ZOO])
    assert "| mine | 55 |  | the loss is nan |" in text


def titles(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return what the charts that are saved from now on say in words, by their titles."""
    said: dict[str, str] = {}
    save = matplotlib.figure.Figure.savefig

    def savefig(self: matplotlib.figure.Figure, *args: object, **named: object) -> None:
        save(self, *args, **named)
        texts = self.findobj(match=matplotlib.text.Text)
        words = " | ".join(text.get_text() for text in texts if text.get_text())
        said[self.axes[0].get_title()] = words

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", savefig)
    return said


def scatter(classes: tuple[str, ...] = SEVEN) -> Scatter:
    points = np.random.default_rng(0).normal(size=(2 * len(classes), 2)).astype(np.float32)
    return Scatter(points, classes * 2, len(classes))


def test_charts_name_what_they_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts of classes come from the rows, axes say units, names keep umlauts and signs."""
    said = titles(monkeypatch)
    flat = row("eben", SEVEN, "triplet", 2, euclidean=Figure(0.3, 0.2, 0.4))
    rows = [flat, row("klein", SEVEN, "supcon", 2), row("größer", SEVEN, "supcon", 16)]
    paths = write_charts(rows, SEVEN, {flat.identity: scatter()}, tmp_path)
    assert {path.name for path in paths} == {
        "losses.png",
        "embedding-sizes.png",
        "p12-against-time.png",
        "scatter-eben.png",
    }
    for path in paths:
        with Image.open(path) as image:
            image.verify()
    losses = said["losses compared: 7 classes, embeddings of 2 values"]
    assert "by Euclid as trained" in losses
    assert "original study" not in losses
    assert "in ms" in said["P@12 against time, 7 classes"]
    plane = next(words for title, words in said.items() if title.startswith("eben"))
    assert all(name.replace("_", " ") in plane for name in SEVEN)


def test_the_original_study_is_drawn_beside_its_own_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row of the five classes stands beside the original bars, and a backbone's panel too."""
    said = titles(monkeypatch)
    write_charts([row("lite0/mini-triplet-e2", FIVE, "triplet", 2)], FIVE, {}, tmp_path)
    assert "original study" in said["losses compared: 5 classes, embeddings of 2 values"]
    assert "triplet, resnet18" in said["backbones compared: 5 classes, embeddings of 2 values"]


def test_charts_with_nothing_to_show_are_not_there(tmp_path: Path) -> None:
    """Without rows that compare there is no chart, and one of an earlier time is gone."""
    flat, small = row("eben", SEVEN, "triplet", 2), row("klein", SEVEN, "supcon", 2)
    assert len(write_charts([flat, small], SEVEN, {flat.identity: scatter()}, tmp_path)) == 3
    other = row("neu", FIVE[:3])
    assert write_charts([other], FIVE[:3], {}, tmp_path, others=[flat, small]) == []
    assert list(tmp_path.iterdir()) == []


def test_many_classes_can_be_told_apart(tmp_path: Path) -> None:
    """55 classes in the plane have as many pairs of colour and mark, in one legend."""
    own = row("flat", dimension=2)
    (path,) = write_charts([own], ZOO, {own.identity: scatter(ZOO)}, tmp_path)
    with Image.open(path) as image:
        assert image.width > 700


def test_presets_are_chosen_by_pattern() -> None:
    """A pattern chooses Siamese presets; one that matches none is refused."""
    chosen = chosen_experiments(["study/mini-*"])
    assert [experiment.name for experiment in chosen] == [
        "study/mini-contrastive-resnet18-e2",
        "study/mini-triplet-resnet18-e2",
    ]
    siamese = {n for n in preset_names() if read_preset(n).get("recipe", "siamese") == "siamese"}
    assert {experiment.name for experiment in chosen_experiments(["*"])} == siamese
    with pytest.raises(ConfigError, match="no Siamese preset is like 'mini'"):
        chosen_experiments(["mini"])


MINE = """
[network]
backbone = "efficientnet_lite0"
weights = "none"
dimension = 2
[loss]
name = "contrastive"
[budget]
steps = 10
"""


def test_files_of_ones_own_are_chosen_by_path_and_pattern(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are experiments as presets are, and the changes go to all of them."""
    monkeypatch.chdir(tmp_path)
    for name, seed in (("mine/a", 0), ("mine/b", 1), ("c", 2)):
        path = Path(f"{name}.toml")
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"seed = {seed}\n{MINE}")
    chosen = chosen_experiments(
        ["mine/*.toml", "lite0/mini-triplet-e2"], [tmp_path / "c.toml"], ["budget.steps=3"]
    )
    names = [experiment.name for experiment in chosen]
    assert names == ["mine/a", "mine/b", "lite0/mini-triplet-e2", "c"]
    assert {experiment.config.budget.steps for experiment in chosen} == {3}
    plain = chosen_experiments(["lite0/mini-triplet-e2"])
    assert plain[0].recipe != chosen[2].recipe
    with pytest.raises(ConfigError, match=r"no file is like 'none/\*\.toml'"):
        chosen_experiments(["none/*.toml"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("budget.steps=no", r"mine: budget\.steps"),
        ("budget.step=3", r"mine: budget\.step: Extra"),
        ("steps", "TABLE.FIELD=VALUE"),
        ('network.weights="none.pth"', r"mine: network\.weights: none\.pth cannot be read"),
    ],
)
def test_wrong_fields_are_named_before_anything_runs(
    tmp_path: Path, change: str, message: str
) -> None:
    """A change that fits no field is refused, with the experiment and the field."""
    (tmp_path / "mine.toml").write_text(MINE)
    with pytest.raises(ConfigError, match=message):
        chosen_experiments([], [tmp_path / "mine.toml"], [change])


def test_a_recipe_holds_the_content_of_its_weights(tmp_path: Path) -> None:
    """Other weights in a file of the same name are another recipe."""
    (tmp_path / "mine.toml").write_text(MINE)
    weights = tmp_path / "start.pth"
    recipes = set()
    for content in (b"one", b"other"):
        weights.write_bytes(content)
        change = f'network.weights="{weights}"'
        (experiment,) = chosen_experiments([], [tmp_path / "mine.toml"], [change])
        recipes.add(experiment.recipe)
    assert len(recipes) == 2

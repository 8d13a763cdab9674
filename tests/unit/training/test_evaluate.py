"""`sketchzoo evaluate` on a zoo of colours."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo_training.data import list_images
from sketchzoo_training.evaluate.embedding import embed
from sketchzoo_training.evaluate.metrics import METRICS, OF_PAIRS
from sketchzoo_training.evaluate.ranking import rank
from tests.unit.training.evaluating import report_of, run

Picture = Callable[[Path, tuple[int, int, int]], None]


def counts(reasons: dict[str, Any]) -> dict[str, int]:
    return {reason: told["count"] for reason, told in reasons.items()}


def test_json_is_all_that_is_printed(colour_zoo: Path, colour_model: Path) -> None:
    """`--json -` prints pure JSON whose keys begin with p@12, map, recall@1."""
    report = report_of(colour_model, colour_zoo, colour_zoo)
    assert list(report)[:3] == ["p@12", "map", "recall@1"]
    # Four photos of each class lead every ranking: 4 of 12, and a perfect order.
    assert report["p@12"] == report["p@12_best"] == pytest.approx(4 / 12)
    assert report["map"] == report["p@1"] == 1
    assert report["p@5"] == pytest.approx(4 / 5)
    assert report["queries"] == report["paired_queries"] == 6
    assert report["photos"] == 12
    assert report["per_source"]["sketchy"]["queries"] == 6
    assert report["per_class"]["cat"]["photos"] == 4
    assert report["intervals"]["p@12"] == pytest.approx([4 / 12, 4 / 12])
    assert report["distance"] == "cosine"
    for figures in (report, report["per_class"]["cat"], report["per_source"]["sketchy"]):
        best = {"p@12_best", "p@100_best", "p@200_best"}
        assert figures["intervals"].keys() == {*METRICS, *best}
        assert figures["intervals"]["p@12_best"] == pytest.approx([4 / 12, 4 / 12])
    assert report["model"] == "colour"


def test_pairs_are_reported_with_intervals(colour_zoo: Path, colour_model: Path) -> None:
    """The paired photo's figures stand in JSON beside the others, and among the tables."""
    report = report_of(colour_model, colour_zoo, colour_zoo)
    for metric in OF_PAIRS:
        low, high = report["intervals"][metric]
        assert low <= report[metric] <= high
    assert report["recall@12"] == report["in_class_recall@5"] == 1
    command = ("--model", colour_model, "--gallery", colour_zoo, "--queries", colour_zoo)
    assert "in class percentile" in run(*command)[1]


def test_without_pairs_their_figures_are_null(colour_zoo: Path, colour_model: Path) -> None:
    """Sketches whose names tell of no photo have no figures of pairs; the tables leave them out."""
    for sketch in (colour_zoo / "sketch").rglob("*.png"):
        sketch.rename(sketch.with_name(f"tub_{sketch.stem.replace('-', '')}.png"))
    (colour_zoo / "splits.csv").unlink()
    report = report_of(colour_model, colour_zoo, colour_zoo)
    assert report["paired_queries"] == 0
    assert all(report[metric] is None for metric in OF_PAIRS)
    command = ("--model", colour_model, "--gallery", colour_zoo, "--queries", colour_zoo)
    assert "in class percentile" not in run(*command)[1]


def test_a_split_narrows_gallery_and_queries(colour_zoo: Path, colour_model: Path) -> None:
    """`--split test` leaves the photos of other splits out."""
    report = report_of(colour_model, colour_zoo / "photo", colour_zoo / "sketch", "--split", "test")
    assert report["photos"] == 9
    assert report["p@12"] == pytest.approx(3 / 12)


def test_galleries_add_up(
    colour_zoo: Path, colour_model: Path, tmp_path: Path, picture: Picture
) -> None:
    """Several galleries are one; a folder given twice counts once."""
    picture(tmp_path / "more/owl/a.png", (200, 200, 40))
    report = report_of(
        colour_model,
        colour_zoo,
        colour_zoo,
        "--gallery",
        tmp_path / "more",
        "--gallery",
        colour_zoo / "photo",
    )
    assert report["photos"] == 13
    assert report["classes"] == 4
    assert report["left_out"] == {"photos": {}, "sketches": {}}


def test_what_cannot_be_measured_is_counted(
    colour_zoo: Path, colour_model: Path, picture: Picture
) -> None:
    """Damaged and duplicate files and queries of other classes are left out and counted."""
    photo = next((colour_zoo / "photo/cat").iterdir())
    (colour_zoo / "photo/cat/copy.png").write_bytes(photo.read_bytes())
    (colour_zoo / "photo/cat/text.jpg").write_text("no image")
    (colour_zoo / "sketch/cat/cut.png").write_bytes(photo.read_bytes()[:200])
    (colour_zoo / "sketch/cat/empty.png").touch()
    picture(colour_zoo / "sketch/owl/a.png", (1, 2, 3))
    report = report_of(colour_model, colour_zoo, colour_zoo)
    assert counts(report["left_out"]["photos"]) == {"duplicate": 1, "not_an_image": 1}
    assert counts(report["left_out"]["sketches"]) == {
        "class_not_in_gallery": 1,
        "empty": 1,
        "truncated": 1,
    }
    stranger = report["left_out"]["sketches"]["class_not_in_gallery"]
    assert stranger["classes"] == {"owl": 1}
    assert stranger["first"] == [str(colour_zoo / "sketch/owl/a.png")]
    assert report["p@12"] == pytest.approx(4 / 12)


def test_tables_and_a_failure_sheet(colour_zoo: Path, colour_model: Path, tmp_path: Path) -> None:
    """Without --json tables are printed; --failures writes the sheet, --json FILE the figures."""
    sheet, figures = tmp_path / "out/worst.png", tmp_path / "figures.json"
    common = ("--model", colour_model, "--gallery", colour_zoo, "--queries", colour_zoo)
    code, out, _ = run(*common, "--failures", sheet, "--json", figures)
    assert code == 0
    assert "p@12" in out
    assert "sketchy" in out
    assert json.loads(figures.read_text())["queries"] == 6
    with Image.open(sheet) as image:
        assert image.width > image.height / 2 > 100


def test_workers_change_nothing(colour_zoo: Path, colour_model: Path) -> None:
    """Embeddings come in the files' order, however many threads make them."""
    artefact = ModelArtefact.load(colour_model)
    files = list_images(colour_zoo, Modality.PHOTO)
    one = embed(artefact, files, Modality.PHOTO, workers=1)
    four = embed(artefact, files, Modality.PHOTO, workers=4)
    assert one.files == four.files == files
    assert np.array_equal(one.vectors, four.vectors)
    assert np.allclose(np.linalg.norm(one.vectors, axis=1), 1)


def test_ranks_are_by_cosine_and_stable() -> None:
    """The nearest photo is first and equals keep the gallery's order."""
    gallery = np.array([[0, 1], [1, 0], [1, 0], [0.6, 0.8]], np.float32)
    assert rank(np.array([[1, 0]], np.float32), gallery).order.tolist() == [[1, 2, 3, 0]]


def test_classes_narrow_gallery_and_queries(colour_zoo: Path, colour_model: Path) -> None:
    """`--classes` measures these among their own photos; one that is not there is named."""
    for chosen in (("--class", "Cat", "--class", "eel"), ("--classes", "Cat, eel")):
        report = report_of(colour_model, colour_zoo, colour_zoo, *chosen)
        assert (report["classes"], report["photos"], report["queries"]) == (2, 8, 4)
        assert list(report["per_class"]) == report["only_classes"] == ["cat", "eel"]
    code, _, err = run(
        *("--model", colour_model, "--gallery", colour_zoo, "--queries", colour_zoo),
        *("--class", "cow"),
    )
    assert code == 2
    assert "no photo is of class cow" in err


def test_equal_scores_favour_no_class(tmp_path: Path, colour_model: Path) -> None:
    """Two classes that look alike share the first places, whatever they are called."""
    for name in ("aardvark", "zebra"):
        for index in range(30):
            path = tmp_path / "photo" / name / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            # The same colour, but no two files of the same content.
            Image.new("RGB", (8 + index, 8 + len(name)), (90, 120, 30)).save(path)
        (tmp_path / "sketch" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8), (90, 120, 30)).save(tmp_path / "sketch" / name / "s.png")
    report = report_of(colour_model, tmp_path, tmp_path)
    for name in ("aardvark", "zebra"):
        assert report["per_class"][name]["p@12"] == pytest.approx(0.5)


def test_evaluation_needs_no_torch(colour_zoo: Path, colour_model: Path) -> None:
    """A whole evaluation imports neither torch nor torchvision nor timm."""
    code = (
        "import sys; from sketchzoo_training.commands import evaluate\n"
        "try: evaluate()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert not {'torch', 'torchvision', 'timm'} & set(sys.modules)"
    )
    common = ["--model", colour_model, "--gallery", colour_zoo, "--queries", colour_zoo]
    subprocess.run([sys.executable, "-c", code, *common, "--json", "-"], check=True)

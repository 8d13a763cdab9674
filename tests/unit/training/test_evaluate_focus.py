"""`sketchzoo evaluate` by a focus, and of what the gallery does not show."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sketchzoo.images import Modality
from sketchzoo.parts import Focus
from sketchzoo_training.data import list_images
from sketchzoo_training.evaluate.embedding import embed
from sketchzoo_training.evaluate.evaluation import evaluate_rankings
from sketchzoo_training.evaluate.ranking import rank
from tests.unit.training.evaluating import report_of, run, with_focuses

Picture = Callable[[Path, tuple[int, int, int]], None]


def test_a_focus_is_asked_with(colour_zoo: Path, colour_model: Path) -> None:
    """Queries look at what the focus says, by default at what the model's default says."""
    artefact = with_focuses(colour_model)
    photos = embed(artefact, list_images(colour_zoo, Modality.PHOTO), Modality.PHOTO)
    sketches = embed(artefact, list_images(colour_zoo, Modality.SKETCH), Modality.SKETCH)
    for focus, factors in ((Focus.SUBJECT, (1, 1, 0)), (Focus.SHAPE, (0, 0, 1))):
        asked = rank(sketches.vectors * np.array(factors, np.float32), photos.vectors)
        expected = evaluate_rankings(photos.files, sketches.files, asked)
        report = report_of(colour_model, colour_zoo, colour_zoo, "--focus", str(focus))
        assert report["focus"] == str(focus)
        assert report["p@5"] == pytest.approx(expected.report()["p@5"])
        assert report["map"] == pytest.approx(expected.report()["map"])
    shape = report_of(colour_model, colour_zoo, colour_zoo)
    assert (shape["focus"], shape["map"]) == ("shape", report["map"])
    # Blue alone tells cats from dogs no more.
    assert (
        shape["map"] < report_of(colour_model, colour_zoo, colour_zoo, "--focus", "subject")["map"]
    )


def test_a_focus_that_the_model_lacks_is_one_line(colour_zoo: Path, colour_model: Path) -> None:
    """A model without focuses, or without this one, is told from what it has."""
    command = ("--model", colour_model, "--gallery", colour_zoo, "--queries", colour_zoo)
    code, _, err = run(*command, "--focus", "shape")
    assert code == 2
    assert "the model colour has no focus shape: it has none; ask without" in err
    with_focuses(colour_model)
    code, _, err = run(*command, "--focus", "both")
    assert code == 2
    assert "the model colour has no focus both: it has subject, shape" in err


def test_unknown_things_are_told_by_the_best_score(
    colour_zoo: Path, colour_model: Path, tmp_path: Path, picture: Picture
) -> None:
    """`--unknown` asks sketches of what the gallery lacks; AUROC and the focus's score judge."""
    with_focuses(colour_model)
    for number in range(3):
        picture(tmp_path / f"odd/owl/{number}.png", (220, 220, 40))
        picture(tmp_path / f"odd/cat/{number}.png", (220, 220, 40))
    report = report_of(
        colour_model, colour_zoo, colour_zoo, "--unknown", tmp_path / "odd", "--focus", "subject"
    )
    assert report["queries"] == 6
    apart = report["open_world"]
    assert apart == {"min_score": 0.8, "auroc": 1.0, "known_kept": 1.0, "unknown_refused": 1.0}
    command = ("--model", colour_model, "--gallery", colour_zoo, "--queries", colour_zoo)
    assert "AUROC 1.000" in run(*command, "--unknown", tmp_path / "odd", "--focus", "subject")[1]
    code, _, err = run(*command, "--unknown", colour_zoo)
    assert code == 2
    assert "the gallery shows every class of these sketches" in err

"""`sketchzoo evaluate` where something is wrong: a line that says what."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sketchzoo.fingerprint import fingerprint
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo_training.commands import evaluate as app
from sketchzoo_training.data import DataError, list_images
from sketchzoo_training.evaluate.evaluation import evaluate
from tests.unit.training.evaluating import run

Picture = Callable[[Path, tuple[int, int, int]], None]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--split", "val"), "its splits are test, train"),
        (("--model", "nothing-here"), "is no folder"),
        (("--gallery", "nowhere"), "does not exist"),
    ],
)
def test_errors_name_what_is_wrong(
    colour_zoo: Path, colour_model: Path, change: tuple[str, str], message: str
) -> None:
    """What cannot be used ends with status 2 and one line on standard error, none on output."""
    common = ("--model", colour_model, "--gallery", colour_zoo, "--queries", colour_zoo)
    code, out, err = run(*common, "--json", "-", *change)
    assert code == 2
    assert out == ""
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (
            MemoryError("Unable to allocate 9 GiB"),
            (1, "not enough memory: Unable to allocate 9 GiB"),
        ),
        (OSError(28, "No space left on device", "a"), (2, "a: No space left on device")),
    ],
)
def test_what_the_machine_lacks_is_one_line(
    colour_zoo: Path,
    colour_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    problem: Exception,
    said: tuple[int, str],
) -> None:
    """No memory and no room on the disk end in a line, not in a traceback."""

    def fail(*_: object, **__: object) -> None:
        raise problem

    monkeypatch.setattr("sketchzoo_training.evaluate.command.evaluate", fail)
    common = ("--model", colour_model, "--gallery", colour_zoo, "--queries", colour_zoo)
    code, _, err = run(*common)
    assert (code, err.strip()) == (said[0], f"sketchzoo evaluate: {said[1]}")


def test_a_reader_that_has_gone_is_no_error(
    colour_zoo: Path, colour_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`| head` closes the pipe: that is left to the command line, which ends without a word."""

    def gone(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("sketchzoo_training.evaluate.command.evaluate", gone)
    command = ["--model", str(colour_model), "--gallery", str(colour_zoo), "--queries"]
    with pytest.raises(BrokenPipeError):
        CliRunner().invoke(app, [*command, str(colour_zoo)], catch_exceptions=False)


def test_a_network_that_cannot_run_is_one_line(colour_zoo: Path, colour_model: Path) -> None:
    """A model whose network takes other images than its config.json says is no traceback."""
    artefact = ModelArtefact.load(colour_model)
    larger = {
        modality: replace(tower, preprocessing=replace(tower.preprocessing, size=32))
        for modality, tower in artefact.towers.items()
    }
    named = fingerprint(colour_model, larger.values())
    replace(artefact, towers=larger, fingerprint=named).save_config()
    common = ("--model", colour_model, "--gallery", colour_zoo, "--queries", colour_zoo)
    code, _, err = run(*common)
    assert code == 2
    assert "sketchzoo evaluate: ONNX Runtime cannot run the model: " in err
    assert "Traceback" not in err


def test_a_gallery_without_any_class_asked_for_is_an_error(
    colour_zoo: Path, colour_model: Path, tmp_path: Path, picture: Picture
) -> None:
    """When no query can be answered, the two sides' classes are named."""
    picture(tmp_path / "owls/owl/a.png", (1, 2, 3))
    with pytest.raises(DataError, match=r"it has cat, dog, eel; asked for owl"):
        evaluate(
            ModelArtefact.load(colour_model),
            list_images(colour_zoo, Modality.PHOTO),
            list_images(tmp_path / "owls", Modality.SKETCH),
        )

"""The command's options: what is wrong with them is told, and nothing is made."""

from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from model_artefact.commands import app
from tests.unit.model_artefact.exports import image_encoder


def called(*arguments: object) -> Result:
    """Call `sketchzoo model` in this process."""
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(each) for each in arguments])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--mean", "x"), "--mean must be one number, or one a channel with commas between"),
        (("--mean", "0.5,0.5"), "mean and std must both have 1 or 3 values, one a channel"),
        (("--sketch-size", 64), "--sketch-size is of no use without --sketch"),
        (("--context", 5), "--context is of no use without --text"),
        (("--text", "t.onnx"), "--text needs --tokenizer, its tokenizer.json"),
        (("--size", 7), "clip.onnx: size must be 16 to 1024 pixels, not 7"),
        (("--photo", "none.onnx"), "none.onnx is missing"),
        (("--keep", 2), "keep must be above 0 and at most 1, not 2"),
    ],
)
def test_wrong_options_are_told(
    arguments: tuple[object, ...], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit status 2, what is wrong and with which option; nothing is made."""
    monkeypatch.chdir(tmp_path)
    image_encoder(tmp_path / "clip.onnx")
    plain = ("--photo", "clip.onnx", "--size", 32, "--mean", 0.5, "--std", 0.5, "--out", "model")
    ended = called("import", *plain, *arguments)
    assert ended.exit_code == 2
    assert problem in " ".join(ended.stderr.split())
    assert not (tmp_path / "model").exists()


def test_the_shipped_model_is_calibrated_as_a_copy_only(tmp_path: Path) -> None:
    """What was shipped stays what it is."""
    ended = called("calibrate", "zoo-1", "--photos", tmp_path)
    assert ended.exit_code == 2
    assert "zoo-1 is shipped: give --out DIR for a copy" in " ".join(ended.stderr.split())

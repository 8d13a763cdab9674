"""`sketchzoo contact-sheet`: what drawings find, to look at."""

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from sketchzoo.images import Modality
from sketchzoo.parts import Focus
from sketchzoo_training.commands import contact_sheet as app
from sketchzoo_training.commands._shared import FocusName
from sketchzoo_training.data import DataError, list_images
from sketchzoo_training.evaluate import poses
from sketchzoo_training.evaluate.poses import poses_sheet
from tests.unit.training.evaluating import with_focuses

POSES = Path(__file__).parents[3] / "examples" / "poses"
GREEN, ORANGE = (26, 127, 75), (194, 65, 12)


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stderr


def frames(sheet: Image.Image, row: int) -> list[object]:
    """Return the colours of the frames of a row's hits."""
    step, height = 134, 152
    return [sheet.getpixel((step * (hit + 1) + 12, 6 + row * height + 1)) for hit in range(12)]


def test_a_row_a_drawing_and_focus(colour_zoo: Path, colour_model: Path) -> None:
    """Every drawing has a row for each focus, whose frames tell right hits from wrong ones."""
    artefact = with_focuses(colour_model)
    photos = list_images(colour_zoo, Modality.PHOTO)
    drawings = list_images(colour_zoo, Modality.SKETCH)[:1]
    both = poses_sheet(artefact, photos, drawings)
    subject = poses_sheet(artefact, photos, drawings, [Focus.SUBJECT])
    assert both.height - 6 == 2 * (subject.height - 6)
    # By red and green the four cats come first; blue tells them from eels alone.
    assert frames(subject, 0) == [GREEN] * 4 + [ORANGE] * 8
    assert frames(both, 0) == frames(subject, 0)
    assert frames(both, 1) != frames(subject, 0)


def test_a_model_without_focus_has_one_row(
    colour_zoo: Path, colour_model: Path, tmp_path: Path
) -> None:
    """The command writes a PNG, whatever its name, of the photos of a split."""
    out = tmp_path / "out" / "sheet"
    code, err = run(
        *("--model", colour_model, "--gallery", colour_zoo, "--split", "test"),
        *("--drawings", colour_zoo / "sketch", "--out", out),
    )
    assert code == 0, err
    with Image.open(out) as sheet:
        assert (sheet.format, sheet.height) == ("PNG", 6 * 152 + 6)


def test_a_sheet_is_bounded(
    colour_zoo: Path, colour_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More rows than a sheet holds are refused before anything is embedded."""
    monkeypatch.setattr(poses, "MOST_ROWS", 11)
    artefact = with_focuses(colour_model)
    with pytest.raises(DataError, match="6 drawings by 2 focuses are more than the 11 rows"):
        poses_sheet(
            artefact,
            list_images(colour_zoo, Modality.PHOTO),
            list_images(colour_zoo, Modality.SKETCH),
        )


def test_what_cannot_be_drawn_is_one_line(
    colour_zoo: Path, colour_model: Path, tmp_path: Path
) -> None:
    """A focus that the model lacks, and drawings none of which decode, end with status 2."""
    command = ("--model", colour_model, "--gallery", colour_zoo, "--out", tmp_path / "a.png")
    code, err = run(*command, "--drawings", colour_zoo, "--focus", "shape")
    assert (code, err.strip().count("\n")) == (2, 0)
    assert "has no focus shape" in err
    broken = tmp_path / "drawn" / "cat" / "a.png"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"x")
    code, err = run(*command, "--drawings", tmp_path / "drawn")
    assert code == 2
    assert "no drawings left to show" in err


def test_kept_poses_are_four_horses() -> None:
    """The kept drawings are one class in four poses, no two alike."""
    drawings = list_images(POSES, Modality.SKETCH)
    assert [drawing.class_name for drawing in drawings] == ["horse"] * 4
    assert len({drawing.content() for drawing in drawings}) == 4


def test_the_commands_know_every_focus() -> None:
    """The names that options take are those of the focuses."""
    assert [name.value for name in FocusName] == [focus.value for focus in Focus]

"""`sketchzoo data inspect`: counts, damage, near-duplicates and the page."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from typer.testing import CliRunner

from sketchzoo.images import Modality
from sketchzoo_training.commands import data as app
from sketchzoo_training.inspect.inspection import inspect
from sketchzoo_training.inspect.near_duplicates import difference_hash, near_duplicates
from sketchzoo_training.plotting import legible

Picture = Callable[[Path, tuple[int, int, int]], None]


def scene(seed: int) -> Image.Image:
    """Draw some coloured shapes."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (120, 90), tuple(rng.integers(0, 255, 3).tolist()))
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y = rng.integers(0, 100), rng.integers(0, 70)
        box = (x, y, x + rng.integers(8, 40), y + rng.integers(8, 40))
        draw.ellipse([int(v) for v in box], fill=tuple(rng.integers(0, 255, 3).tolist()))
    return image


def test_changed_copies_are_found_and_others_are_not() -> None:
    """Resized and brightened copies are near-duplicates, mirrored and other pictures are not."""
    images = [scene(seed) for seed in range(20)]
    copies = [
        images[3].resize((60, 45)),
        ImageEnhance.Brightness(images[5]).enhance(1.1),
        ImageOps.mirror(images[7]),
    ]
    pairs = near_duplicates([difference_hash(image) for image in images + copies])
    assert {(a, b) for a, b, _ in pairs} == {(3, 20), (5, 21)}


def test_paper_around_a_drawing_tells_nothing() -> None:
    """Small different drawings on white differ; the same one elsewhere on the paper does not."""

    def drawing(place: int, shape: str) -> Image.Image:
        image = Image.new("RGB", (200, 200), "white")
        box = (place, place, place + 30, place + 20)
        getattr(ImageDraw.Draw(image), shape)(box, outline="black", width=2)
        return image

    hashes = [
        difference_hash(image)
        for image in (drawing(20, "ellipse"), drawing(20, "rectangle"), drawing(120, "ellipse"))
    ]
    assert [(a, b) for a, b, _ in near_duplicates(hashes)] == [(0, 2)]


def test_blank_images_resemble_nobody() -> None:
    """Images without any difference in them form no pairs."""
    blank = difference_hash(Image.new("RGB", (30, 30), "white"))
    assert near_duplicates([blank, blank]) == []
    assert near_duplicates([]) == []


def test_a_data_set_is_looked_through(colour_zoo: Path, picture: Picture) -> None:
    """Counts, pairs with photos, damage and leaks between splits and classes are told."""
    scene(1).save(colour_zoo / "photo/cat/n00000009_9.png")
    scene(1).resize((100, 75)).save(colour_zoo / "photo/dog/copy.png")
    (colour_zoo / "sketch/eel/broken.png").write_bytes(b"no image")
    inspection = inspect(colour_zoo)
    summary = inspection.summary()
    assert summary["photos"] == 14
    assert summary["sketches"] == summary["sketches_with_their_photo"] == 6
    assert inspection.per_class(Modality.PHOTO) == {"cat": 5, "dog": 5, "eel": 4}
    assert summary["splits"]["test photo"] == 9
    assert summary["damaged"] == 1
    twins = next(t for t in inspection.twins if "copy" in t.other.path.name)
    assert twins.worries == ("two classes",)


def test_the_page_stands_alone(colour_zoo: Path, tmp_path: Path) -> None:
    """The command writes PNGs, a summary, and one page that holds its pictures itself."""
    (colour_zoo / "sketch/eel/<b>.png").write_bytes(b"no image")
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["inspect", str(colour_zoo), "--out", str(out)])
    assert result.exit_code == 0, result.stderr
    page = (out / "report.html").read_text()
    assert "&lt;b&gt;.png" in page
    assert "data:image/png;base64," in page
    assert 'src="http' not in page
    names = {path.name for path in out.glob("*.png")}
    assert names >= {
        "images_a_class.png",
        "photos_samples.png",
        "sketches_samples.png",
        "sizes.png",
    }
    for name in names:
        with Image.open(out / name) as image:
            image.verify()
    assert json.loads((out / "summary.json").read_text())["photos"] == 12


def test_names_in_any_script_are_drawn(tmp_path: Path, picture: Picture) -> None:
    """Umlauts have letters; what no font here has is a code point, and no warning is given."""
    names = ["Bär", "猫", "\N{LINEAR B SYLLABLE B008 A}", "a$b$c", "[red]x"]
    for name in names:
        picture(tmp_path / "Bilder" / name / "a.png", (200, 30, 30))
        picture(tmp_path / "Skizzen" / name / "a-1.png", (200, 30, 30))
    result = CliRunner().invoke(app, ["inspect", str(tmp_path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "<title>" in (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert legible("Bär a$b$c") == "Bär a$b$c"
    assert legible("\N{LINEAR B SYLLABLE B008 A}") in {"\N{LINEAR B SYLLABLE B008 A}", "<U+10000>"}


def test_what_training_would_leave_out_is_told(colour_zoo: Path, picture: Picture) -> None:
    """Copies, classes of one modality and damaged files stand in the summary and on the page."""
    photo = next((colour_zoo / "photo/cat").iterdir())
    (colour_zoo / "photo/cat/zz.png").write_bytes(photo.read_bytes())
    (colour_zoo / "photo/eel/broken.png").write_bytes(b"no image")
    picture(colour_zoo / "sketch/owl/a.png", (1, 2, 3))
    left_out = inspect(colour_zoo).summary()["left_out"]
    assert {reason: told["count"] for reason, told in left_out["photos"].items()} == {
        "class_not_in_train": 13,
        "duplicate": 1,
        "not_an_image": 1,
    }
    assert left_out["sketches"]["class_of_one_modality"]["classes"] == {"owl": 1}


@pytest.mark.parametrize(
    ("folder", "photos", "sketches"), [("sketch", 0, 6), ("photo", 12, 0), ("photo/cat/..", 12, 0)]
)
def test_one_modality_is_told_by_its_folders_name(
    colour_zoo: Path, folder: str, photos: int, sketches: int
) -> None:
    """A folder of classes alone holds what its name says, or photos."""
    summary = inspect(colour_zoo / folder).summary()
    assert (summary["photos"], summary["sketches"]) == (photos, sketches)


@pytest.mark.parametrize("made", [True, False])
def test_nothing_to_inspect_is_an_error(tmp_path: Path, made: bool) -> None:  # noqa: FBT001 - a case
    """An empty or missing folder ends with status 2 and a line."""
    folder = tmp_path / "none"
    if made:
        folder.mkdir()
    result = CliRunner().invoke(app, ["inspect", str(folder), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "sketchzoo data inspect: " in result.stderr

"""Data sets on disk: layouts, splits, names, strokes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from sketchzoo.images import Modality
from sketchzoo_training.commands import data
from sketchzoo_training.data import (
    DataError,
    ImageFile,
    list_images,
    load_training_set,
    split_by_photo,
)
from sketchzoo_training.recipes.siamese.config import DataConfig
from tests.unit.sketchzoo.pictures import saved

Picture = Callable[[Path, tuple[int, int, int]], None]
RED = (200, 30, 30)


def test_a_level_may_be_named_or_left_out(colour_zoo: Path) -> None:
    """A data set's root and its photo folder list the same photos, splits and all."""
    from_root = list_images(colour_zoo, Modality.PHOTO)
    assert len(from_root) == 12
    assert from_root == list_images(colour_zoo / "photo", Modality.PHOTO)
    assert {file.split for file in from_root} == {"train", "test"}


@pytest.mark.parametrize(
    "names",
    [
        ("Photos", "Sketches"),
        ("PHOTO", "sketch"),
        ("images", "drawings"),
        ("Bilder", "Skizzen"),
        ("fotos", "dibujos"),
    ],
)
def test_a_level_is_known_by_its_usual_names(
    tmp_path: Path, picture: Picture, names: tuple[str, str]
) -> None:
    """Photos are below Photos, images or Bilder, in any case, and no sketch is taken for one."""
    picture(tmp_path / names[0] / "cat/a.png", RED)
    picture(tmp_path / names[1] / "cat/b.png", RED)
    assert [file.path.name for file in list_images(tmp_path, Modality.PHOTO)] == ["a.png"]
    assert [file.path.name for file in list_images(tmp_path, Modality.SKETCH)] == ["b.png"]


def test_photos_that_are_sketches_at_once_are_refused(tmp_path: Path, picture: Picture) -> None:
    """Levels of names that nobody knows are taken for classes: never trained on or scored."""
    picture(tmp_path / "left/cat/a.png", RED)
    picture(tmp_path / "right/cat/b.png", RED)
    with pytest.raises(DataError, match=r"photos and sketches at once.*--photos DIR"):
        load_training_set(tmp_path, DataConfig())


def test_two_levels_for_one_modality_are_unclear(tmp_path: Path, picture: Picture) -> None:
    """Photos below photos or below images: which, only the user can say."""
    for name in ("photos", "images", "sketches"):
        picture(tmp_path / name / "cat/a.png", RED)
    with pytest.raises(DataError, match=r"images and photos, either of which.*--photos DIR"):
        list_images(tmp_path, Modality.PHOTO)
    assert len(list_images(tmp_path, Modality.SKETCH)) == 1


def test_a_class_may_be_called_like_a_level(tmp_path: Path, picture: Picture) -> None:
    """Among other classes a folder of images named `drawing` is a class like them."""
    for name in ("cat", "dog", "drawing"):
        picture(tmp_path / name / "a.png", RED)
    names = [file.class_name for file in list_images(tmp_path, Modality.PHOTO)]
    assert names == ["cat", "dog", "drawing"]


def test_drawn_splits_are_written_and_read(tmp_path: Path, picture: Picture) -> None:
    """`data split` writes splits.csv once; a photo's sketches share its split."""
    for index in range(12):
        picture(tmp_path / f"photo/cat/n0000{index:04}_{index}.png", RED)
        picture(tmp_path / f"sketch/cat/n0000{index:04}_{index}-1.png", RED)
    command = ["split", str(tmp_path), "--fractions", "0.5", "0.25", "0.25"]
    done = CliRunner().invoke(data, command)
    assert done.exit_code == 0, done.output
    of_photo = {file.name: file.split for file in list_images(tmp_path, Modality.PHOTO)}
    sketches = list_images(tmp_path, Modality.SKETCH)
    assert set(of_photo.values()) == {"train", "val", "test"}
    assert [file.split for file in sketches] == [of_photo[str(s.photo_name)] for s in sketches]
    again = CliRunner().invoke(data, command)
    assert again.exit_code == 2
    assert "--replace" in again.output
    wrong = CliRunner().invoke(data, [*command[:2], "--fractions", "1", "1", "1", "--replace"])
    assert wrong.exit_code == 2
    assert "add up to 1" in wrong.output


def test_a_relative_folder_finds_the_splits_beside_it(
    colour_zoo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`photo` given from within the data set, or `.` from within photo, finds splits.csv."""
    monkeypatch.chdir(colour_zoo)
    assert len(list_images(Path("photo"), Modality.PHOTO, split="test")) == 9
    monkeypatch.chdir(colour_zoo / "photo")
    assert len(list_images(Path(), Modality.PHOTO, split="test")) == 9


def test_sketchys_own_directories(tmp_path: Path, picture: Picture) -> None:
    """Sketchy's 256x256/photo/tx_…/class is read, one crop of the several."""
    for transform in ("tx_000000000000", "tx_000100000000"):
        picture(tmp_path / "256x256/photo" / transform / "sea turtle/n01_1.jpg", RED)
        picture(tmp_path / "256x256/sketch" / transform / "sea turtle/n01_1-1.png", RED)
    (photo,) = list_images(tmp_path, Modality.PHOTO)
    (sketch,) = list_images(tmp_path, Modality.SKETCH)
    assert photo.path.parts[-3] == "tx_000000000000"
    assert photo.class_name == sketch.class_name == "sea_turtle"
    assert sketch.photo_name == photo.name


def test_stray_files_are_passed_over(colour_zoo: Path) -> None:
    """Notes, hidden files, operating systems' droppings and empty folders are no images."""
    before = list_images(colour_zoo, Modality.PHOTO)
    (colour_zoo / "photo/cat/notes.txt").write_text("no image")
    (colour_zoo / "photo/cat/.hidden.png").write_bytes(b"x")
    (colour_zoo / "photo/.DS_Store").write_bytes(b"x")
    (colour_zoo / "photo/__MACOSX/cat").mkdir(parents=True)
    (colour_zoo / "photo/__MACOSX/cat/a.png").write_bytes(b"x")
    (colour_zoo / "photo/empty").mkdir()
    (colour_zoo / "photo/README.md").write_text("no class")
    assert list_images(colour_zoo, Modality.PHOTO) == before


def test_systems_folders_are_passed_over(colour_zoo: Path) -> None:
    """A network drive's thumbnails and bin are no class and none of a class's images."""
    found = list_images(colour_zoo, Modality.PHOTO)
    content = (colour_zoo / "photo" / "cat").glob("*.*").__next__().read_bytes()
    for folder in ("photo/#recycle", "photo/cat/@eaDir/a.png", "photo/System Volume Information"):
        (colour_zoo / folder).mkdir(parents=True)
        (colour_zoo / folder / "x.png").write_bytes(content)
    assert list_images(colour_zoo, Modality.PHOTO) == found


def test_nested_and_capital_names(tmp_path: Path, picture: Picture) -> None:
    """Images in folders below the class's count, whatever the case of name and ending."""
    picture(tmp_path / "Sea Turtle/2020/a.PNG", RED)
    (photo,) = list_images(tmp_path, Modality.PHOTO)
    assert photo.class_name == "sea_turtle"


@pytest.mark.parametrize(
    ("ending", "form"), [(".HEIC", "HEIF"), (".avif", "AVIF"), (".tiff", "TIFF")]
)
def test_photos_of_every_format_are_taken(tmp_path: Path, ending: str, form: str) -> None:
    """Those that ingest takes: one list of endings says which."""
    path = tmp_path / "photo" / "cat" / f"a{ending}"
    path.parent.mkdir(parents=True)
    path.write_bytes(saved(form, Image.new("RGB", (32, 24), RED)))
    [file] = list_images(tmp_path, Modality.PHOTO)
    assert file.load().size == (32, 24)


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (["missing"], "does not exist"),
        (["empty/"], "holds no photo"),
        (["flat/a.png"], "no class folders"),
        (["half/sketch/cat/a.png"], "has a sketch level, sketch, but none that is called photo"),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, picture: Picture, layout: list[str], message: str
) -> None:
    """A folder that cannot be used is refused with what was expected."""
    folder = tmp_path / layout[0].split("/")[0]
    for name in layout:
        if name.endswith("/"):
            (tmp_path / name).mkdir()
        elif "/" in name:
            picture(tmp_path / name, RED)
    with pytest.raises(DataError, match=message):
        list_images(folder, Modality.PHOTO)


def test_a_split_needs_a_list(tmp_path: Path, picture: Picture, colour_zoo: Path) -> None:
    """A split asked of a folder without splits.csv, or unknown to it, is refused by name."""
    picture(tmp_path / "plain/cat/a.png", RED)
    with pytest.raises(DataError, match=r"has no splits\.csv"):
        list_images(tmp_path / "plain", Modality.PHOTO, split="test")
    with pytest.raises(DataError, match=r"in split 'tset'; its splits are test, train"):
        list_images(colour_zoo, Modality.PHOTO, split="tset")
    (colour_zoo / "splits.csv").write_text("file,part\na,b\n")
    with pytest.raises(DataError, match="columns path and split"):
        list_images(colour_zoo, Modality.PHOTO)


def test_a_photo_and_its_sketches_share_a_split(tmp_path: Path) -> None:
    """A drawn split is by photo, repeats with its seed and keeps about its shares."""
    photos = [ImageFile(tmp_path / f"n00000001_{i}.jpg", "cat", Modality.PHOTO) for i in range(400)]
    sketches = [
        ImageFile(tmp_path / f"n00000001_{i}-{k}.png", "cat", Modality.SKETCH)
        for i in range(400)
        for k in range(3)
    ]
    split = split_by_photo(photos + sketches, seed=7)
    by_photo: dict[str | None, set[str | None]] = {}
    for file in split:
        by_photo.setdefault(file.photo_name, set()).add(file.split)
    assert all(len(splits) == 1 for splits in by_photo.values())
    assert split == split_by_photo(photos + sketches, seed=7)
    assert split != split_by_photo(photos + sketches, seed=8)
    train = sum(file.split == "train" for file in split) / len(split)
    assert 0.63 < train < 0.77


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("n02131653_10374-1.png", "sketchy"),
        ("tub_12.png", "tuberlin"),
        ("qd_3.png", "quickdraw"),
        ("qd2_3.png", "quickdraw"),
        ("web_17.png", "web"),
        ("cat_17.png", "other"),
        ("17.png", "other"),
    ],
)
def test_a_names_prefix_tells_the_source(tmp_path: Path, name: str, source: str) -> None:
    """A sketch's source is told by its name's prefix, unless that is the class's name."""
    assert ImageFile(tmp_path / name, "cat", Modality.SKETCH).source == source


def test_quickdraw_strokes_are_sketches(tmp_path: Path) -> None:
    """Recognised drawings of an .ndjson file are listed and drawn black on white."""
    lines = [
        {"word": "cat", "recognized": True, "drawing": [[[0, 255], [0, 255]], [[9], [9]]]},
        {"word": "cat", "recognized": False, "drawing": [[[0, 1], [0, 1]]]},
        {"word": "cat", "recognized": True, "drawing": [[[0, 255], [128, 128]]]},
        {"word": "cat", "recognized": True, "drawing": []},
    ]
    path = tmp_path / "sea turtle.ndjson"
    path.write_text("\n".join(json.dumps(line) for line in lines))
    sketches = list_images(tmp_path, Modality.SKETCH)
    assert [sketch.class_name for sketch in sketches] == ["sea_turtle"] * 3
    assert {sketch.source for sketch in sketches} == {"quickdraw"}
    image = sketches[1].load()
    assert image.getpixel((128, 128)) < (60, 60, 60)
    assert image.getpixel((128, 20)) == (255, 255, 255)
    with pytest.raises(DataError, match="is no drawing"):
        sketches[2].load()


def test_a_folder_per_split(tmp_path: Path, picture: Picture) -> None:
    """Splits may be folders; then no splits.csv is asked for."""
    for split in ("train", "test"):
        picture(tmp_path / split / "photo/cat" / f"{split}.png", RED)
    assert [f.split for f in list_images(tmp_path, Modality.PHOTO)] == ["test", "train"]
    (photo,) = list_images(tmp_path, Modality.PHOTO, split="test")
    assert photo.name == "test"
    with pytest.raises(DataError, match="no photo in split 'val'; its splits are test, train"):
        list_images(tmp_path, Modality.PHOTO, split="val")


def test_levels_within_a_class(tmp_path: Path, picture: Picture) -> None:
    """`<class>/photo` and `<class>/sketch` keep the modalities apart."""
    picture(tmp_path / "cat/photo/a.png", RED)
    picture(tmp_path / "cat/sketch/a-1.png", RED)
    picture(tmp_path / "dog/sketch/b-1.png", RED)
    assert [f.name for f in list_images(tmp_path, Modality.PHOTO)] == ["a"]
    assert [f.name for f in list_images(tmp_path, Modality.SKETCH)] == ["a-1", "b-1"]


def test_a_list_copied_with_its_level_is_understood(colour_zoo: Path) -> None:
    """splits.csv within photo/ still names photo/<class>/<file>, in whatever slashes."""
    text = (colour_zoo / "splits.csv").read_text().replace("/", "\\").replace("path,", "Path,")
    (colour_zoo / "splits.csv").unlink()
    (colour_zoo / "photo/splits.csv").write_text(text)
    assert len(list_images(colour_zoo / "photo", Modality.PHOTO, split="test")) == 9

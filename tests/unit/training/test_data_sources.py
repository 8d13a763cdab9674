"""Where a data set comes from beside one folder, and what drops out of it."""

import csv
import io
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from sketchzoo.images import Modality
from sketchzoo_training.commands import data, evaluate
from sketchzoo_training.data import (
    DataError,
    DataFolders,
    ImageFile,
    class_name_of,
    data_source,
    list_images,
    load_training_set,
    look,
)
from sketchzoo_training.errors import ConfigError
from sketchzoo_training.inspect.inspection import inspect
from sketchzoo_training.recipes.siamese.config import DataConfig

Picture = Callable[[Path, tuple[int, int, int]], None]
RED = (200, 30, 30)
EXAMPLES = Path(__file__).parents[3] / "examples/python"
DRAWING = {"recognized": True, "drawing": [[[0, 255], [0, 255]]]}


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(data, [str(argument) for argument in arguments])


@pytest.fixture
def apart(tmp_path: Path, picture: Picture) -> DataFolders:
    """Photos and sketches in folders that no name tells, ten of each class."""
    for index in range(10):
        for class_name in ("Bär", "Löwe"):
            picture(tmp_path / f"a/{class_name}/{index}.png", RED)
            picture(tmp_path / f"b/{class_name}/{index}-1.png", RED)
    return DataFolders(tmp_path / "a", tmp_path / "b")


@pytest.fixture
def pets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pack the archive that the example reads, and stand in the example's folder."""
    monkeypatch.chdir(EXAMPLES)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    path = tmp_path / "pets.zip"
    monkeypatch.setenv("PETS", str(path))
    rng = np.random.default_rng(1)
    rows = io.StringIO()
    writer = csv.writer(rows)
    writer.writerow(("file", "class", "modality", "split"))
    with ZipFile(path, "w") as archive:
        for class_name in ("Cat", "Dog"):
            for split in ("train", "val", "test"):
                for modality, name in (("photo", split), ("sketch", f"{split}-1")):
                    member = f"{class_name}/{modality}/{name}.png"
                    writer.writerow((member, class_name, modality, split))
                    file = io.BytesIO()
                    pixels = rng.integers(0, 255, (20, 20, 3), dtype=np.uint8)
                    Image.fromarray(pixels).save(file, "PNG")
                    archive.writestr(member, file.getvalue())
        archive.writestr("index.csv", rows.getvalue())
    return path


def test_a_folder_of_each(apart: DataFolders) -> None:
    """Photos and sketches lie in folders of their own, whatever they are called."""
    found = load_training_set(apart, DataConfig())
    assert found.classes == ("bär", "löwe")
    assert len(found.photos) == len(found.sketches) == 20
    assert {photo.path.parts[-3] for photo in found.photos} == {"a"}


def test_each_of_two_folders_gets_its_splits(apart: DataFolders) -> None:
    """`data split --photos --sketches` writes a list into each; photo and sketch agree."""
    options = ("--photos", apart.photos, "--sketches", apart.sketches)
    done = run("split", *options)
    assert done.exit_code == 0, done.output
    photos, sketches = (list_images(apart, modality) for modality in Modality)
    assert None not in {file.split for file in photos}
    of_photo = {(file.class_name, file.name): file.split for file in photos}
    assert [of_photo[s.class_name, str(s.photo_name)] for s in sketches] == [
        s.split for s in sketches
    ]
    assert "--replace" in run("split", *options).output
    assert run("split", *options, "--replace").exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "give --data DIR, or --photos DIR and --sketches DIR"),
        (("--photos", "a"), "--photos DIR and --sketches DIR go together"),
        (("a", "--photos", "a", "--sketches", "b"), "give --data DIR, or --photos"),
        (("--photos", "a", "--sketches", "a"), "photos and sketches at once"),
        (("--photos", "a", "--sketches", "link"), "photos and sketches at once"),
        (("--photos", "a", "--sketches", "empty"), "empty holds no sketch"),
    ],
)
def test_what_is_wrong_with_two_folders_is_said(
    apart: DataFolders,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    message: str,
) -> None:
    """One of two, all three, the same files twice (by a link as well) or none: one line."""
    monkeypatch.chdir(apart.photos.parent)
    Path("empty").mkdir()
    for path in sorted(apart.photos.rglob("*.png")):
        link = Path("link") / path.parent.name / f"{path.stem}-1.png"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    done = run("split", *options)
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())
    assert "Traceback" not in done.output


def test_what_drops_out_of_training_is_named(apart: DataFolders, picture: Picture) -> None:
    """Each file that takes no part is there with the reason; the others stay."""
    photos, sketches = apart.photos, apart.sketches
    picture(photos / "Fuchs/a.png", RED)
    picture(photos / "Maus/a.png", RED)
    picture(sketches / "Maus/b.png", RED)
    picture(photos / "lose.png", RED)
    picture(photos / "Bär/unlisted.png", RED)
    picture(photos / "Bär/elsewhere.png", RED)
    picture(photos / "bad\u202ename/a.png", RED)
    shutil.copy(photos / "Bär/1.png", photos / "Bär/zz.png")
    shutil.copy(photos / "Bär/1.png", sketches / "Bär/zz.png")
    (photos / "Bär/broken.png").write_bytes(b"no image")
    (photos / "Bär/phone.jxl").write_bytes(b"not read")
    (photos / "Bär/notes.txt").write_text("none of the data")
    (photos / "Bär/wide.ppm").write_bytes(b"P5 20000 20000 255\n")
    for folder in (photos, sketches):
        with (folder / "splits.csv").open("w") as lines:
            lines.write("path;split\n")
            for path in sorted(folder.rglob("*.*")):
                split = {"elsewhere": "spare", "b": "Validation"}.get(path.stem, "Training")
                if path.stem != "unlisted" and path.name != "splits.csv":
                    lines.write(f"{path.relative_to(folder)};{split}\n")
    found = load_training_set(apart, DataConfig())
    assert {
        (what, reason, tuple(told["classes"]), told["count"])
        for what, reasons in found.left_out.report().items()
        for reason, told in reasons.items()
    } == {
        ("photos", "class_of_one_modality", ("fuchs",), 1),
        ("photos", "class_not_in_train", ("maus",), 1),
        ("sketches", "class_not_in_train", ("maus",), 1),
        ("photos", "in_no_class_folder", ("(no class)",), 1),
        ("photos", "bad_class_name", ("(no class)",), 1),
        ("photos", "not_in_splits", ("bär",), 1),
        ("photos", "in_another_split", ("bär",), 1),
        ("photos", "duplicate", ("bär",), 1),
        ("sketches", "duplicate", ("bär",), 1),
        ("photos", "not_an_image", ("bär",), 1),
        ("photos", "ending_not_read", ("bär",), 1),
        ("photos", "too_large", ("bär",), 1),
    }
    assert found.classes == ("bär", "löwe")
    assert (len(found.photos), len(found.sketches)) == (20, 20)


def test_at_most_five_of_a_reason_are_named(colour_zoo: Path) -> None:
    """A report counts all files and classes of a reason and names the first five."""
    for path in (colour_zoo / "photo").rglob("*_[01].png"):
        path.write_bytes(b"no image")
    told = inspect(colour_zoo).left_out.report()["photos"]["not_an_image"]
    assert told["count"] == 6
    assert told["classes"] == {"cat": 2, "dog": 2, "eel": 2}
    assert len(told["first"]) == 5


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Löwe", "Lo\u0308we"),
        ("cat", "\ufeffcat\u200b"),
        ("Sea Turtle", " sea_turtle"),
    ],
)
def test_class_names_are_those_of_search(one: str, other: str) -> None:
    """Composed letters and no invisible ends, as search has them; case and blanks say nothing."""
    assert class_name_of(one) == class_name_of(other)
    assert class_name_of("Weißfisch") == "weißfisch"


def test_a_drawing_of_many_has_its_own_split(tmp_path: Path, picture: Picture) -> None:
    """`data split` puts each line of an .ndjson file into a split, as `file#line`."""
    for index in range(30):
        picture(tmp_path / f"photo/cat/{index}.png", RED)
    (tmp_path / "sketch").mkdir()
    lines = "\n".join([json.dumps(DRAWING)] * 30)
    (tmp_path / "sketch/cat.ndjson").write_text(lines)
    done = run("split", tmp_path)
    assert done.exit_code == 0, done.output
    assert "sketch/cat.ndjson#30," in (tmp_path / "splits.csv").read_text()
    sketches = list_images(tmp_path, Modality.SKETCH)
    assert {file.split for file in sketches} == {"train", "val", "test"}
    assert {file.place for file in sketches} == {
        f"{tmp_path}/sketch/cat.ndjson#{line}" for line in range(1, 31)
    }


def test_damaged_lines_and_those_beyond_the_limit_are_named(tmp_path: Path) -> None:
    """A cut line costs no file, and that only the first 1,000 drawings are read is said."""
    lines = [json.dumps(DRAWING)] * 1002
    lines[3] = lines[3][:20]
    (tmp_path / "cat.ndjson").write_text("\n".join(lines))
    found = look(tmp_path, Modality.SKETCH)
    assert len(found.files) == 1000
    assert found.left_out.report()["sketches"] == {
        "beyond_1000_drawings": {
            "count": 1,
            "classes": {"cat": 1},
            "first": [f"{tmp_path}/cat.ndjson#1002"],
        },
        "not_a_drawing": {
            "count": 1,
            "classes": {"cat": 1},
            "first": [f"{tmp_path}/cat.ndjson#4"],
        },
    }


def test_folders_of_splits_are_not_split_again(tmp_path: Path, picture: Picture) -> None:
    """A list would say other than the folders do; both can't be."""
    for split in ("Training", "Validation"):
        picture(tmp_path / split / "photo/cat/a.png", RED)
        picture(tmp_path / split / "sketch/cat/a-1.png", RED)
    assert {file.split for file in list_images(tmp_path, Modality.PHOTO)} == {"train", "val"}
    done = run("split", tmp_path)
    assert done.exit_code == 2
    assert "a folder for each split already" in done.output


def test_the_examples_data_set_plugs_in(pets: Path, colour_model: Path, tmp_path: Path) -> None:
    """`module:attribute` is inspected, trained on and measured like a folder, splits and all."""
    name = "plugin:own_data:pets"
    found = load_training_set(data_source(name), DataConfig())
    assert found.classes == ("cat", "dog")
    assert found.counts()["val_sketch"] == 2
    assert found.photos[0].place == f"{pets}#Cat/photo/test.png"
    assert run("inspect", name, "--out", tmp_path / "out").exit_code == 0
    options = ["--model", str(colour_model), "--gallery", name, "--queries", name]
    done = CliRunner().invoke(evaluate, [*options, "--split", "test", "--json", "-"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["photos"], report["paired_queries"]) == (2, 2)
    assert "says its splits itself" in run("split", name).output


def test_an_installed_data_set_plugs_in_by_its_name(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry point of `sketchzoo.datasets` needs its name alone."""
    info = tmp_path / "site/pets-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pets\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sketchzoo.datasets]\npets = own_data:pets\n")
    monkeypatch.syspath_prepend(str(info.parent))
    monkeypatch.syspath_prepend(str(EXAMPLES))
    assert len(list_images(data_source("plugin:pets"), Modality.PHOTO)) == 6
    with pytest.raises(ConfigError, match=r"'cats' is no entry point.*there are: pets"):
        data_source("plugin:cats")


def no_images() -> list[object]:
    return ["a.png"]


not_called = 3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module:x", "cannot be loaded: No module named"),
        (f"{__name__}:nothing", "cannot be loaded"),
        (f"{__name__}:not_called", "must be called for its images"),
        (f"{__name__}:no_images", "must return ImageFile values, not 'a.png'"),
    ],
)
def test_what_is_no_data_set_is_refused(name: str, message: str) -> None:
    """A plugin that can't be loaded or returns something else is named with what is wrong."""
    with pytest.raises((DataError, ConfigError), match=message):
        data_source(f"plugin:{name}")


def test_an_image_file_says_what_it_is(tmp_path: Path) -> None:
    """A file without a class is refused where it is made."""
    with pytest.raises(ValueError, match="class_name of"):
        ImageFile(tmp_path / "a.png", "", Modality.PHOTO)

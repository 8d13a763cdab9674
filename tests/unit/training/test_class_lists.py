"""Lists of classes: kept ones and one's own."""

from pathlib import Path

import pytest
from PIL import Image

from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo_training.data import DataError, ImageFile, class_list, kept_lists
from sketchzoo_training.recipes.towers.config import DataConfig, TowersConfig
from sketchzoo_training.recipes.towers.drawings import held_out_classes


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Write a list of two classes of the colour zoo, one of them by another name, and a third."""
    path = tmp_path / "two.toml"
    path.write_text(
        'about = "two and one"\nsource = "this test"\n'
        'classes = ["Pussy cat", "dog", "unicorn"]\n[also]\ncat = "pussy cat"\n'
    )
    return path


def test_kept_lists_have_as_many_classes_as_they_say() -> None:
    """Every kept list is read, names its source, and has the number of classes in its name."""
    assert kept_lists() == ["sketchy-21", "sketchy-25", "tuberlin-30", "unseen-20"]
    for name in kept_lists():
        listed = class_list(name)
        assert len(listed.classes) == int(name.rpartition("-")[2])
        assert listed.about
        assert listed.source


def test_the_unseen_list_is_the_shipped_models() -> None:
    """The kept list is of the classes that no training of the shipped model saw."""
    unseen = ModelArtefact.read("zoo-1").notes["unseen_classes"]
    assert class_list("unseen-20").classes == set(unseen)


def test_the_recipe_holds_the_listed_classes_out(tmp_path: Path) -> None:
    """Data that has all listed classes loses these, by whatever seed; other data as many drawn."""
    listed = class_list("unseen-20").classes
    for name in (*listed, "banana", "door"):
        _photo(tmp_path / "extra/photo" / name)
    assert held_out_classes(tmp_path, TowersConfig(seed=7)) == listed
    three = TowersConfig(data=DataConfig(held_out_classes=3))
    assert len(held_out_classes(tmp_path, three)) == 3
    for name in (*listed, "banana"):
        _photo(tmp_path / "other/extra/photo" / name.replace("apple", "quince"))
    drawn = held_out_classes(tmp_path / "other", TowersConfig())
    assert len(drawn) == 20
    assert drawn != listed


def test_a_list_renames_and_tells_what_is_there(two: Path) -> None:
    """Classes are compared by the list's names; others keep theirs."""
    listed = class_list(str(two))
    files = [
        ImageFile(Path(name), name, Modality.SKETCH) for name in ("cat", "dog", "pussy_cat", "owl")
    ]
    named = [file.class_name for file in listed.called(files)]
    assert named == ["pussy_cat", "dog", "pussy_cat", "owl"]
    assert listed.among(["cat", "owl"]) == ["pussy_cat"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("classes = [", "is no list of classes"),
        ('about = "a"\nclasses = ["cat"]', "source is missing"),
        ('about = "a"\nsource = "b"\nclasses = []', "at least one"),
        ('about = "a"\nsource = "b"\nclasses = "cat"', "classes must be a list"),
        ('about = "a"\nsource = "b"\nclasses = [1]', "is no list of classes"),
        ('about = "a"\nsource = "b"\nclasses = ["cat"]\nalso = {a = "dog"}', "dog, which classes"),
    ],
)
def test_a_file_that_is_no_list_says_so(tmp_path: Path, text: str, said: str) -> None:
    """What is wrong with a list of one's own is told with its path."""
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=rf"mine\.toml.*{said}"):
        class_list(str(path))


def test_an_unknown_list_names_the_kept_ones() -> None:
    """A name that no list has is answered with those that there are."""
    with pytest.raises(DataError, match="sketchy-22 is no list of classes: give sketchy-21, "):
        class_list("sketchy-22")


def _photo(folder: Path) -> None:
    folder.mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(folder / "a.png")

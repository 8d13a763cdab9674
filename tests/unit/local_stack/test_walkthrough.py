"""What the demo searches with, and what it shows."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console

from local_stack.settings import UpSettings
from local_stack.stack import StackError
from local_stack.walkthrough import Walkthrough
from sketchzoo.cli import hits
from sketchzoo.client import ClassCounts, Hit, NotReady, SearchResult
from sketchzoo.client.results import Timings
from sketchzoo.contact_sheet import Tile, contact_sheet

EMPTY = ClassCounts(named={}, seen={}, total=0)


def sketches(folder: Path, **classes: tuple[str, ...]) -> Path:
    for name, files in classes.items():
        (folder / name).mkdir(parents=True)
        for file in files:
            (folder / name / file).touch()
    return folder


def walkthrough(folder: Path, photos: Path | None = None, count: int = 8) -> Walkthrough:
    return Walkthrough(UpSettings(data=folder), Console(), photos, count)


def test_each_class_gives_its_first_picture(tmp_path: Path) -> None:
    """What a system leaves in folders is no sketch, and an empty class has none."""
    folder = sketches(
        tmp_path / "sketch", cat=(".DS_Store", "b.png", "a.png"), dog=(), owl=("Thumbs.db", "o.PNG")
    )
    found = walkthrough(tmp_path)._examples(folder, EMPTY)
    assert [(example.class_name, example.path.name) for example in found] == [
        ("cat", "a.png"),
        ("owl", "o.PNG"),
    ]


def test_sketches_of_the_users_own_classes_come_first(tmp_path: Path) -> None:
    """Where the photos have none of the drawn classes, all are shown."""
    folder = sketches(tmp_path / "sketch", cat=("a.png",), owl=("o.png",))
    for name, classes in (("owl", ["owl"]), ("yak", ["cat", "owl"])):
        contents = ClassCounts(named={name: 3}, seen={"cat": 1}, total=4)
        found = walkthrough(tmp_path)._examples(folder, contents)
        assert [example.class_name for example in found] == classes


def test_where_nobody_named_classes_it_goes_by_what_is_seen(tmp_path: Path) -> None:
    """The most frequent first, and no more than wanted."""
    folder = sketches(tmp_path / "sketch", ant=("a.png",), cat=("a.png",), owl=("o.png",))
    contents = ClassCounts(named={}, seen={"owl": 9, "cat": 2, "dog": 20}, total=50)
    found = walkthrough(tmp_path)._examples(folder, contents)
    assert [example.class_name for example in found] == ["owl", "cat"]
    assert len(walkthrough(tmp_path, count=1)._examples(folder, contents)) == 1


def test_a_folder_without_sketches_is_told(tmp_path: Path) -> None:
    """In words, and not as an empty picture's error."""
    with pytest.raises(StackError, match="holds no sketches"):
        walkthrough(tmp_path)._examples(sketches(tmp_path / "sketch", cat=()), EMPTY)


class Away:
    """A client whose service shows no photo."""

    def photo(self, photo_id: str, *, max_side: int, gallery: str) -> Any:
        raise NotReady("the photo lies outside of the gallery's roots")


def found(*shown: tuple[str, str]) -> SearchResult:
    """Return a result whose hits have these classes, named and seen."""
    each = [Hit("1", named, 0.9, "file:///a.jpg", 4, 3, seen_class=seen) for named, seen in shown]
    return SearchResult(tuple(each), "model", "", Timings(), 0.0)


def test_a_photo_that_cannot_be_shown_is_left_blank() -> None:
    """A gallery of an earlier run may lie where nothing is served from any more."""
    query = Tile(Image.new("RGB", (8, 8)), "owl (sketch)")
    row = hits.row(query, found(("owl", "")), Away(), "owl")  # type: ignore[arg-type] # a fake
    assert row.hits[0].right
    assert contact_sheet([row]).size[0] > 0


def test_photos_without_a_class_are_judged_by_what_is_seen() -> None:
    """What the model sees may be right or wrong; where it sees nothing, nobody knows."""
    result = found(("", "owl"), ("", "bat"), ("", ""))
    query = Tile(Image.new("RGB", (8, 8)), "owl (sketch)")
    row = hits.row(query, result, Away(), "owl")  # type: ignore[arg-type] # a fake
    assert [hit.right for hit in row.hits] == [True, False, None]

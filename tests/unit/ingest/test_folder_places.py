"""Folders as people have them: levels, disks that are away, systems' folders, deep nesting."""

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from sketchzoo.ignored import Ignored
from sketchzoo_ingest.outcome import Reason, Refusal
from sketchzoo_ingest.sources import ClassFrom, Emptied, FolderSource, PassedOver
from tests.unit.ingest.listing import listed, put, refused


def places(source: FolderSource) -> list[str]:
    """Return the names of the folders in which no photo is."""
    return [Path(entry.uri).name for entry in source.candidates() if isinstance(entry, Emptied)]


def passed_over(source: FolderSource) -> Counter[Ignored]:
    return Counter(e.kind for e in source.candidates() if isinstance(e, PassedOver))


def nest(path: Path, name: str, depth: int) -> int:
    """Make folders within folders and return the innermost, open."""
    folder = os.open(path, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=folder)
        inner = os.open(name, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    return folder


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """Give a folder whose inside Python's own removal would not get through."""
    yield tmp_path
    subprocess.run(["rm", "-rf", tmp_path], check=True)


@pytest.mark.parametrize("state", ["empty", "files", "gone", "dangling"])
def test_sketch_beside_photo_is_no_class(tmp_path: Path, state: str) -> None:
    """Where `photo/` has no classes or is away, `sketch/` beside it does not take its place."""
    put(tmp_path / "sketch" / "owl" / "s.jpg")
    if state in ("empty", "files"):
        (tmp_path / "photo").mkdir()
    if state == "files":
        put(tmp_path / "photo" / "stray.jpg")
    if state == "dangling":
        (tmp_path / "photo").symlink_to(tmp_path / "disk")
    source = FolderSource(tmp_path)
    assert listed(source) == ([("", "stray.jpg")] if state == "files" else [])
    assert source.root == (tmp_path / "photo").as_uri() + "/"


def test_sketch_alone_may_be_a_class(tmp_path: Path) -> None:
    """A folder `sketch` with files in it, or beside other classes, is a class."""
    put(tmp_path / "sketch" / "a.jpg")
    assert listed(FolderSource(tmp_path)) == [("sketch", "a.jpg")]
    put(tmp_path / "sketch" / "deep" / "b.jpg")
    put(tmp_path / "painting" / "c.jpg")
    assert [name for name, _ in listed(FolderSource(tmp_path))] == ["painting", "sketch", "sketch"]


def test_systems_folder_makes_no_level(tmp_path: Path) -> None:
    """A class `photo` on a network drive stays a class, with the drive's folder in it."""
    put(tmp_path / "photo" / "a.jpg")
    put(tmp_path / "photo" / "@eaDir" / "a.jpg" / "SYNOPHOTO_THUMB_M.jpg")
    assert listed(FolderSource(tmp_path, None, ClassFrom.FOLDER)) == [("photo", "a.jpg")]


@pytest.mark.parametrize("place", ["owl", "owl/deep"])
def test_link_to_a_disk_that_is_away(tmp_path: Path, place: str) -> None:
    """A link that leads nowhere is refused by the uri above all that may lie below it."""
    put(tmp_path / "owl" / "deep" / "a.jpg")
    (tmp_path / place).rename(tmp_path / "disk")
    (tmp_path / place).symlink_to(tmp_path / "disk")
    (tmp_path / "disk").rename(tmp_path / ".away")
    refusals = [e for e in FolderSource(tmp_path).candidates() if isinstance(e, Refusal)]
    assert [(r.uri, r.reason) for r in refusals] == [
        ((tmp_path / place).as_uri(), Reason.NOT_FOUND)
    ]


def test_loop_of_links_is_refused_alone(tmp_path: Path) -> None:
    """A link to itself is refused; the classes beside it are listed."""
    put(tmp_path / "cat" / "a.jpg")
    (tmp_path / "ant").symlink_to("ant")
    source = FolderSource(tmp_path)
    assert (listed(source), refused(source)) == ([("cat", "a.jpg")], [("ant", Reason.UNREADABLE)])


def test_folder_that_may_not_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that cannot be listed is refused by its uri; the others are listed."""
    put(tmp_path / "ant" / "a.jpg")
    put(tmp_path / "cat" / "a.jpg")
    source = FolderSource(tmp_path)
    scandir = os.scandir

    def refuse(path: str) -> object:
        # Tests may run as root, who may list everything.
        if os.path.basename(path) == "ant":  # noqa: PTH119 - a path as text
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("sketchzoo_ingest.sources.disk.os.scandir", refuse)
    assert (listed(source), refused(source)) == ([("cat", "a.jpg")], [("ant", Reason.UNREADABLE)])


def test_folders_without_photos_are_told(tmp_path: Path) -> None:
    """A folder in which no photo lies, at any depth, is told: its disk may be away."""
    put(tmp_path / "owl" / "a.jpg")
    (tmp_path / "owl" / "disk").mkdir()
    put(tmp_path / "swan" / "lost+found" / "a.jpg")
    put(tmp_path / "crab" / "2020" / "notes.txt")
    assert places(FolderSource(tmp_path)) == ["2020", "crab", "disk", "swan"]


def test_sidecars_are_passed_over(tmp_path: Path) -> None:
    """A phone's export is its photos: what lies beside them is counted by kind, never refused."""
    for number in range(3):
        put(tmp_path / "owl" / f"IMG_{number}.jpg")
        put(tmp_path / "owl" / f"IMG_{number}.jpg.json")
    put(tmp_path / "owl" / "Thumbs.db")
    put(tmp_path / "owl" / "IMG_1.MOV")
    put(tmp_path / "ATTRIBUTION.csv")
    source = FolderSource(tmp_path)
    assert len(listed(source)) == 3
    assert refused(source) == []
    assert passed_over(source) == {
        Ignored.SIDECAR: 3,
        Ignored.SYSTEM_FILE: 1,
        Ignored.VIDEO: 1,
        Ignored.DOCUMENT: 1,
    }


def test_systems_folders_are_passed_over(tmp_path: Path) -> None:
    """A network drive's thumbnails and its bin are no photos and no class, at any depth."""
    put(tmp_path / "owl" / "a.jpg")
    put(tmp_path / "owl" / "@eaDir" / "a.jpg" / "SYNOPHOTO_THUMB_M.jpg")
    put(tmp_path / "owl" / "2020" / "@EADIR" / "b.jpg")
    put(tmp_path / "owl" / "2020" / "b.jpg")
    put(tmp_path / "#recycle" / "old.jpg")
    put(tmp_path / "System Volume Information" / "x.jpg")
    source = FolderSource(tmp_path)
    assert listed(source) == [("owl", "b.jpg"), ("owl", "a.jpg")]
    assert passed_over(source) == {Ignored.SYSTEM_FOLDER: 4}


def test_deep_nesting(deep: Path) -> None:
    """Folders nested deeper than Python calls itself are listed, with few files open."""
    put(deep / "cat" / "a.jpg")
    nested = nest(deep / "cat", "d", 1500)
    os.close(os.open("b.jpg", os.O_CREAT, dir_fd=nested))
    os.close(nested)
    assert sorted(listed(FolderSource(deep))) == [("cat", "a.jpg"), ("cat", "b.jpg")]


def test_path_longer_than_the_system_takes(deep: Path) -> None:
    """A folder whose path is too long is refused as itself; the rest is listed."""
    put(deep / "cat" / "a.jpg")
    os.close(nest(deep / "cat", "x" * 200, 25))
    source = FolderSource(deep)
    assert listed(source) == [("cat", "a.jpg")]
    [refusal] = [e for e in source.candidates() if isinstance(e, Refusal)]
    assert (refusal.reason, refusal.message) == (
        Reason.UNREADABLE,
        "cannot be listed: File name too long",
    )


def test_control_characters_reach_no_terminal(tmp_path: Path) -> None:
    """What a report says of a file's name commands no terminal."""
    (tmp_path / "cat").mkdir()
    os.mkfifo(tmp_path / "cat" / "a\x1b[31m.jpg")
    [refusal] = [e for e in FolderSource(tmp_path).candidates() if isinstance(e, Refusal)]
    assert refusal.origin.endswith("a\\x1b[31m.jpg")

"""Telling what lies among photos and is none."""

from pathlib import Path

import pytest

from sketchzoo.ignored import Ignored, may_be_photos, of_file, of_folder


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("IMG_1.jpg.json", Ignored.SIDECAR),
        ("IMG_1.XMP", Ignored.SIDECAR),
        ("IMG_1.aae", Ignored.SIDECAR),
        ("IMG_1.MOV", Ignored.VIDEO),
        ("PXL_2023.MP", Ignored.VIDEO),
        ("note.m4a", Ignored.AUDIO),
        ("read me.TXT", Ignored.DOCUMENT),
        ("Thumbs.db", Ignored.SYSTEM_FILE),
        ("desktop.ini", Ignored.SYSTEM_FILE),
        ("Icon\r", Ignored.SYSTEM_FILE),
    ],
)
def test_files_are_told_by_their_endings(name: str, kind: Ignored) -> None:
    """An ending that no picture has tells what a file is, in capitals too."""
    assert of_file(name) is kind


@pytest.mark.parametrize(
    "name", ["a.jpg", "a.HEIC", "a.dng", "a.tif", "json", "a.json.jpg", "owl", "x.unknown"]
)
def test_what_may_be_a_picture_is_looked_at(name: str) -> None:
    """Pictures of every format, and files of no known ending, are not ignored."""
    assert of_file(name) is None


@pytest.mark.parametrize(
    "name",
    ["@eaDir", "#recycle", "@Recycle", "$RECYCLE.BIN", "__MACOSX", "Zoo Previews.lrdata"],
)
def test_systems_keep_their_folders(name: str) -> None:
    """A system's folders are known, however their names are written."""
    assert of_folder(name) is of_folder(name.upper()) is Ignored.SYSTEM_FOLDER


@pytest.mark.parametrize("name", ["owl", "@nasa", "#2020", "recycling", "photo"])
def test_people_name_folders_as_they_like(name: str) -> None:
    """Only names that are a system's own are passed over."""
    assert of_folder(name) is None


def test_previews_of_apple_photos_are_no_photos() -> None:
    """Of a library of Apple Photos the originals are photos; what it made of them is its own."""
    for name in ("resources", "database", "scopes"):
        assert of_folder(name, "Photos Library.photoslibrary") is Ignored.SYSTEM_FOLDER
        assert of_folder(name, "holiday") is None
    assert of_folder("originals", "Photos Library.photoslibrary") is None


def test_a_folder_is_listed_as_a_phone_or_a_drive_left_it(tmp_path: Path) -> None:
    """Hidden files, thumbnails, notes and previews are passed over; the rest is in order."""
    kept = ["a.jpg", "b/c.png", "b/json", "x.photoslibrary/originals/d.heic"]
    left = ["._a.jpg", ".trash/e.jpg", "@eaDir/a.jpg", "a.json", "x.photoslibrary/resources/d.jpg"]
    for name in kept + left:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in may_be_photos(tmp_path)]
    assert found == kept

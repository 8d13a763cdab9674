"""Telling what lies among photos and is none."""

import pytest

from sketchzoo.bystanders import Bystander, of_file, of_folder


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("IMG_1.jpg.json", Bystander.SIDECAR),
        ("IMG_1.XMP", Bystander.SIDECAR),
        ("IMG_1.aae", Bystander.SIDECAR),
        ("IMG_1.MOV", Bystander.VIDEO),
        ("note.m4a", Bystander.AUDIO),
        ("read me.TXT", Bystander.DOCUMENT),
        ("Thumbs.db", Bystander.SYSTEM_FILE),
        ("desktop.ini", Bystander.SYSTEM_FILE),
        ("Icon\r", Bystander.SYSTEM_FILE),
    ],
)
def test_files_are_told_by_their_endings(name: str, kind: Bystander) -> None:
    """An ending that no picture has tells what a file is, in capitals too."""
    assert of_file(name) is kind


@pytest.mark.parametrize(
    "name", ["a.jpg", "a.HEIC", "a.dng", "a.tif", "json", "a.json.jpg", "owl", "x.unknown"]
)
def test_what_may_be_a_picture_is_looked_at(name: str) -> None:
    """Pictures of every format, and files of no known ending, are no bystanders."""
    assert of_file(name) is None


@pytest.mark.parametrize(
    "name",
    ["@eaDir", "#recycle", "@Recycle", "$RECYCLE.BIN", "__MACOSX", "Zoo Previews.lrdata"],
)
def test_systems_keep_their_folders(name: str) -> None:
    """A system's folders are known, however their names are written."""
    assert of_folder(name) is of_folder(name.upper()) is Bystander.SYSTEM_FOLDER


@pytest.mark.parametrize("name", ["owl", "@nasa", "#2020", "recycling", "photo"])
def test_people_name_folders_as_they_like(name: str) -> None:
    """Only names that are a system's own are passed over."""
    assert of_folder(name) is None

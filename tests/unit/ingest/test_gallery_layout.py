"""Telling folders that name classes from folders that photos merely lie in."""

from pathlib import Path

import pytest

from sketchzoo_ingest.sources import ClassFrom, FolderSource
from tests.unit.ingest.listing import listed, put

CLASSES = {
    "animals": ["owl/1.jpg", "owl/2.jpg", "swan/1.png", "crab/a/b.jpg"],
    "two classes": ["cat/a.jpg", "dog/a.jpg"],
    "with sidecars at the top": ["owl/1.jpg", "swan/1.jpg", "LICENSE", "photos.csv"],
    "ImageNet": ["n01440764/1.JPEG", "n01443537/2.JPEG"],
    "digits": [f"{n}/1.png" for n in range(10)],
    "cars by year": ["Acura RL Sedan 2012/1.jpg", "BMW X5 SUV 2007/1.jpg"],
    "one called as a device": ["camera/1.jpg", "ant/1.jpg", "bass/1.jpg"],
    "people": ["Alice/1.heic", "Bob/1.HEIC"],
    "level": ["photo/owl/1.jpg", "sketch/owl/1.png"],
}
LIBRARIES = {
    "all at the top": ["1.jpg", "2.jpg"],
    "some at the top": ["owl/1.jpg", "swan/1.jpg", "3.JPG"],
    "a camera's card": ["DCIM/100CANON/1.jpg", "DCIM/101CANON/1.jpg", "MISC/x.ctg"],
    "a camera's folder": ["100CANON/1.jpg", "101CANON/1.jpg"],
    "a phone": ["DCIM/Camera/1.jpg", "Pictures/Screenshots/1.png", "WhatsApp Images/1.jpg"],
    "an iPhone": ["100APPLE/IMG_1.HEIC", "101APPLE/IMG_2.HEIC", "202407__/IMG_3.HEIC"],
    "by year": ["2023/1.jpg", "2024/1.jpg"],
    "by month": ["2024/07/1.jpg", "2024/08/1.jpg"],
    "by day": ["2024-07-01/1.jpg", "2024-07-02 Birthday/1.jpg", "20240703/1.jpg"],
    "months of a year": ["01/1.jpg", "02/1.jpg", "12/1.jpg"],
    "named months": ["January 2024/1.jpg", "07 July/1.jpg"],
    "Takeout": ["Takeout/Google Photos/Photos from 2023/1.jpg"],
    "Takeout's inside": ["Photos from 2023/1.jpg", "Photos from 2024/1.jpg", "Trip/1.jpg"],
    "a network drive": ["homes/ada/2023/1.jpg", "homes/bob/1.jpg", "public/x/y/1.jpg"],
    "no photos in the first folders": ["a/2023/1.jpg", "b/2024/1.jpg"],
    "photo of a network drive": ["photo/2023/1.jpg", "photo/2024/1.jpg"],
}


@pytest.mark.parametrize("files", CLASSES.values(), ids=CLASSES)
def test_folders_of_classes(tmp_path: Path, files: list[str]) -> None:
    """Folders that hold photos and are called by what is on them are classes."""
    for file in files:
        put(tmp_path / file)
    source = FolderSource(tmp_path)
    assert source.classes.of is ClassFrom.FOLDER
    assert all(name for name, _ in listed(source) if name != "")


@pytest.mark.parametrize("files", LIBRARIES.values(), ids=LIBRARIES)
def test_libraries_have_no_classes(tmp_path: Path, files: list[str]) -> None:
    """A library is taken whole, without classes, and the report says why."""
    for file in files:
        put(tmp_path / file)
    source = FolderSource(tmp_path)
    assert (source.classes.of, bool(source.classes.why)) == (ClassFrom.NONE, True)
    assert {name for name, _ in listed(source)} == {""}
    assert len(listed(source)) == sum(not file.endswith("ctg") for file in files)
    assert source.root == tmp_path.as_uri() + "/"


def test_operator_says_otherwise(tmp_path: Path) -> None:
    """Where classes come from is the operator's to say; a folder has no column."""
    put(tmp_path / "2024" / "a.jpg")
    put(tmp_path / "owl" / "b.jpg")
    assert listed(FolderSource(tmp_path, None, ClassFrom.NONE)) == [("", "a.jpg"), ("", "b.jpg")]
    assert listed(FolderSource(tmp_path, None, ClassFrom.FOLDER)) == [
        ("2024", "a.jpg"),
        ("owl", "b.jpg"),
    ]
    with pytest.raises(ValueError, match="--class-from must be folder or none"):
        FolderSource(tmp_path, None, ClassFrom.COLUMN)


def test_sketches_beside_photos_are_never_photos(tmp_path: Path) -> None:
    """Without classes, too, only `photo/` of a data set is taken."""
    put(tmp_path / "photo" / "owl" / "a.jpg")
    put(tmp_path / "sketch" / "owl" / "b.png")
    assert listed(FolderSource(tmp_path, None, ClassFrom.NONE)) == [("", "a.jpg")]


def test_place_and_time_of_a_photo(tmp_path: Path) -> None:
    """A photo has its folder and name, composed, and its file's size and time."""
    path = put(tmp_path / "2024" / "Gro\u0308ße" / "o\u0308.jpg")
    [entry] = FolderSource(tmp_path).candidates()
    assert (entry.folder, entry.file_name) == ("2024/Größe", "ö.jpg")
    found = path.stat()
    assert entry.size == found.st_size
    assert abs(entry.modified_at.timestamp() - found.st_mtime) < 1e-5

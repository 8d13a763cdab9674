"""The list of folders that were ingested."""

from pathlib import Path

import pytest

from sketchzoo.gallery_roots import RootsFile


def test_folders_are_listed_once_and_whole(tmp_path: Path) -> None:
    """Links and relative paths are resolved; two writers leave each other's lines."""
    (tmp_path / "a b").mkdir()
    (tmp_path / "c\udcff").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a b")
    one, other = (RootsFile(tmp_path / "data" / "roots") for _ in range(2))
    one.add([tmp_path / "a b"])
    other.add([tmp_path / "link", tmp_path / "a b" / ".." / "c\udcff"])
    one.add([tmp_path / "a b"])
    assert one.read() == (tmp_path / "a b", tmp_path / "c\udcff")


def test_a_list_that_is_gone_names_nothing(tmp_path: Path) -> None:
    """And what is no absolute path names no folder, either."""
    path = tmp_path / "roots"
    roots = RootsFile(path)
    assert roots.read() == ()
    path.write_text("relative\n\n/srv/zoo\n")
    assert roots.read() == (Path("/srv/zoo"),)
    path.unlink()
    assert roots.read() == ()


def test_a_folder_that_no_line_can_hold_is_refused(tmp_path: Path) -> None:
    """It would be two folders."""
    odd = tmp_path / "a\n"
    odd.mkdir()
    with pytest.raises(ValueError, match="line break"):
        RootsFile(tmp_path / "roots").add([odd])


def test_a_folders_name_lists_no_other_folder(tmp_path: Path) -> None:
    """Whatever ends a line elsewhere is part of the name here."""
    odd = tmp_path / "x\r" / "etc"
    odd.mkdir(parents=True)
    roots = RootsFile(tmp_path / "roots")
    roots.add([odd])
    assert roots.read() == (odd,)

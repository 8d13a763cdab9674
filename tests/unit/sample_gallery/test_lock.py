"""The lock file of a fetched gallery."""

from pathlib import Path

import pytest

from sample_gallery.fetch._lock import NAME, Entry, Lock
from sample_gallery.fetch._manifest import Row


def entry(where: str) -> Entry:
    return Entry(where, "", "a" * 64, 5, f"photo/cat/{where}.jpg", "b" * 64, "")


def row(where: str) -> Row:
    return Row(where, "cat", "she", "CC0", "https://cc.example", "https://photos.example")


def test_a_line_cut_short_by_a_kill_is_dropped_in_place(tmp_path: Path) -> None:
    """What was whole stays, in the very file that others hold a lock on."""
    lock = Lock(tmp_path)
    lock.add(entry("ä"))
    lock.add(entry("b"))
    path = tmp_path / NAME
    whole, inode = path.read_bytes(), path.stat().st_ino
    path.write_bytes(whole + b'{"where": "c", "cr\xc3')
    again = Lock(tmp_path)
    assert (again.get(row("ä")), again.get(row("b"))) == (entry("ä"), entry("b"))
    assert again.get(row("c")) is None
    assert (path.read_bytes(), path.stat().st_ino) == (whole, inode)
    again.add(entry("c"))
    assert Lock(tmp_path).get(row("c")) == entry("c")


def test_a_damaged_line_in_the_middle_is_no_kills_work(tmp_path: Path) -> None:
    """It is named, and nothing is thrown away."""
    Lock(tmp_path).add(entry("a"))
    path = tmp_path / NAME
    path.write_bytes(b"junk\n" + path.read_bytes())
    with pytest.raises(ValueError, match="line 1 is damaged"):
        Lock(tmp_path)

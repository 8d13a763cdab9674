"""Thumbnails in a folder: whole or not at all, and within a limit."""

import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from search_service.thumbnails import ThumbnailFolder


def sha(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    """By photo and side; the folder is its owner's alone."""
    folder = tmp_path / "thumbs" / "of-search"
    ThumbnailFolder(folder, 100_000).put(sha(1), 256, b"a thumbnail")
    again = ThumbnailFolder(folder, 100_000)
    assert again.get(sha(1), 256) == b"a thumbnail"
    assert again.get(sha(1), 128) is None
    assert again.get(sha(2), 256) is None
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("left", [b"", b"a thumb", b"x" * 27])
def test_what_is_not_whole_is_made_again(tmp_path: Path, left: bytes) -> None:
    """A file that a loss of power cut, or that somebody changed, is none, and goes."""
    folder = ThumbnailFolder(tmp_path, 100_000)
    folder.put(sha(1), 256, b"a thumbnail")
    (path,) = tmp_path.rglob("*.jpg")
    path.write_bytes(left)
    assert folder.get(sha(1), 256) is None
    assert not path.exists()


def test_the_folder_stays_within_its_limit(tmp_path: Path) -> None:
    """What was looked at longest ago goes first."""
    folder = ThumbnailFolder(tmp_path, 100_000)
    for number in range(300):
        folder.put(sha(number), 256, b"x" * 1_000)
        path = tmp_path / sha(number)[:2] / f"{sha(number)}-256.jpg"
        os.utime(path, (number + 1, number + 1))
        if number > 5:
            assert folder.get(sha(0), 256), number  # looked at again and again
    assert size_of(tmp_path) <= 100_000
    assert folder.get(sha(299), 256)
    assert folder.get(sha(10), 256) is None


def test_two_processes_stay_within_the_limit_together(tmp_path: Path) -> None:
    """Each looks at what the other wrote."""
    code = (
        "import sys, hashlib, pathlib\n"
        "from search_service.thumbnails import ThumbnailFolder\n"
        "folder = ThumbnailFolder(pathlib.Path(sys.argv[1]), 200_000)\n"
        "for n in range(400):\n"
        "    name = hashlib.sha256(f'{sys.argv[2]}{n}'.encode()).hexdigest()\n"
        "    folder.put(name, 64, b'x' * 1000)\n"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name]) for name in ("a", "b")
    ]
    assert [process.wait(60) for process in both] == [0, 0]
    assert size_of(tmp_path) <= 200_000


def test_what_killed_processes_left_goes_in_time(tmp_path: Path) -> None:
    """A file that never became a thumbnail, an hour later."""
    folder = ThumbnailFolder(tmp_path, 100_000)
    (tmp_path / "ab").mkdir()
    old, new = tmp_path / "ab" / ".old.part", tmp_path / "ab" / ".new.part"
    old.write_bytes(b"x")
    new.write_bytes(b"x")
    os.utime(old, (1, 1))
    folder.put(sha(1), 256, b"a thumbnail")
    assert (old.exists(), new.exists()) == (False, True)


def test_a_full_disk_keeps_nothing_and_fails_nobody(tmp_path: Path) -> None:
    """What cannot be written is not kept."""
    folder = ThumbnailFolder(tmp_path, 100_000)
    (tmp_path / sha(1)[:2]).write_bytes(b"a file in the folder's place")
    folder.put(sha(1), 256, b"a thumbnail")
    assert folder.get(sha(1), 256) is None


def test_a_folder_that_cannot_be_made_is_told_at_the_start(tmp_path: Path) -> None:
    """Not at the first photo."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        ThumbnailFolder(tmp_path / "file" / "thumbs", 1000)

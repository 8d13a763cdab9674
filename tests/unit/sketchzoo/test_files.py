"""Files that are written whole or not at all."""

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from sketchzoo.files import Content, write_atomically

KILLED = """
import os, signal, sys
from pathlib import Path
from sketchzoo.files import write_atomically

def killed(file):
    file.write(b"half of the new one")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)

write_atomically(Path(sys.argv[1]), killed)
"""


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize(
    "content", ["näw\n", "näw\n".encode(), lambda file: file.write("näw\n".encode())]
)
def test_the_whole_file_is_replaced(tmp_path: Path, content: Content) -> None:
    """Text, bytes and what a function writes end in the file, and nothing is left beside it."""
    path = tmp_path / "file"
    write_atomically(path, "old and longer\n")
    write_atomically(path, content)
    assert path.read_bytes() == "näw\n".encode()
    assert names(tmp_path) == ["file"]


def test_a_writer_may_move_in_the_file(tmp_path: Path) -> None:
    """NumPy's archives go back to fill in what they left open."""
    path = tmp_path / "arrays.npz"
    write_atomically(path, lambda file: np.savez(file, values=np.arange(3)))
    with np.load(path) as stored:
        assert stored["values"].tolist() == [0, 1, 2]


def test_readers_see_the_old_file_until_the_new_one_is_whole(tmp_path: Path) -> None:
    """While the new one is written, the name is the old one's."""
    path = tmp_path / "file"
    write_atomically(path, "old")
    seen = []

    def write(file: BinaryIO) -> None:
        file.write(b"new")
        file.flush()
        seen.append(path.read_text())

    write_atomically(path, write)
    assert seen == ["old"]
    assert path.read_text() == "new"


def test_a_killed_writer_leaves_the_old_file_and_harms_no_later_one(tmp_path: Path) -> None:
    """SIGKILL amid the write: the old content stays, and the next write succeeds."""
    path = tmp_path / "file"
    write_atomically(path, "old")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert killed.returncode < 0
    assert path.read_text() == "old"
    assert len(names(tmp_path)) == 2
    write_atomically(path, "new")
    assert path.read_text() == "new"


def test_two_writers_do_not_mix(tmp_path: Path) -> None:
    """A file written while another is being written for the same name: the last one wins, whole."""
    path = tmp_path / "file"

    def slow(file: BinaryIO) -> None:
        file.write(b"slow, ")
        write_atomically(path, "quick")
        file.write(b"but whole")

    write_atomically(path, slow)
    assert path.read_text() == "slow, but whole"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("stage", ["fsync", "content", "interrupted"])
def test_a_failed_write_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """Whatever fails, and Ctrl-C: the old file stays, nothing beside it, the cause surfaces."""
    path = tmp_path / "file"
    write_atomically(path, "old")

    def fail(*_: object) -> None:
        if stage == "interrupted":
            raise KeyboardInterrupt
        raise ValueError("not to be written") if stage == "content" else OSError(errno.EIO, "bad")

    if stage == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    expected = {"fsync": OSError, "content": ValueError, "interrupted": KeyboardInterrupt}[stage]
    with pytest.raises(expected):
        write_atomically(path, "new" if stage == "fsync" else fail)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_what_outlasts_a_loss_of_power_is_synced_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file before it takes its name, its folder after; neither where it isn't asked for."""
    path, seen = tmp_path / "file", list[tuple[bool, bool]]()

    def record(descriptor: int) -> None:
        seen.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), path.exists()))

    monkeypatch.setattr(os, "fsync", record)
    write_atomically(path, "new")
    assert seen == [(False, False), (True, True)]
    write_atomically(path, "newer", sync=False)
    assert len(seen) == 2


def test_the_mode_stays_and_a_new_file_has_the_usual_one(tmp_path: Path) -> None:
    """A file that others may not read stays so; a new one obeys the umask."""
    path, plain = tmp_path / "secret", tmp_path / "plain"
    path.touch(0o600)
    plain.touch()
    write_atomically(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    write_atomically(tmp_path / "new", "new")
    assert (tmp_path / "new").stat().st_mode == plain.stat().st_mode


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """What it leads to is replaced, in its own folder."""
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real" / "file")
    write_atomically(link, "new")
    assert link.is_symlink()
    assert names(tmp_path / "real") == ["file"]


def test_what_is_no_file_is_written_to(tmp_path: Path) -> None:
    """`--json /dev/stdout` and a shell's `>(...)` are pipes: there is nothing to replace."""
    code = (
        "from pathlib import Path; from sketchzoo.files import write_atomically;"
        "write_atomically(Path('/dev/stdout'), 'out')"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert told.stdout == b"out"


def lacks_folder(folder: Path) -> Path:
    return folder / "missing" / "file"


def is_folder(folder: Path) -> Path:
    (folder / "made").mkdir()
    return folder / "made"


def below_file(folder: Path) -> Path:
    (folder / "plain").touch()
    return folder / "plain" / "file"


@pytest.mark.parametrize("place", [lacks_folder, is_folder, below_file])
def test_an_error_names_the_file_that_was_asked_for(
    tmp_path: Path, place: Callable[[Path], Path]
) -> None:
    """Not the one that was to become it."""
    path = place(tmp_path)
    before = names(tmp_path)
    with pytest.raises(OSError, match=r"\[Errno \d+\] .") as caught:
        write_atomically(path, "new")
    assert caught.value.filename in (path, str(path))
    assert names(tmp_path) == before


def test_a_long_name_is_no_obstacle(tmp_path: Path) -> None:
    """A name may take all of the file system's 255 bytes."""
    path = tmp_path / ("n" * 255)
    write_atomically(path, "new")
    assert path.read_text() == "new"

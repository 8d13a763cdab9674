"""The storage folder's files: synced, copied with their holes, and locked."""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from io import FileIO
from pathlib import Path
from typing import Self

from sketchzoo.files import sync_file, sync_folder


def sync_tree(folder: Path) -> None:
    """Make every file below `folder`, and the folders themselves, durable."""
    for root, _, names in os.walk(folder, onerror=_raise):
        for name in names:
            with _unless_spare(name):
                sync_file(Path(root) / name)
        sync_folder(Path(root))


def sync_folders(folder: Path) -> None:
    """Make the entries of `folder`, and of every folder below it, durable."""
    for root, _, _ in os.walk(folder, onerror=_raise):
        sync_folder(Path(root))


def _raise(error: OSError) -> None:
    raise error


def allocated_bytes(folder: Path) -> int:
    """Return what the files below `folder` take of the disk, holes not counted."""
    blocks = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with _unless_spare(name):
                blocks += (Path(root) / name).stat().st_blocks
    return 512 * blocks


def _unless_spare(name: str) -> AbstractContextManager[object]:
    """Let a spare file of the engine's log be gone.

    The engine makes, syncs and renames them in a thread of its own, and makes those that lack.
    """
    return suppress(FileNotFoundError) if name.startswith("tmp-") else nullcontext()


def remove_tree(folder: Path) -> None:
    """Remove a folder that nothing needs; what cannot be removed now is left for later.

    An index build that outlived its server may still write there.
    """
    shutil.rmtree(folder, ignore_errors=True)


def copy_sparse(source: Path, target: Path) -> None:
    """Copy a folder; holes stay holes, since the engine's files are mostly reserved space."""
    target.mkdir()
    for entry in os.scandir(source):
        if entry.is_dir(follow_symlinks=False):
            copy_sparse(Path(entry.path), target / entry.name)
            continue
        with _unless_spare(entry.name):
            _copy_file(Path(entry.path), target / entry.name)


def _copy_file(source: Path, target: Path) -> None:
    # Unbuffered: a buffer would not know that `data_ranges` moves the file's position.
    with source.open("rb", buffering=0) as read, target.open("wb") as write:
        write.truncate(os.fstat(read.fileno()).st_size)
        for start, end in data_ranges(read):
            write.seek(start)
            for block in blocks(read, start, end):
                write.write(block)


def data_ranges(file: FileIO) -> Iterator[tuple[int, int]]:
    """Give where data lies in a file, as (start, end) in bytes; the rest is holes."""
    size = os.fstat(file.fileno()).st_size
    position = 0
    while position < size:
        try:
            start = os.lseek(file.fileno(), position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                return
            raise
        position = os.lseek(file.fileno(), start, os.SEEK_HOLE)
        yield start, position


def blocks(file: FileIO, start: int, end: int) -> Iterator[bytes]:
    """Give what lies from `start` to `end`, at most 1 MiB at a time."""
    while start < end:
        block = os.pread(file.fileno(), min(end - start, 1 << 20), start)
        if not block:
            return
        yield block
        start += len(block)


class StorageInUseError(Exception):
    """Another process serves this storage folder."""


class StorageLock:
    """The right to a storage folder, held while the process lives or until `release`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / "LOCK").open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise StorageInUseError(
                f"{folder} is in use by another embedded Qdrant (process {holder}): "
                "stop that one or choose another path"
            ) from error
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        """Let others have the folder."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

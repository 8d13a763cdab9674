"""Files that are either the old or the new one, whatever happens in between."""

import fcntl
import os
import shutil
from pathlib import Path
from typing import Self


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path`: write aside, sync, rename, sync the folder."""
    aside = path.with_name(path.name + ".new")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a folder's own entries durable: files made, renamed or removed in it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Make every file below `folder`, and the folders themselves, durable."""
    for root, _, names in os.walk(folder):
        for name in names:
            descriptor = os.open(Path(root) / name, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_folder(Path(root))


def allocated_bytes(folder: Path) -> int:
    """Return what the files below `folder` take of the disk, holes not counted."""
    return sum(
        512 * (Path(root) / name).stat().st_blocks
        for root, _, names in os.walk(folder)
        for name in names
    )


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
        else:
            _copy_file(Path(entry.path), target / entry.name)


def _copy_file(source: Path, target: Path) -> None:
    with source.open("rb") as read, target.open("wb") as write:
        size = os.fstat(read.fileno()).st_size
        write.truncate(size)
        position = 0
        while position < size:
            try:
                start = os.lseek(read.fileno(), position, os.SEEK_DATA)
            except OSError:  # ENXIO: only a hole is left
                return
            end = os.lseek(read.fileno(), start, os.SEEK_HOLE)
            read.seek(start)
            write.seek(start)
            while start < end:
                block = read.read(min(end - start, 1 << 20))
                if not block:
                    return
                write.write(block)
                start += len(block)
            position = end


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

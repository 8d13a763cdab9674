"""Files of this machine, by their paths and their uris."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote_to_bytes, urlsplit

from sketchzoo.storage.error import StorageError, StorageReason, too_large
from sketchzoo.storage.found import Found, moment

_PIECE = 1024 * 1024


def path_of(uri: str) -> Path:
    """Return the path of a `file:` uri, whatever bytes it has.

    Raises:
        ValueError: it is no such uri, or another machine's.

    """
    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path:
        raise ValueError(f"must be a file: uri of this machine, not {uri[:200]!r}")
    return Path(os.fsdecode(unquote_to_bytes(parts.path)))


def open_file(path: str | Path) -> BinaryIO:
    """Open a regular file.

    Raises:
        StorageError: it is gone, cannot be read or is no file.

    """
    try:
        # Without O_NONBLOCK, opening a pipe would wait for a writer forever.
        file = open(path, "rb", opener=_open_nonblocking)  # noqa: SIM115 - the caller's
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise StorageError(StorageReason.NOT_A_FILE, "is not a file")
    except FileNotFoundError as error:
        raise StorageError(StorageReason.NOT_FOUND, "is not there") from error
    except (IsADirectoryError, ValueError) as error:
        raise StorageError(StorageReason.NOT_A_FILE, f"is not a file: {error}") from error
    except OSError as error:
        raise StorageError(StorageReason.UNREADABLE, f"cannot be read: {error.strerror}") from error
    return file


def find_file(path: Path) -> Found:
    """Return what is known of a file, links followed.

    Raises:
        StorageError: it is gone, or cannot be asked for.

    """
    try:
        told = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StorageError(StorageReason.NOT_FOUND, "is not there") from error
    except (OSError, ValueError) as error:
        raise StorageError(StorageReason.UNREADABLE, f"cannot be read: {error}") from error
    is_folder = stat.S_ISDIR(told.st_mode)
    return Found(str(path), is_folder, told.st_size, moment(told.st_mtime))


def read_file(path: str | Path, limit: int) -> bytes:
    """Return a file's bytes, at most `limit` of them.

    Raises:
        StorageError: it is gone, cannot be read, is no file, or is longer.

    """
    with open_file(path) as file:
        if (size := os.fstat(file.fileno()).st_size) > limit:
            raise too_large(size, limit)
        content = _read(file, limit + 1)
    if len(content) > limit:
        raise too_large(len(content), limit)
    return content


def read_part(path: str | Path, first: int, size: int) -> bytes:
    """Return `size` bytes of a file from `first` on, or fewer where it ends.

    Raises:
        StorageError: it is gone, cannot be read or is no file.

    """
    with open_file(path) as file:
        return _read(file, size, first)


def read_pieces(path: str | Path, limit: int) -> Iterator[bytes]:
    """Yield a file's bytes by pieces, at most `limit` in all.

    Raises:
        StorageError: as `read_file`.

    """
    with open_file(path) as file:
        count = 0
        while piece := _read(file, _PIECE):
            count += len(piece)
            if count > limit:
                raise too_large(max(count, os.fstat(file.fileno()).st_size), limit)
            yield piece


def _read(file: BinaryIO, size: int, first: int | None = None) -> bytes:
    try:
        if first is not None:
            file.seek(first)
        return file.read(size)
    except OSError as error:
        raise StorageError(StorageReason.UNREADABLE, f"cannot be read: {error.strerror}") from error


def _open_nonblocking(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))

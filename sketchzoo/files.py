"""Files that are written whole or not at all, and synced.

Of our own: atomicwrites, which most used for this, is given up and syncs no folder, and what
came after it is new and one person's (looked at in November 2026).
"""

import os
import secrets
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

Content = str | bytes | Callable[[BinaryIO], object]
"""Text (written as UTF-8, its line ends as they are), bytes, or what writes to an open file."""


def write_atomically(path: Path, content: Content, *, sync: bool = True) -> None:
    """Replace `path`, or make it, in one step: who reads sees the old file or the new one.

    The file keeps its mode, a symbolic link its place: what it leads to is replaced. With `sync`
    the new file outlasts a loss of power once this returns; without, one of the two still
    survives every end of the process. A killed process leaves a `.<random>.part` beside it that
    is in nobody's way. What is no file, as /dev/stdout, is written to.

    Raises:
        OSError: it can't be written, and the old file stays. Names `path`.
        Exception: what `content` raises; likewise.

    """
    with replacing(path, sync=sync) as file:
        _fill(file, content)


@contextmanager
def replacing(path: Path, *, sync: bool = True) -> Iterator[BinaryIO]:
    """Give a file to write, which becomes `path` when the context ends in good order.

    All else is as `write_atomically` has it; what the context raises leaves the old file.
    """
    mode = path.stat().st_mode if path.exists() else None
    if mode is not None and not stat.S_ISREG(mode):
        with path.open("wb") as file:
            yield file
        return
    target = path.resolve()
    aside = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with aside.open("xb") as file:
            if mode is not None:
                aside.chmod(stat.S_IMODE(mode))
            yield file
            if sync:
                file.flush()
                _sync(file.fileno())
        aside.replace(target)
        if sync:
            sync_folder(target.parent)
    except BaseException as error:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(aside)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def sync_file(path: Path) -> None:
    """Make what a file holds, mapped memory included, outlast a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make a folder's own entries durable: files made, renamed or removed in it."""
    if sys.platform != "win32":  # which opens no folder, and keeps its entries by itself
        sync_file(folder)


def _fill(file: BinaryIO, content: Content) -> None:
    if callable(content):
        content(file)
    else:
        file.write(content.encode() if isinstance(content, str) else content)


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":
        import fcntl  # noqa: PLC0415 - Windows has none

        # There fsync leaves it in the disk's own memory.
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)

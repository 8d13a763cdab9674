"""Thumbnails on disk: kept over restarts, within a limit, for several processes at once.

Each is a file of its own, named by what it shows: the photo's SHA-256 and its side. It is put in
place by a rename and ends in a digest of itself, so that whatever a crash left is read as nothing
and made anew. What was looked at longest ago goes first (docs/adr/0075-thumbnails-are-files.md).
"""

import hashlib
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import structlog

from sketchzoo.files import write_atomically

log = structlog.get_logger()

_DIGEST_BYTES = 16
_ENDING = ".jpg"
# Between two looks at the folder so much of the limit is written. Fuller than the second it is
# emptied to the third.
_STEP, _FULL, _EMPTIED = 1 / 16, 7 / 8, 3 / 4
# What a killed process left behind, and how exactly it is known when a file was looked at last.
_LEFT_SECONDS = 3600
_TOUCH_SECONDS = 600


class ThumbnailFolder:
    """Thumbnails in a folder of at most about `max_bytes`; for threads, and failing by none.

    Processes that share a folder each look at it after writing a sixteenth of the limit, and
    empty it where it is over seven eighths: two of them stay within it.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """Make the folder, for its owner alone; OSError where it can't be made or written to."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / f".{secrets.token_hex(8)}.part"
        probe.touch()
        probe.unlink()
        self._folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        # The first to be kept looks at what there is.
        self._written = max_bytes

    def get(self, sha256: str, max_side: int) -> bytes | None:
        """Return a thumbnail, None where there is none, or none whole."""
        path = self._path(sha256, max_side)
        try:
            with path.open("rb") as file:
                content = file.read()
                seen = os.fstat(file.fileno()).st_mtime
        except OSError:
            return None
        made, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
        if not made or _digest(made) != digest:
            with suppress(OSError):
                path.unlink()
            return None
        if time.time() - seen > _TOUCH_SECONDS:
            with suppress(OSError):
                os.utime(path)
        return made

    def put(self, sha256: str, max_side: int, made: bytes) -> None:
        """Keep a thumbnail; where the disk refuses, nothing is kept, and the log says so."""
        path = self._path(sha256, max_side)
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            # Not synced: what a loss of power takes is made again.
            write_atomically(path, made + _digest(made), sync=False)
        except OSError as error:
            log.warning("thumbnail not kept", problem=str(error))
            return
        with self._lock:
            self._written += len(made) + _DIGEST_BYTES
            if self._written < self._max_bytes * _STEP:
                return
            self._written = 0
            self._make_room()

    def _make_room(self) -> None:
        """Delete what was looked at longest ago, and what crashes left."""
        found = sorted(self._files())
        total = sum(size for _, size, _ in found)
        if total <= self._max_bytes * _FULL:
            return
        for _, size, path in found:
            if total <= self._max_bytes * _EMPTIED:
                break
            with suppress(OSError):
                path.unlink()
            total -= size

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """Yield when each thumbnail was looked at last, its bytes and its path."""
        now = time.time()
        for folder in _entries(self._folder):
            if not folder.is_dir(follow_symlinks=False):
                continue
            for file in _entries(Path(folder.path)):
                with suppress(OSError):
                    known = file.stat(follow_symlinks=False)
                    if file.name.endswith(_ENDING):
                        yield known.st_mtime, known.st_size, Path(file.path)
                    elif now - known.st_mtime > _LEFT_SECONDS:
                        Path(file.path).unlink()

    def _path(self, sha256: str, max_side: int) -> Path:
        return self._folder / sha256[:2] / f"{sha256}-{max_side}{_ENDING}"


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()

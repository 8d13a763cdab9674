"""Downloads: photos' files as they were ingested, piece by piece, however large they are.

A file is read twice: before a byte of it leaves, its SHA-256 must be the photo's; and while it is
sent it is summed up again, with its last piece held back until that is right as well. So nothing
leaves whole but the photo, whatever is written to its file meanwhile. What lies elsewhere is copied
to this machine's disk first. Of each, one piece at a time is in memory.
"""

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Self

from search_service.originals import Originals, changed
from search_service.renditions import content_type
from search_service.room import Room
from sketchzoo.qdrant import Photo
from sketchzoo.rpc import precondition, unavailable

_PIECE_BYTES = 256 * 1024
# So many tell a file's kind.
_HEAD_BYTES = 16


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """How photos' files are sent: of at most `max_bytes`, by so many `threads`.

    Copies of what lies elsewhere take `copy_bytes` on disk at once; more wait.
    """

    max_bytes: int
    copy_bytes: int
    threads: int


@dataclass(frozen=True, slots=True)
class Download:
    """A file that is ready to be sent: the photo's, of `size` bytes."""

    content_type: str
    size: int
    pieces: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class _Opened:
    """An open file whose first `size` bytes, which begin with `head`, are the photo."""

    file: BinaryIO
    head: bytes
    size: int


class Downloads:
    """Opens photos' files to send them; its threads live while the context is open."""

    def __init__(self, originals: Originals, limits: DownloadLimits) -> None:
        self._originals = originals
        self._limits = limits
        self._room = Room(limits.copy_bytes)
        self._closing = threading.Event()
        self._threads = ThreadPoolExecutor(limits.threads, thread_name_prefix="downloads")

    @asynccontextmanager
    async def open(self, photo: Photo) -> AsyncIterator[Download]:
        """Have a photo's file ready to be sent while the context is open.

        Raises:
            CallError: as `Originals.open`; NOT_FOUND, it is not what was ingested, which
                taking its pieces may raise as well.

        """
        most = self._limits.max_bytes
        async with AsyncExitStack() as held:
            if not self._originals.is_file(photo):
                await held.enter_async_context(self._room.hold(min(photo.bytes or most, most)))
            gone = threading.Event()
            held.callback(gone.set)
            opening = self._threads.submit(self._open, photo, gone)
            held.callback(self._leave, opening)
            opened = await asyncio.wrap_future(opening)
            yield Download(content_type(opened.head), opened.size, self._pieces(photo, opened))

    def _leave(self, opening: Future[_Opened]) -> None:
        """Close a file that is or will be open; in a thread, since one may still read of it."""
        if opening.done():
            self._threads.submit(_close, opening)
        else:
            opening.add_done_callback(_close)

    def _open(self, photo: Photo, gone: threading.Event) -> _Opened:
        def unwanted() -> bool:
            return gone.is_set() or self._closing.is_set()

        file = self._originals.open(photo, self._limits.max_bytes, unwanted)
        try:
            return self._checked(photo, file, unwanted)
        except BaseException:
            file.close()
            raise

    def _checked(self, photo: Photo, file: BinaryIO, unwanted: Callable[[], bool]) -> _Opened:
        digest, head, size = hashlib.sha256(), b"", 0
        while piece := _read(photo, file, _PIECE_BYTES):
            head = head or piece[:_HEAD_BYTES]
            size += len(piece)
            digest.update(piece)
            if size > self._limits.max_bytes:
                raise precondition(
                    "TOO_LARGE",
                    f"the photo's file has over {self._limits.max_bytes} bytes; no more are read",
                )
            if unwanted():
                raise unavailable("the search service", "nobody waits for the photo any more")
        if digest.hexdigest() != photo.sha256:
            raise changed(photo)
        file.seek(0)
        return _Opened(file, head, size)

    async def _pieces(self, photo: Photo, opened: _Opened) -> AsyncIterator[bytes]:
        digest, left = hashlib.sha256(), opened.size

        def read() -> bytes:
            piece = _read(photo, opened.file, min(left, _PIECE_BYTES))
            digest.update(piece)
            return piece

        while left:
            piece = await asyncio.wrap_future(self._threads.submit(read))
            left -= len(piece)
            if not piece or (not left and digest.hexdigest() != photo.sha256):
                raise changed(photo)
            yield piece

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._threads.shutdown()


def _read(photo: Photo, file: BinaryIO, size: int) -> bytes:
    try:
        return file.read(size)
    except OSError as error:
        raise unavailable("the photo's disk", f"{photo.uri}: {error.strerror}") from error


def _close(opening: Future[_Opened]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().file.close()

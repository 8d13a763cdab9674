"""The store: photos that were sent as bytes, each kept once, by the SHA-256 of its content.

    pieces ─► .incoming/<random>.part ─► mark, sync, rename ─► in the gallery ─► mark gone, answer

Nothing lies in memory but the piece that just came. Whatever ends the process, what was answered
is kept, and what was not has its mark: `recover` keeps of it what a gallery has, and deletes the
rest. Several galleries may hold one photo: its file goes with the last of them.
"""

import asyncio
import hashlib
import os
import secrets
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, ParamSpec, Self, TypeVar
from weakref import WeakValueDictionary

import structlog

from sketchzoo.rpc import CallError, unavailable
from sketchzoo_ingest.gallery_service.endings import HEAD_BYTES, ending
from sketchzoo_ingest.gallery_service.shelf import Shelf, key_of

log = structlog.get_logger()
P = ParamSpec("P")
T = TypeVar("T")

_PART = ".part"
_LEFT = "left for the next start"
_THREADS = 4

IsHeld = Callable[[str, str], Awaitable[bool]]
"""Tells whether a gallery has a photo of this SHA-256 at this uri."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A photo in the store: its uri, its content's SHA-256, where it can be read just now."""

    uri: str
    sha256: str
    path: Path
    size: int


class Arriving:
    """A file whose pieces are on their way; removed when the context ends, unless it was kept."""

    def __init__(self, spool: Path, run: Callable[..., Awaitable[object]]) -> None:
        self.path = spool / f"{secrets.token_hex(8)}{_PART}"
        self.size = 0
        self.head = b""
        self._run = run
        self._hash = hashlib.sha256()
        self._file: BinaryIO | None = None
        self._lock = threading.Lock()
        self._is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Whatever cancelled the call, nothing of it stays.
        await asyncio.shield(asyncio.ensure_future(self._run(self._close)))

    @property
    def sha256(self) -> str:
        """The content's SHA-256 in hexadecimal digits."""
        return self._hash.hexdigest()

    async def write(self, piece: bytes) -> None:
        """Append a piece."""
        if len(self.head) < HEAD_BYTES:
            self.head = (self.head + piece)[:HEAD_BYTES]
        self.size += len(piece)
        await self._run(self._append, piece)

    async def sync(self) -> None:
        """Let what was written outlast a loss of power."""
        await self._run(self._sync)

    def _append(self, piece: bytes) -> None:
        with self._lock:  # a write whose caller has gone is met by the close
            if self._is_closed:
                return
            if self._file is None:
                self._file = self.path.open("xb")
            self._hash.update(piece)
            self._file.write(piece)

    def _sync(self) -> None:
        assert self._file is not None  # noqa: S101 - it has pieces
        self._file.flush()
        os.fsync(self._file.fileno())

    def _close(self) -> None:
        with self._lock:
            self._is_closed = True
            if self._file is not None:
                self._file.close()
                self.path.unlink(missing_ok=True)


def store_away(error: OSError) -> CallError:
    """Return what callers are told of a store that fails: its paths are the operator's business."""
    return unavailable("the store", error.strerror or type(error).__name__)


class PhotoStore:
    """Keeps photos on a shelf; `spool` is a folder of this machine for what is on its way."""

    def __init__(self, shelf: Shelf, spool: Path) -> None:
        self._shelf = shelf
        self._spool = spool
        spool.mkdir(parents=True, exist_ok=True)
        # What a killed service left: none of these are this one's.
        self._left = sorted(spool.glob(f"*{_PART}"))
        self._threads = ThreadPoolExecutor(_THREADS, "store")
        # Photos under way by key, and those of them whose file may be nobody's any more.
        self._held: Counter[str] = Counter()
        self._doubtful: set[str] = set()
        # A file is put and deleted by one at a time.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def close(self) -> None:
        """End the store's threads."""
        self._threads.shutdown()

    def arriving(self) -> Arriving:
        """Return a file to write pieces to."""
        return Arriving(self._spool, self._run)

    @asynccontextmanager
    async def keeping(self, arrived: Arriving, is_held: IsHeld) -> AsyncIterator[Kept]:
        """Keep a file that has arrived; who leaves the context has settled what became of it.

        On leaving the file stays where a gallery has the photo by `is_held`, else it is
        deleted.

        Raises:
            OSError: it can't be kept.

        """
        await arrived.sync()
        sha256 = arrived.sha256
        key = key_of(f"{sha256}.{ending(arrived.head)}")
        async with self._lock(key):
            await self._run(self._shelf.mark, [key])
            path = await self._run(self._shelf.put, arrived.path, key)
            self._held[key] += 1
        try:
            yield Kept(self._shelf.uri(key), sha256, path, arrived.size)
        except BaseException:
            self._doubtful.add(key)
            raise
        finally:
            await asyncio.shield(asyncio.ensure_future(self._leave(key, is_held)))

    @asynccontextmanager
    async def releasing(self, uris: Sequence[str], is_held: IsHeld) -> AsyncIterator[None]:
        """Delete the files of photos that are deleted in the context, unless a gallery has them.

        What lies elsewhere is not the store's, and stays. A file that can't be deleted now is
        looked at by the next start.

        Raises:
            OSError: what is going to be deleted can't be noted.

        """
        keys = [key for uri in uris if (key := self._shelf.key(uri)) is not None]
        # Marked first: killed in between, the next start looks at them.
        await self._run(self._shelf.mark, keys)
        yield
        for key in keys:
            async with self._lock(key):
                if key in self._held:
                    # Sent again just now: it is looked at when that is settled.
                    self._doubtful.add(key)
                    continue
                try:
                    await self._settle(key, is_held)
                except (OSError, CallError) as error:
                    log.warning(_LEFT, key=key, error=str(error))

    async def recover(self, is_held: IsHeld) -> None:
        """Clean up what a killed service left: files that nobody was answered for.

        Raises:
            OSError: the store can't be read or written.
            CallError: by `is_held`.

        """
        for each in self._left:
            await self._run(partial(each.unlink, missing_ok=True))
        kept = deleted = 0
        for key in await self._run(lambda: list(self._shelf.marked())):
            async with self._lock(key):
                if key in self._held:  # it has come since
                    continue
                if await self._settle(key, is_held):
                    kept += 1
                else:
                    deleted += 1
        if kept or deleted:
            log.info("recovered", kept=kept, deleted=deleted)

    async def _leave(self, key: str, is_held: IsHeld) -> None:
        async with self._lock(key):
            self._held[key] -= 1
            if self._held[key]:
                return
            del self._held[key]
            doubtful = key in self._doubtful
            self._doubtful.discard(key)
            try:
                if doubtful:
                    await self._settle(key, is_held)
                else:
                    await self._run(self._shelf.unmark, key)
            except (OSError, CallError) as error:
                log.warning(_LEFT, key=key, error=str(error))

    async def _settle(self, key: str, is_held: IsHeld) -> bool:
        """Keep a file that a gallery has, delete any other; return whether it was kept."""
        sha256 = key.rpartition("/")[2].partition(".")[0]
        held = await is_held(sha256, self._shelf.uri(key))
        if not held:
            await self._run(self._shelf.delete, key)
        await self._run(self._shelf.unmark, key)
        return held

    def _lock(self, key: str) -> asyncio.Lock:
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        return lock

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(work, *args, **kwargs))

"""A collection: an engine shard, the queue of its writes, and what may replace the shard.

Everything here runs on the event loop's thread. The engine holds the GIL in every call, so a
second thread would gain nothing and cost a switch; instead calls are kept short, and large
writes are cut into slices between which queries are answered.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import qdrant_edge as edge
import structlog
from qdrant_client import grpc

from embedded_qdrant import seal, wal
from embedded_qdrant.conversion import configs
from embedded_qdrant.errors import (
    UnknownVectorError,
    collection_missing,
    engine_errors,
    engine_panics,
    first_line,
    storage_errors,
)
from embedded_qdrant.folder import CollectionFolder
from embedded_qdrant.journal import Journal, JournalFullError
from embedded_qdrant.operations import Write, first_half, message_of, points_of, to_engine
from embedded_qdrant.settings import EmbeddedQdrantSettings
from embedded_qdrant.space import Space
from embedded_qdrant.supervision import supervised
from sketchzoo.rpc import CallError, deadline_exceeded, exhausted

log = structlog.get_logger()

# Writes made within this time are synced together: one sync costs as much as many.
_ROUND_SECONDS = 0.05


@dataclass(slots=True)
class _Waiting:
    """A write on its way: its operations, until when it is wanted, and who waits for it."""

    write: Write
    operations: Sequence[edge.UpdateOperation]
    size: int
    deadline: float
    done: asyncio.Future[int] = field(default_factory=asyncio.Future)

    def succeed(self, number: int) -> None:
        """Answer with the write's number, unless nobody waits any more."""
        if not self.done.done():
            self.done.set_result(number)

    def fail(self, error: Exception) -> None:
        """Answer with an error, unless nobody waits any more."""
        if not self.done.done():
            self.done.set_exception(error)


@dataclass(slots=True)
class Statistics:
    """What a collection holds, as it was a moment ago."""

    points: int = 0
    indexed: int = 0
    segments: int = 0


class Collection:
    """One collection's reads and writes.

    `deadline`s are `time.monotonic()` seconds. `open` must be called on the event loop.
    """

    def __init__(
        self,
        name: str,
        config: grpc.CollectionConfig,
        folder: CollectionFolder,
        shard: edge.EdgeShard,
        settings: EmbeddedQdrantSettings,
    ) -> None:
        self.name = name
        self.folder = folder
        self.shard_folder = folder.current()
        self.shard = shard
        self.statistics = Statistics()
        # Points written since the last index build: an upper bound of those without an index.
        self.unindexed = 0
        self.building = False
        # `time.monotonic()` of the last write and of the last index build's copy.
        self.last_write = 0.0
        self.last_copy = 0.0
        self.space = Space(folder.path, settings.min_free_bytes)
        self._settings = settings
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()
        # Held by whoever writes to the shard: the writer, or an index build at its two ends.
        self.writing = asyncio.Lock()
        self._journal: Journal | None = None
        self._operation = 0
        self._dirty_since: float | None = None
        self._unflushed = 0
        self._sync_failed = False
        # Set once the collection takes no more writes and is about to go.
        self.closing = asyncio.Event()
        self._closed = False
        self._writer: asyncio.Task[None] | None = None
        self.config = config
        self.dimensions = configs.dimensions(config)
        self.refresh()

    def open(self) -> None:
        """Start to take writes."""
        self.count_unindexed()
        self._writer = supervised(self._write_all, name=f"writer of {self.name}")

    async def close(self) -> None:
        """Finish the writes under way, refuse those that wait, flush and close the shard."""
        self.closing.set()
        async with self.writing:
            if not self._closed:
                self._closed = True
                await self._end()

    async def _end(self) -> None:
        if self._writer is not None:
            self._writer.cancel()
            with suppress(asyncio.CancelledError):
                await self._writer
        while self._waiting:
            waiting = self._waiting.popleft()
            self._waiting_bytes -= waiting.size
            waiting.fail(collection_missing(self.name))
        with engine_panics():
            try:
                self.shard.flush()
            finally:
                self.shard.close()
        try:
            seal.make(self.shard_folder)
        except OSError as error:
            # It is not needed; only damage from now on may pass unseen.
            log.warning("not sealed", collection=self.name, reason=first_line(error))

    def refresh(self) -> None:
        """Read the statistics from the engine."""
        with engine_panics():
            info = self.shard.info()
        self.statistics = Statistics(
            info.points_count, info.indexed_vectors_count, info.segments_count
        )

    def count_unindexed(self) -> None:
        """Take the points without an index from the statistics."""
        self.unindexed = max(0, self.statistics.points - self.statistics.indexed)

    def flush(self) -> None:
        """Write what only the log has to the shard's own files, if there is any."""
        if self._dirty_since is not None:
            with engine_panics():
                self.shard.flush()
            self._dirty_since, self._unflushed = None, 0

    def flush_if_due(self, quiet_seconds: float) -> None:
        """Flush after a pause in the writes, or where too much is in the log alone."""
        now = time.monotonic()
        if self._dirty_since is not None and (
            now - self.last_write >= quiet_seconds
            or now - self._dirty_since >= self._settings.flush_seconds
            or self._unflushed >= self._settings.flush_points
        ):
            self.flush()

    @property
    def waiting(self) -> int:
        """Writes that wait."""
        return len(self._waiting)

    @property
    def journaled(self) -> int:
        """Writes noted for the index build under way."""
        return 0 if self._journal is None else self._journal.length

    def journals_to(self, journal: Journal) -> bool:
        """Tell whether every write is still noted in `journal`."""
        return self._journal is journal

    def start_journal(self, journal: Journal) -> None:
        """Note every further write in `journal` too, until `stop_journal`."""
        self._journal = journal

    def stop_journal(self) -> None:
        """Note no more."""
        self._journal = None

    async def write(self, write: Write, deadline: float) -> int:
        """Make a write and return its number; it is in the engine's log then, and synced.

        RESOURCE_EXHAUSTED where too many wait or the disk has no room, DEADLINE_EXCEEDED
        where the deadline passes before it starts. Once started it is made whole, whether or
        not the caller waits.
        """
        size = message_of(write).ByteSize()
        if (
            len(self._waiting) >= self._settings.max_waiting_writes
            or self._waiting_bytes + size > self._settings.max_waiting_write_bytes
        ):
            raise exhausted(f"collection `{self.name}` has too many writes waiting", 1.0)
        self._waiting_bytes += size
        try:
            write, operations, fault = await self._prepared(write)
            self._check_open()
        except BaseException:
            self._waiting_bytes -= size
            raise
        waiting = _Waiting(write, operations, size, deadline)
        self._waiting.append(waiting)
        self._arrived.set()
        number = await waiting.done
        if fault is not None:
            raise fault
        return number

    async def _prepared(
        self, write: Write
    ) -> tuple[Write, list[edge.UpdateOperation], UnknownVectorError | None]:
        """Return what of a write is made, its operations, and how it fails after that."""
        try:
            return write, await self._operations(write), None
        except UnknownVectorError as error:
            half = first_half(write, error)
            return half, await self._operations(half), error

    async def _operations(self, write: Write) -> list[edge.UpdateOperation]:
        operations = []
        for operation in to_engine(write, self.dimensions, self._settings.write_slice_points):
            operations.append(operation)
            await asyncio.sleep(0)
        return operations

    def _check_open(self) -> None:
        if self.closing.is_set():
            raise collection_missing(self.name)

    async def _write_all(self) -> None:
        while True:
            # First what waits: a writer that begins again finds some.
            while self._waiting:
                async with self.writing:
                    await self._write_some()
            await self._arrived.wait()
            self._arrived.clear()

    async def _write_some(self) -> None:
        """Make the writes that wait, for a moment, sync them together, and answer."""
        made: list[_Waiting] = []
        end = time.monotonic() + _ROUND_SECONDS
        # Between the wait for the lock and here, `close` may have emptied it.
        while self._waiting and (not made or time.monotonic() < end):
            waiting = self._waiting.popleft()
            self._waiting_bytes -= waiting.size
            if waiting.done.cancelled():
                continue
            try:
                with engine_errors(), storage_errors():
                    await self._make(waiting)
            except Exception as error:  # noqa: BLE001 - its caller gets it; the next is tried
                waiting.fail(error)
            else:
                made.append(waiting)
        if not made:
            return
        try:
            with engine_errors(), storage_errors():
                await self._sync()
        except CallError as error:
            for waiting in made:
                waiting.fail(error.again())
        else:
            for waiting in made:
                self._operation += 1
                waiting.succeed(self._operation)

    async def _make(self, waiting: _Waiting) -> None:
        if time.monotonic() >= waiting.deadline:
            raise deadline_exceeded("the write waited for its turn")
        self.space.require(waiting.size)
        self._note(waiting.write)
        self.last_write = time.monotonic()
        if self._dirty_since is None:
            self._dirty_since = self.last_write
        self.unindexed += points_of(waiting.write)
        # What writes no point is made again after a crash as well.
        self._unflushed += points_of(waiting.write) or 1
        for operation in waiting.operations:
            self.shard.update(operation)
            await asyncio.sleep(0)

    async def _sync(self) -> None:
        # Set beforehand: a sync that is given up midway has failed too.
        again, self._sync_failed = self._sync_failed, True
        await asyncio.to_thread(wal.sync, self.shard_folder, again=again)
        self._sync_failed = False

    def _note(self, write: Write) -> None:
        """Note a write for the index build under way, which is given up where that fails."""
        if self._journal is None:
            return
        try:
            self._journal.append(write)
        except (JournalFullError, OSError) as error:
            log.warning("index build given up", collection=self.name, reason=first_line(error))
            self._journal = None

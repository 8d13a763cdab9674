"""Building a collection's index while it goes on answering.

1. Writes wait a moment: the shard is flushed and its folder copied (queries go on).
2. A child process loads the copy, builds the index and closes it; meanwhile the writes go
   to the current shard and are noted in a journal.
3. The copy is loaded and the journal replayed into it, in slices between queries.
4. Writes wait a moment: the journal's rest is replayed, the copy flushed, and CURRENT
   pointed to it. That rename is the moment it counts; a crash before it changes nothing,
   since the current shard has every acknowledged write in its own log.
5. The old shard is closed and removed.
"""

import asyncio
import json
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import qdrant_edge as edge
import structlog

from embedded_qdrant.collection import Collection
from embedded_qdrant.conversion import configs
from embedded_qdrant.errors import engine_errors, engine_panics, first_line
from embedded_qdrant.files import (
    allocated_bytes,
    copy_sparse,
    remove_tree,
    sync_folders,
    sync_tree,
)
from embedded_qdrant.folder import slots
from embedded_qdrant.journal import Journal
from embedded_qdrant.operations import to_engine
from embedded_qdrant.settings import EmbeddedQdrantSettings
from sketchzoo.rpc import CallError

log = structlog.get_logger()

_ERROR_TAIL_BYTES = 2000
_REPLAYS = 3


@dataclass(frozen=True, slots=True)
class _Old:
    """The shard that was replaced, and whether its folder is not needed any more."""

    folder: Path
    shard: edge.EdgeShard
    unneeded: bool


class IndexBuildError(Exception):
    """An index could not be built; the collection is as it was."""


def due(collection: Collection, settings: EmbeddedQdrantSettings) -> bool:
    """Tell whether a collection's index is to be built now."""
    threshold = settings.index_threshold_points
    if threshold == 0 or collection.unindexed < threshold:
        return False
    most = settings.index_growth * max(collection.statistics.indexed, threshold)
    return _quiet(collection, settings) or collection.unindexed >= most


def littered(collection: Collection, settings: EmbeddedQdrantSettings) -> bool:
    """Tell whether a collection is to be rid of what was deleted now.

    By the rule of the server's vacuum optimizer: more than `deleted_threshold` of the places
    are of deleted points, and there are `vacuum_min_vector_number` of them. Without a pause
    in the writes once there are as many deleted points as others.
    """
    if collection.last_write <= collection.last_copy:
        return False
    optimizers = collection.config.optimizer_config
    least = optimizers.vacuum_min_vector_number
    taken = slots(collection.shard_folder)
    deleted = taken - collection.statistics.points
    if taken < least or deleted <= optimizers.deleted_threshold * taken:
        return False
    return _quiet(collection, settings) or deleted >= settings.index_growth * max(
        collection.statistics.points, least
    )


def _quiet(collection: Collection, settings: EmbeddedQdrantSettings) -> bool:
    return time.monotonic() - collection.last_write >= settings.index_quiet_seconds


class IndexBuild:
    """One build of one collection's index; `vacuum` rids it of what was deleted, too.

    One that is only to be rid of it, and has no index, gets none.
    """

    def __init__(
        self, collection: Collection, settings: EmbeddedQdrantSettings, *, vacuum: bool = False
    ) -> None:
        self._collection = collection
        self._settings = settings
        self._vacuum = vacuum
        self._index = not vacuum or (
            settings.index_threshold_points > 0
            and (collection.statistics.indexed > 0 or due(collection, settings))
        )
        self._journal = Journal(collection.folder.path, settings.index_journal_bytes)

    async def run(self) -> None:
        """Build and swap; IndexBuildError, with everything as before, where it fails."""
        collection = self._collection
        start = time.monotonic()
        folder = collection.folder.new_shard()
        shard: edge.EdgeShard | None = None
        log.info("index build started", collection=collection.name, points=collection.unindexed)
        collection.building = True
        try:
            await self._copy(folder)
            await self._build(folder)
            with engine_panics():
                shard = edge.EdgeShard.load(str(folder))
            # A few times, so that little is left for the moment when writes wait. No more often:
            # replaying is no faster than writing, and might never catch up.
            for _ in range(_REPLAYS):
                await self._replay(shard, rest=True)
            with engine_panics():
                shard.flush()
            await asyncio.to_thread(sync_tree, folder)
            old = await self._swap(folder, shard)
        except BaseException:
            collection.stop_journal()
            if shard is not None:
                _close(shard, collection.name)
            await asyncio.to_thread(remove_tree, folder)
            raise
        finally:
            collection.building = False
            self._journal.close()
        # Apart from the swap, so that queries come in between: closing syncs some files.
        await asyncio.sleep(0)
        # That is a write, and the engine does not survive a full disk.
        if old.unneeded and not collection.space.lacks(0):
            await _drop_field_indexes(old.shard)
        _close(old.shard, collection.name)
        if old.unneeded:
            await asyncio.to_thread(remove_tree, old.folder)
        log.info(
            "index built",
            collection=collection.name,
            points=collection.statistics.points,
            seconds=round(time.monotonic() - start, 3),
        )

    async def _copy(self, folder: Path) -> None:
        """Copy the shard as it is at one moment, and note the writes from then on."""
        collection = self._collection
        async with collection.writing:
            self._check_open()
            # The copy, and the index beside it.
            needed = 2 * allocated_bytes(collection.shard_folder)
            if collection.space.lacks(needed):
                raise IndexBuildError(
                    f"it needs {needed >> 20} MiB of disk beside what is kept free, "
                    f"and {collection.space.free() >> 20} MiB are free"
                )
            collection.flush()
            try:
                await asyncio.to_thread(copy_sparse, collection.shard_folder, folder)
            except OSError as error:
                raise IndexBuildError(f"the shard could not be copied: {error}") from error
            collection.start_journal(self._journal)
            self._unindexed_before = collection.unindexed
            collection.last_copy = time.monotonic()

    async def _build(self, folder: Path) -> None:
        settings = self._settings
        threads = settings.index_threads or os.cpu_count() or 1
        plan = configs.plan(
            self._collection.config, threads=threads, index=self._index, vacuum=self._vacuum
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "embedded_qdrant.index_child",
            str(folder),
            str(settings.index_nice),
            # Not by its stdin: where it ends at once, nobody would read why.
            json.dumps(plan),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        work = asyncio.ensure_future(process.communicate())
        closing = asyncio.ensure_future(self._collection.closing.wait())
        try:
            await asyncio.wait(
                {work, closing},
                timeout=settings.index_timeout_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            self._check_open()
            if not work.done():
                raise IndexBuildError(f"it took over {settings.index_timeout_seconds:g} s")
            _, errors = await work
        finally:
            closing.cancel()
            if process.returncode is None:
                process.kill()
                await process.wait()
            work.cancel()
        if process.returncode != 0:
            tail = errors[-_ERROR_TAIL_BYTES:].decode(errors="replace").strip()
            raise IndexBuildError(f"its process ended with {process.returncode}: {tail}")
        self._check_journal()

    async def _replay(self, shard: edge.EdgeShard, *, rest: bool = False) -> None:
        """Make the journal's writes in `shard` too, yielding to queries between slices.

        With `rest` for as long as a slice took: a query comes to its answer by several turns of
        the event loop, and would wait for a slice at each.
        """
        collection = self._collection
        for write in self._journal.read(self._journal.length):
            # What failed in the current shard fails here in the same way.
            with suppress(CallError), engine_errors():
                for operation in to_engine(
                    write, collection.dimensions, self._settings.write_slice_points
                ):
                    start = time.monotonic()
                    shard.update(operation)
                    await asyncio.sleep(time.monotonic() - start if rest else 0)

    async def _swap(self, folder: Path, shard: edge.EdgeShard) -> _Old:
        """Replay the rest and make `shard` the collection's; returns the old one."""
        collection = self._collection
        async with collection.writing:
            self._check_open()
            await self._replay(shard)
            self._check_journal()
            with engine_panics():
                shard.flush()
            # The engine syncs files, not the folders that it makes them in: a hundred.
            await asyncio.to_thread(sync_folders, folder)
            old = _Old(collection.shard_folder, collection.shard, unneeded=self._point_to(folder))
            collection.stop_journal()
            collection.shard_folder, collection.shard = folder, shard
            collection.refresh()
            if self._index:
                collection.unindexed -= self._unindexed_before
            else:
                collection.count_unindexed()
        return old

    def _point_to(self, folder: Path) -> bool:
        """Make `folder` the one that counts; false where a loss of power may undo that."""
        collection = self._collection
        try:
            collection.folder.point_to(folder)
        except OSError:
            if collection.folder.current() != folder:
                raise
            log.exception("CURRENT not synced", collection=collection.name)
            return False
        return True

    def _check_open(self) -> None:
        if self._collection.closing.is_set():
            raise IndexBuildError("the collection was closed or deleted meanwhile")

    def _check_journal(self) -> None:
        if not self._collection.journals_to(self._journal):
            raise IndexBuildError("more was written meanwhile than the journal may hold")


async def _drop_field_indexes(shard: edge.EdgeShard) -> None:
    """Let go of a shard's payload indexes one by one, with queries in between.

    Of what is not indexed yet they are hash tables in memory: all at once, as closing does it,
    150,000 photos' take 0.9 s.
    """
    # Whatever it says: closing does it as well, only longer.
    with suppress(Exception), engine_panics():
        for field in shard.info().payload_schema:
            shard.update(edge.UpdateOperation.delete_field_index(field))
            await asyncio.sleep(0)


def _close(shard: edge.EdgeShard, collection: str) -> None:
    """Close a shard that is not used any more, whatever it says."""
    try:
        with engine_panics():
            shard.close()
    except Exception as error:  # noqa: BLE001 - the engine's errors have no class
        log.warning("unused shard not closed", collection=collection, reason=first_line(error))

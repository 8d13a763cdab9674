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
from pathlib import Path

import qdrant_edge as edge
import structlog

from embedded_qdrant.collection import Collection
from embedded_qdrant.conversion import configs
from embedded_qdrant.errors import engine_errors
from embedded_qdrant.files import allocated_bytes, remove_tree, sync_tree
from embedded_qdrant.journal import Journal
from embedded_qdrant.operations import to_engine
from embedded_qdrant.settings import EmbeddedQdrantSettings
from sketchzoo.rpc import CallError

log = structlog.get_logger()

_ERROR_TAIL_BYTES = 2000
_BYTES_A_NUMBER = 4


class IndexBuildError(Exception):
    """An index could not be built; the collection is as it was."""


def threshold_points(collection: Collection, settings: EmbeddedQdrantSettings) -> int:
    """Return how many points without an index make one due; 0 for never.

    A collection's `indexing_threshold` is, as in Qdrant, in KB of vectors.
    """
    optimizers = collection.config.optimizer_config
    if not optimizers.HasField("indexing_threshold"):
        return settings.index_threshold_points
    if not optimizers.indexing_threshold:
        return 0
    point_bytes = _BYTES_A_NUMBER * max(collection.dimensions.values())
    return max(1, optimizers.indexing_threshold * 1024 // point_bytes)


def due(collection: Collection, settings: EmbeddedQdrantSettings) -> bool:
    """Tell whether a collection's index is to be built now."""
    threshold = threshold_points(collection, settings)
    if threshold == 0:
        return False
    points, indexed = collection.statistics.points, collection.statistics.indexed
    quiet = time.monotonic() - collection.last_write >= settings.index_quiet_seconds
    if collection.unindexed >= threshold:
        return quiet or collection.unindexed >= settings.index_growth * max(indexed, threshold)
    if not quiet or points < threshold:
        return False
    # The engine counts deleted points as indexed ones: too many make searches slower.
    deleted = collection.config.optimizer_config.deleted_threshold * indexed
    vacuum = indexed - points > deleted and collection.last_write > collection.last_copy
    return collection.stale_index or vacuum


class IndexBuild:
    """One build of one collection's index."""

    def __init__(self, collection: Collection, settings: EmbeddedQdrantSettings) -> None:
        self._collection = collection
        self._settings = settings
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
            shard = edge.EdgeShard.load(str(folder))
            # Twice, so that little is left for the moment when writes wait. No more often:
            # replaying is no faster than writing, and might never catch up.
            for _ in range(2):
                await self._replay(shard)
            shard.flush()
            await asyncio.to_thread(sync_tree, folder)
            old_folder, old_shard = await self._swap(folder, shard)
        except BaseException:
            collection.stop_journal()
            if shard is not None:
                shard.close()
            await asyncio.to_thread(remove_tree, folder)
            raise
        finally:
            collection.building = False
            self._journal.close()
        # Apart from the swap, so that queries come in between: closing syncs some files.
        await asyncio.sleep(0)
        old_shard.close()
        await asyncio.to_thread(remove_tree, old_folder)
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
            needed = 2 * allocated_bytes(collection.folder.current())
            if collection.space.lacks(needed):
                raise IndexBuildError(
                    f"it needs {needed >> 20} MiB of disk beside what is kept free, "
                    f"and {collection.space.free() >> 20} MiB are free"
                )
            collection.flush()
            try:
                await asyncio.to_thread(collection.folder.copy_current, folder)
            except OSError as error:
                raise IndexBuildError(f"the shard could not be copied: {error}") from error
            collection.start_journal(self._journal)
            self._unindexed_before = collection.unindexed
            collection.stale_index = False
            collection.last_copy = time.monotonic()

    async def _build(self, folder: Path) -> None:
        settings = self._settings
        threads = settings.index_threads or os.cpu_count() or 1
        plan = configs.plan(self._collection.config, threads=threads)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "embedded_qdrant.index_child",
            str(folder),
            str(settings.index_nice),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        work = asyncio.ensure_future(process.communicate(json.dumps(plan).encode()))
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

    async def _replay(self, shard: edge.EdgeShard) -> None:
        """Make the journal's writes in `shard` too, yielding to queries between slices."""
        collection = self._collection
        for write in self._journal.read(self._journal.length):
            # What failed in the current shard fails here in the same way.
            with suppress(CallError), engine_errors():
                for operation in to_engine(
                    write, collection.dimensions, self._settings.write_slice_points
                ):
                    shard.update(operation)
                    await asyncio.sleep(0)

    async def _swap(self, folder: Path, shard: edge.EdgeShard) -> tuple[Path, edge.EdgeShard]:
        """Replay the rest and make `shard` the collection's; returns the old folder and shard."""
        collection = self._collection
        async with collection.writing:
            self._check_open()
            await self._replay(shard)
            self._check_journal()
            shard.flush()
            old_folder, old_shard = collection.folder.current(), collection.shard
            collection.folder.point_to(folder)
            collection.stop_journal()
            collection.shard = shard
            collection.unindexed -= self._unindexed_before
            collection.refresh()
        return old_folder, old_shard

    def _check_open(self) -> None:
        if self._collection.closing.is_set():
            raise IndexBuildError("the collection was closed or deleted meanwhile")

    def _check_journal(self) -> None:
        if not self._collection.journals_to(self._journal):
            raise IndexBuildError("more was written meanwhile than the journal may hold")

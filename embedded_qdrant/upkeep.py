"""Upkeep: what happens to collections while nobody asks: flushing and index building."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

import structlog

from embedded_qdrant.catalogue import Catalogue
from embedded_qdrant.collection import Collection
from embedded_qdrant.indexing import IndexBuild, IndexBuildError, due, littered
from embedded_qdrant.metrics import CollectionMetrics
from embedded_qdrant.settings import EmbeddedQdrantSettings
from embedded_qdrant.supervision import supervised

log = structlog.get_logger()
_TICK_SECONDS = 0.25
_FLUSH_TICK_SECONDS = 1.0
# A flush syncs a hundred files, and no query is answered meanwhile: better between writes.
_QUIET_SECONDS = 1.0
# After a build that failed: not again at once, since it would most likely fail again.
_RETRY_SECONDS = 60.0


class Upkeep:
    """Two tasks while the context is open: one flushes, one builds indexes, one at a time."""

    def __init__(
        self,
        catalogue: Catalogue,
        settings: EmbeddedQdrantSettings,
        metrics: CollectionMetrics,
    ) -> None:
        self._catalogue = catalogue
        self._settings = settings
        self._metrics = metrics
        self._tasks: list[asyncio.Task[None]] = []
        self._not_before: dict[str, float] = {}

    async def __aenter__(self) -> Self:
        self._tasks = [
            supervised(self._flush, name="flush"),
            supervised(self._index, name="index"),
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_TICK_SECONDS)
            for collection in self._catalogue.all():
                async with collection.writing:
                    if collection.closing.is_set():
                        continue
                    try:
                        collection.flush_if_due(_QUIET_SECONDS)
                        collection.refresh()
                    except Exception:  # the engine's errors have no class; the log keeps the writes
                        log.exception("flush failed", collection=collection.name)

    async def _index(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            for collection in self._catalogue.all():
                if loop.time() >= self._not_before.get(collection.name, 0.0):
                    await self._build_if_due(collection)

    async def _build_if_due(self, collection: Collection) -> None:
        try:
            vacuum = littered(collection, self._settings)
            if not vacuum and not due(collection, self._settings):
                return
            with self._metrics.build_seconds.time():
                await IndexBuild(collection, self._settings, vacuum=vacuum).run()
        except IndexBuildError as error:
            self._put_off(collection)
            log.warning("index build failed", collection=collection.name, reason=str(error))
        except Exception:  # the engine's errors have no class; others' builds must go on
            self._put_off(collection)
            log.exception("index build failed", collection=collection.name)
        else:
            self._metrics.builds.labels("done").inc()

    def _put_off(self, collection: Collection) -> None:
        now = asyncio.get_running_loop().time()
        self._not_before[collection.name] = now + _RETRY_SECONDS
        self._metrics.builds.labels("failed").inc()

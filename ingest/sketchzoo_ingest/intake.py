"""The intake: lists photos, reads them and asks which the collection has."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sketchzoo.qdrant import Photo
from sketchzoo_ingest.budget import ByteBudget
from sketchzoo_ingest.chunk import Chunk, Chunker, ReadPhoto, read_photo
from sketchzoo_ingest.collection import Collection
from sketchzoo_ingest.limits import PipelineLimits
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.outcome import Refusal
from sketchzoo_ingest.sources import Candidate, Emptied, PassedOver, Source
from sketchzoo_ingest.tally import Tally

Read = ReadPhoto | Refusal | PassedOver | Emptied
"""What a listed entry has become."""


@dataclass(frozen=True, slots=True)
class ExistingPhotos:
    """A chunk's entries in the order of their listing, and those the collection has, by id."""

    entries: list[Read]
    known: Mapping[str, Photo]


class Intake:
    """Reads several chunks at once, and hands them on in the order of the listing.

    The bytes of what it reads are acquired from the budget; who takes a photo from it
    releases them. When `stop` is set, listing ends.
    """

    def __init__(
        self,
        *,
        collection: Collection,
        tally: Tally,
        metrics: IngestMetrics,
        budget: ByteBudget,
        limits: PipelineLimits,
        stop: asyncio.Event,
    ) -> None:
        self._collection = collection
        self._tally = tally
        self._metrics = metrics
        self._budget = budget
        self._limits = limits
        self._stop = stop
        self._listing = ThreadPoolExecutor(1, "list")
        self._reading = ThreadPoolExecutor(limits.read_threads, "read")
        self._fetching = ThreadPoolExecutor(limits.fetch_at_once, "fetch")
        self._chunks: asyncio.Queue[asyncio.Task[ExistingPhotos] | None] = asyncio.Queue(
            limits.read_threads + 2
        )
        metrics.watch("read_queue", "chunks", self._chunks.qsize)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for pool in (self._listing, self._reading, self._fetching):
            pool.shutdown(cancel_futures=True)

    async def run(self, sources: Sequence[Source], group: asyncio.TaskGroup) -> None:
        """List all sources; start a task of the group for each chunk as space allows."""
        loop = asyncio.get_running_loop()
        for source in sources:
            chunker = Chunker(
                source,
                photos=self._limits.chunk_photos,
                max_bytes=self._limits.buffer_bytes // 2,
                limits=self._limits.images,
            )
            while not self._stop.is_set():
                with self._metrics.stage("list"):
                    chunk = await loop.run_in_executor(self._listing, chunker.next)
                if chunk is None:
                    break
                self._tally.listed[source.name] += chunk.photos
                await self._budget.acquire(chunk.reserved)
                await self._chunks.put(group.create_task(self._look(chunk)))
        await self._chunks.put(None)

    async def looked(self) -> AsyncIterator[ExistingPhotos]:
        """Yield the chunks in the order of their listing."""
        while (task := await self._chunks.get()) is not None:
            yield await task

    async def _look(self, chunk: Chunk) -> ExistingPhotos:
        with self._metrics.stage("read"):
            results = await self._read(chunk)
        photos = [result for result in results if isinstance(result, ReadPhoto)]
        size = sum(len(photo.content) for photo in photos)
        self._budget.correct(chunk.reserved, size)
        self._tally.read(size)
        ids = list(dict.fromkeys(photo.id for photo in photos))
        with self._metrics.stage("lookup"):
            known = await self._collection.known(ids) if ids else {}
        return ExistingPhotos(results, known)

    async def _read(self, chunk: Chunk) -> list[Read]:
        loop = asyncio.get_running_loop()
        if not chunk.is_remote:
            # One trip to a thread for all: it costs as much as reading a small file.
            return await loop.run_in_executor(self._reading, self._read_each, chunk)
        single = [Chunk(chunk.source, (entry,), 0) for entry in chunk.entries]
        parts = await asyncio.gather(
            *(loop.run_in_executor(self._fetching, self._read_each, part) for part in single)
        )
        return [result for part in parts for result in part]

    def _read_each(self, chunk: Chunk) -> list[Read]:
        images = self._limits.images
        return [
            read_photo(chunk.source, entry, images) if isinstance(entry, Candidate) else entry
            for entry in chunk.entries
        ]

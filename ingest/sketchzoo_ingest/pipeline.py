"""The pipeline: list, read, look up, embed and write, all at the same time.

    list ─► read, hash, look up ─► settle ─► embed ─► write
            (several chunks)       (in order) (several calls)

Every arrow is a bounded queue, and the bytes of the photos between listing and embedding
are held to a budget. Settling goes by the order of the listing, however the reads end:
of two photos with the same content the one listed first stands, in every run.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sketchzoo.qdrant import Photo
from sketchzoo.telemetry import span
from sketchzoo_ingest.budget import ByteBudget
from sketchzoo_ingest.chunk import ReadPhoto
from sketchzoo_ingest.collection import Collection
from sketchzoo_ingest.embedder import Embedder, Vector
from sketchzoo_ingest.intake import Intake
from sketchzoo_ingest.limits import PipelineLimits
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.outcome import Outcome, Reason, RefusedError
from sketchzoo_ingest.queues import first_failure, in_parallel, items
from sketchzoo_ingest.sources import Source
from sketchzoo_ingest.tally import Tally

# While Qdrant writes one batch to disk, the next is on its way.
_WRITERS = 2

Embedded = tuple[Photo, Vector | None]
"""A photo to write; without an embedding, the one it has stays."""


class Pipeline:
    """Brings photos from sources into a collection.

    When `stop` is set, listing ends and what was listed is finished.
    """

    def __init__(
        self,
        *,
        embedder: Embedder | None,
        collection: Collection,
        tally: Tally,
        metrics: IngestMetrics,
        limits: PipelineLimits,
        stop: asyncio.Event,
    ) -> None:
        """Without an `embedder` nothing is embedded: what would be written is counted only."""
        self._embedder = embedder
        self._collection = collection
        self._tally = tally
        self._metrics = metrics
        self._limits = limits
        self._stop = stop
        self._budget = ByteBudget(limits.buffer_bytes)
        self._fresh: asyncio.Queue[list[ReadPhoto] | None] = asyncio.Queue(limits.calls_in_flight)
        self._writes: asyncio.Queue[list[Embedded] | None] = asyncio.Queue(limits.calls_in_flight)
        # The class under which each content was listed first, by its SHA-256.
        self._seen: dict[bytes, str] = {}
        metrics.watch("encode_queue", "batches", self._fresh.qsize)
        metrics.watch("write_queue", "batches", self._writes.qsize)
        metrics.watch("buffer", "bytes", lambda: self._budget.held)

    def has_seen(self, sha256: str) -> bool:
        """Tell whether a photo with this content was listed in this run."""
        return bytes.fromhex(sha256) in self._seen

    async def run(self, sources: Sequence[Source]) -> None:
        """Bring every photo of the sources to its outcome; to be called once.

        Raises:
            CallError: the encoder or Qdrant stayed away; what was written stays written.

        """
        intake = Intake(
            collection=self._collection,
            tally=self._tally,
            metrics=self._metrics,
            budget=self._budget,
            limits=self._limits,
            stop=self._stop,
        )
        with intake:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(intake.run(sources, group))
                    group.create_task(self._settle(intake))
                    group.create_task(self._embed_all())
                    group.create_task(in_parallel(_WRITERS, self._write))
            except BaseExceptionGroup as failed:
                # When a part goes away, all calls to it fail: one tells it all.
                raise first_failure(failed) from None

    async def _settle(self, intake: Intake) -> None:
        """Decide about each photo, in the order of the listing."""
        async for looked in intake.looked():
            fresh: list[ReadPhoto] = []
            changed: list[Embedded] = []
            for photo in looked.entries:
                if not isinstance(photo, ReadPhoto):
                    self._tally.note(photo)
                    continue
                self._tally.survey.read(photo.candidate.uri)
                if not self._is_duplicate(photo):
                    known = looked.known.get(photo.id)
                    if known is None:
                        fresh.append(photo)
                        continue
                    wanted = replace(_kept(photo), ingested_at=known.ingested_at)
                    if wanted == known:
                        self._tally.count(Outcome.UNCHANGED)
                    else:
                        changed.append((wanted, None))
                self._budget.release(len(photo.content))
            if changed:
                await self._writes.put(changed)
            if self._embedder is None:
                self._tally.count(Outcome.WRITTEN, len(fresh))
                self._budget.release(sum(len(photo.content) for photo in fresh))
                continue
            for batch in _batches(fresh, self._limits):
                await self._fresh.put(batch)
        await self._fresh.put(None)

    def _is_duplicate(self, photo: ReadPhoto) -> bool:
        candidate = photo.candidate
        key = bytes.fromhex(photo.sha256)
        first = self._seen.get(key)
        if first is None:
            self._seen[key] = candidate.class_name
            return False
        reason = Reason.DUPLICATE
        if first != candidate.class_name:
            reason = Reason.DUPLICATE_IN_OTHER_CLASS
        message = f"the same photo was listed before, as {first}: that one stands"
        self._tally.refuse(candidate.refusal(reason, message))
        return True

    async def _embed_all(self) -> None:
        await in_parallel(self._limits.calls_in_flight, self._embed)
        await self._writes.put(None)

    async def _embed(self) -> None:
        async for batch in items(self._fresh):
            # A trace for each batch: one of a whole run would have no end.
            with span("ingest/embed", "internal", attributes={"photos": len(batch)}):
                embedded = await self._embed_batch(batch)
            self._budget.release(sum(len(photo.content) for photo in batch))
            if embedded:
                await self._writes.put(embedded)

    async def _embed_batch(self, batch: list[ReadPhoto]) -> list[Embedded]:
        assert self._embedder is not None  # noqa: S101 - without one, no batch comes here
        with self._metrics.stage("encode"):
            results = await self._embedder.embed([photo.content for photo in batch])
        embedded: list[Embedded] = []
        for photo, result in zip(batch, results, strict=True):
            if isinstance(result, RefusedError):
                refusal = photo.candidate.refusal(result.reason, result.message)
                self._tally.refuse(refusal)
            else:
                embedded.append((_kept(photo), result))
        return embedded

    async def _write(self) -> None:
        async for first in items(self._writes):
            photos = list(first)
            # What is waiting goes along: a fast encoder meets fewer, larger writes.
            while len(photos) < self._limits.write_batch and not self._writes.empty():
                more = self._writes.get_nowait()
                if more is None:
                    self._writes.put_nowait(None)
                    break
                photos += more
            with span("ingest/write", "internal", attributes={"photos": len(photos)}):
                await self._write_batch(photos)

    async def _write_batch(self, photos: list[Embedded]) -> None:
        fresh = [(photo, vector) for photo, vector in photos if vector is not None]
        with self._metrics.stage("write"):
            for start in range(0, len(fresh), self._limits.write_batch):
                part = fresh[start : start + self._limits.write_batch]
                await self._collection.upsert(part)
                self._tally.count(Outcome.WRITTEN, len(part))
            for photo, vector in photos:
                if vector is None:
                    await self._collection.set_payload(photo)
                    self._tally.count(Outcome.UPDATED)


def _kept(photo: ReadPhoto) -> Photo:
    candidate = photo.candidate
    return Photo(
        class_name=candidate.class_name,
        uri=candidate.uri,
        sha256=photo.sha256,
        width=photo.width,
        height=photo.height,
        payload=dict(candidate.payload),
    )


def _batches(photos: Sequence[ReadPhoto], limits: PipelineLimits) -> Iterator[list[ReadPhoto]]:
    """Cut photos into calls that a message can carry; a larger photo goes alone."""
    batch: list[ReadPhoto] = []
    size = 0
    for photo in photos:
        full = len(batch) == limits.batch_size or size + len(photo.content) > limits.batch_bytes
        if batch and full:
            yield batch
            batch, size = [], 0
        batch.append(photo)
        size += len(photo.content)
    if batch:
        yield batch

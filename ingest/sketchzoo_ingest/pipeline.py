"""The pipeline: take, read, settle, embed and write, all at the same time.

    feed ─► look up, read ──► settle ──► embed ──► write ─► tell
            (several chunks)  (in order) (several calls)

Every arrow is a bounded queue, and the bytes of the pictures between feed and encoder are
held to a budget. Settling goes by the order of the feed, however the reads end: of two
photos with the same content the one listed first stands, in every run. What waits goes
together, and nothing waits for company: alone, a photo goes alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from sketchzoo.rpc import CallError
from sketchzoo.telemetry import span
from sketchzoo_ingest.budget import ByteBudget
from sketchzoo_ingest.collection import Collection
from sketchzoo_ingest.embedder import Embedder, Vector
from sketchzoo_ingest.feed import Feed
from sketchzoo_ingest.intake import Intake, Item
from sketchzoo_ingest.limits import PipelineLimits
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.outcome import Outcome, RefusedError
from sketchzoo_ingest.queues import first_failure, in_parallel, items, waiting
from sketchzoo_ingest.reading import Reading, ReadPhoto
from sketchzoo_ingest.settling import Settler, Wanted
from sketchzoo_ingest.tally import Tally

# While Qdrant writes one batch to disk, the next is on its way.
_WRITERS = 2

Embedded = tuple[Wanted, Vector | None]
"""A photo to write; without an embedding, the one it has stays."""


class Pipeline:
    """Brings photos from a feed into a collection, and tells each one's feeder its outcome.

    The job's and the watch's feeds are finite; where a part stays away, the run ends. An
    `endless` one's photos are told so, and later ones try again. When `stop` is set, taking
    from the feed ends and what was taken is finished.
    """

    def __init__(
        self,
        *,
        embedder: Embedder | None,
        collection: Collection,
        reading: Reading,
        tally: Tally,
        metrics: IngestMetrics,
        limits: PipelineLimits,
        stop: asyncio.Event,
        verify: bool = False,
        endless: bool = False,
        stands: Callable[[str], bool] = lambda uri: False,  # noqa: ARG005 - default
    ) -> None:
        """Without an `embedder` nothing is embedded: what would be written is counted only."""
        self._embedder = embedder
        self._collection = collection
        self._tally = tally
        self._metrics = metrics
        self._limits = limits
        self._endless = endless
        self._budget = ByteBudget(limits.buffer_bytes)
        self._settler = Settler(collection, reading, tally, endless=endless, stands=stands)
        self._intake = Intake(
            collection=collection,
            reading=reading,
            tally=tally,
            metrics=metrics,
            budget=self._budget,
            limits=limits,
            stop=stop,
            verify=verify,
            endless=endless,
        )
        calls = limits.calls_in_flight
        self._fresh: asyncio.Queue[Wanted | None] = asyncio.Queue(limits.batch_size * calls)
        self._writes: asyncio.Queue[Embedded | None] = asyncio.Queue(limits.write_batch * _WRITERS)
        metrics.watch("encode_queue", "photos", self._fresh.qsize)
        metrics.watch("write_queue", "photos", self._writes.qsize)
        metrics.watch("buffer", "bytes", lambda: self._budget.held)

    def has_seen(self, sha256: str) -> bool:
        """Tell whether a photo with this content was listed in this run."""
        return self._settler.has_seen(sha256)

    async def run(self, feed: Feed) -> None:
        """Bring every photo of the feed to its outcome; to be called once.

        Raises:
            CallError: the encoder or Qdrant stayed away; what was written stays written.

        """
        with self._intake as intake:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(intake.run(feed, group))
                    group.create_task(self._settle(intake))
                    group.create_task(self._embed_all())
                    group.create_task(in_parallel(_WRITERS, self._write))
            except BaseExceptionGroup as failed:
                # When a part goes away, all calls to it fail: one tells it all.
                raise first_failure(failed) from None

    async def _settle(self, intake: Intake) -> None:
        """Decide about each photo, in the order of the feed."""
        async for chunk in intake.chunks():
            held = _held(chunk)
            async for wanted in self._settler.settle(chunk):
                if wanted.picture is None:
                    await self._writes.put((wanted, None))
                elif self._embedder is None:
                    self._finish(wanted)
                else:
                    held -= len(wanted.picture)
                    await self._fresh.put(wanted)
            self._budget.release(held)
        await self._fresh.put(None)

    async def _embed_all(self) -> None:
        await in_parallel(self._limits.calls_in_flight, self._embed)
        await self._writes.put(None)

    async def _embed(self) -> None:
        limits = self._limits
        async for first in items(self._fresh):
            batch, size = [first], len(first.picture or b"")
            while len(batch) < limits.batch_size and (more := waiting(self._fresh)) is not None:
                # A call of several holds so many bytes; a larger picture goes alone.
                size += len(more.picture or b"")
                if size > limits.batch_bytes:
                    await self._embed_batch(batch)
                    batch, size = [], len(more.picture or b"")
                batch.append(more)
            await self._embed_batch(batch)

    async def _embed_batch(self, batch: Sequence[Wanted]) -> None:
        assert self._embedder is not None  # noqa: S101 - without one, no batch comes here
        pictures = [wanted.picture or b"" for wanted in batch]
        # A trace for each batch: one of a whole run would have no end.
        with span("ingest/embed", "internal", attributes={"photos": len(batch)}):
            try:
                with self._metrics.stage("encode"):
                    results = await self._embedder.embed(pictures)
            except CallError as error:
                self._failed(batch, error)
                return
            finally:
                self._budget.release(sum(map(len, pictures)))
        for wanted, result in zip(batch, results, strict=True):
            # The picture is not needed any more, and writes may wait.
            if isinstance(result, RefusedError):
                refusal = wanted.listed.candidate.refusal(result.reason, result.message)
                self._tally.refuse(refusal, wanted.listed)
                self._settler.done(wanted)
            else:
                photo = replace(wanted.photo, seen=result.seen)
                embedded = replace(wanted, photo=photo, picture=None)
                await self._writes.put((embedded, result.vector))

    async def _write(self) -> None:
        async for first in items(self._writes):
            photos = [first]
            # What is waiting goes along: a fast encoder meets fewer, larger writes.
            while len(photos) < self._limits.write_batch:
                if (more := waiting(self._writes)) is None:
                    break
                photos.append(more)
            with span("ingest/write", "internal", attributes={"photos": len(photos)}):
                await self._write_batch(photos)

    async def _write_batch(self, photos: Sequence[Embedded]) -> None:
        with self._metrics.stage("write"):
            fresh = [(wanted, vector) for wanted, vector in photos if vector is not None]
            if fresh:
                await self._done([wanted for wanted, _ in fresh], self._upsert(fresh))
            for wanted, vector in photos:
                if vector is None:
                    await self._done([wanted], self._update(wanted))

    async def _upsert(self, fresh: Sequence[tuple[Wanted, Vector]]) -> None:
        await self._collection.upsert([(wanted.photo, vector) for wanted, vector in fresh])
        for wanted, _ in fresh:
            await self._replace(wanted)

    async def _update(self, wanted: Wanted) -> None:
        await self._collection.set_payload(wanted.photo)
        await self._replace(wanted)

    async def _replace(self, wanted: Wanted) -> None:
        if wanted.replaces is not None:
            await self._collection.delete_at(wanted.replaces)

    async def _done(self, photos: Sequence[Wanted], writing: Awaitable[None]) -> None:
        try:
            await writing
        except CallError as error:
            self._failed(photos, error)
            return
        for wanted in photos:
            self._finish(wanted)

    def _finish(self, wanted: Wanted) -> None:
        self._settler.done(wanted)
        outcome = Outcome.WRITTEN if wanted.is_new else Outcome.UPDATED
        replaced = wanted.replaces.id if wanted.replaces is not None else ""
        self._tally.keep(wanted.listed, outcome, wanted.photo, replaced)

    def _failed(self, photos: Sequence[Wanted], error: CallError) -> None:
        """Tell photos that a part stayed away; of a finite feed, it ends the run."""
        if not self._endless:
            raise error
        for wanted in photos:
            self._settler.done(wanted)
            wanted.listed.tell(error)


def _held(chunk: Sequence[Item]) -> int:
    return sum(len(item.found.picture) for item in chunk if isinstance(item.found, ReadPhoto))

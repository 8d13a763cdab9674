"""The galleries that are written to: each with the ingest job's pipeline, fed for ever.

A gallery is opened by the first photo for it: its collection is that of the encoder's model, and
must be the one that searches see, if they see one. Where they see none yet, the first photo
publishes it before it is answered.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

from sketchzoo.encoder_client import PART as ENCODER
from sketchzoo.encoder_client import EncoderModel
from sketchzoo.qdrant import (
    CollectionNotFoundError,
    CollectionOptions,
    PhotoWriter,
    QdrantConnection,
    photo_id,
)
from sketchzoo.qdrant.galleries import Galleries
from sketchzoo.rpc import CallError, exhausted, precondition, unavailable
from sketchzoo_ingest.collection import PART as QDRANT
from sketchzoo_ingest.collection import QdrantCollection
from sketchzoo_ingest.embedder import Embedder, Encoder, has_failed
from sketchzoo_ingest.feed import Inbox, Listed, Reader
from sketchzoo_ingest.limits import PipelineLimits
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.outcome import Outcome, RefusedError, Settled
from sketchzoo_ingest.pipeline import Pipeline
from sketchzoo_ingest.reading import Reading
from sketchzoo_ingest.retry import RetryPolicy
from sketchzoo_ingest.sources import Candidate
from sketchzoo_ingest.survey import Survey
from sketchzoo_ingest.tally import Tally

log = structlog.get_logger()

_RETRY_SECONDS = 1.0


class _NoSurvey(Survey):
    """Remembers nothing: only who prunes asks which places were read."""

    def read(self, uri: str) -> None:
        """Forget it."""

    def unread(self, refusal: object) -> None:
        """Forget it."""


class _Memory:
    """Bytes that photos may have in all pipelines together; a larger one goes alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def holding(self, size: int) -> AsyncIterator[None]:
        """Hold `size` bytes, when they may be."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._held or self._held + size <= self._limit)
            self._held += size
        try:
            yield
        finally:
            self._held -= size
            async with self._changed:
                self._changed.notify_all()


@dataclass(eq=False, slots=True)
class _Open:
    """A gallery that is written to."""

    model: EncoderModel
    writer: PhotoWriter
    collection: str
    reading: Reading
    inbox: Inbox
    running: "asyncio.Task[None]"
    is_published: bool
    checked_at: float
    photos: int = 0
    publishing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def close(self) -> None:
        """Finish what was put in."""
        if not self.running.done():
            await self.inbox.close()
        await asyncio.wait([self.running])


@dataclass(frozen=True, slots=True)
class GalleryOptions:
    """How many galleries are written to at once, and how each is; seconds."""

    most: int
    check_seconds: float
    encode_timeout_seconds: float
    locations: bool
    collection: CollectionOptions


class OpenGalleries:
    """Brings photos into galleries; close it at the end."""

    def __init__(
        self,
        *,
        connection: QdrantConnection,
        encoder: Encoder,
        reader: Reader,
        retry: RetryPolicy,
        metrics: IngestMetrics,
        limits: PipelineLimits,
        options: GalleryOptions,
    ) -> None:
        self._connection = connection
        self._encoder = encoder
        self._reader = reader
        self._retry = retry
        self._metrics = metrics
        self._limits = limits
        self._options = options
        # Of all galleries together, as a job has them for its one.
        self._memory = _Memory(limits.buffer_bytes)
        self._reading: tuple[str, Reading] | None = None
        self._open: dict[str, _Open] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._all = Galleries(connection)
        self._closing: set[asyncio.Task[None]] = set()

    async def add(self, gallery: str, candidate: Candidate) -> tuple[str, Outcome]:
        """Return a photo's id and what became of it, once searches can find it.

        Raises:
            RefusedError: it is no photo that can be embedded.
            CallError: UNAVAILABLE, a part is away; FAILED_PRECONDITION, searches see the gallery
                of another model; RESOURCE_EXHAUSTED, too many galleries are written to.

        """
        try:
            return await self._add(gallery, candidate)
        except CollectionNotFoundError:
            # Dropped meanwhile: the photo begins it anew.
            return await self._add(gallery, candidate)

    async def is_held(self, sha256: str, uri: str) -> bool:
        """Tell whether a gallery, of whichever model, has the photo of this content at this uri."""
        key = photo_id(sha256)
        for collection in await self._all.names():
            writer = PhotoWriter(self._connection, collection)
            try:
                found = await writer.get(collection, [key])
            except CollectionNotFoundError:  # dropped meanwhile
                continue
            if key in found and found[key].uri == uri:
                return True
        return False

    async def close(self) -> None:
        """Finish what was put in, and end."""
        for opened in list(self._open.values()):
            await opened.close()
        self._open.clear()
        while self._closing:
            await asyncio.wait(self._closing)

    async def _add(self, gallery: str, candidate: Candidate) -> tuple[str, Outcome]:
        opened = await self._opened(gallery)
        opened.photos += 1
        try:
            settled = await self._settled(opened, candidate)
            if settled.refusal is not None:
                raise RefusedError(settled.refusal.reason, settled.refusal.message)
            await self._publish(gallery, opened)
        except CallError as error:
            if isinstance(error, CollectionNotFoundError) or error.reason in _STALE:
                self._forget(gallery, opened)
            raise
        finally:
            opened.photos -= 1
        return settled.photo_id, settled.outcome

    async def _settled(self, opened: _Open, candidate: Candidate) -> Settled:
        told: asyncio.Future[Settled] = asyncio.get_running_loop().create_future()

        def tell(outcome: Settled | CallError) -> None:
            if told.done():
                return
            if isinstance(outcome, CallError):
                # Several photos may be told the same one.
                told.set_exception(outcome.again())
            else:
                told.set_result(outcome)

        async with self._memory.holding(opened.reading.reserved(candidate)):
            await opened.inbox.put(Listed(candidate, self._reader, tell))
            waited: set[asyncio.Future[Any]] = {told, opened.running}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if not told.done():
            # It was to run for ever: what ended it is in the log.
            raise unavailable("the pipeline", "it has ended")
        return told.result()

    async def _opened(self, gallery: str) -> _Open:
        lock = self._opening.setdefault(gallery, asyncio.Lock())
        async with lock:
            opened = self._open.get(gallery)
            now = asyncio.get_running_loop().time()
            if opened is not None and now - opened.checked_at > self._options.check_seconds:
                if await self._is_current(opened):
                    opened.checked_at = now
                else:
                    self._forget(gallery, opened)
                    opened = None
            if opened is None or opened.running.done():
                self._make_room()
                opened = self._open[gallery] = await self._begin(gallery)
            else:
                # The one used last stands last.
                self._open[gallery] = self._open.pop(gallery)
            return opened

    async def _is_current(self, opened: _Open) -> bool:
        model = await self._model()
        published = await self._retry.call(QDRANT, opened.writer.published)
        opened.is_published = published == opened.collection
        return model.fingerprint == opened.model.fingerprint and published in (
            None,
            opened.collection,
        )

    async def _begin(self, gallery: str) -> _Open:
        model = await self._model()
        writer = PhotoWriter(self._connection, gallery, self._options.collection)
        published = await self._retry.call(QDRANT, writer.published)
        if published not in (None, writer.name(model.fingerprint)):
            raise _of_another_model(gallery, published, model)
        collection = await self._retry.call(
            QDRANT, partial(writer.open, model.fingerprint, model.dimension)
        )
        reading = self._reading_for(model)
        inbox = Inbox(self._limits.chunk_photos)
        pipeline = Pipeline(
            embedder=Embedder(
                self._encoder, model, self._retry, self._options.encode_timeout_seconds
            ),
            collection=QdrantCollection(writer, collection, self._retry),
            reading=reading,
            tally=_tally(self._metrics),
            metrics=self._metrics,
            limits=self._limits,
            stop=asyncio.Event(),
            endless=True,
        )
        running = asyncio.create_task(pipeline.run(inbox))
        running.add_done_callback(_told_to_log)
        log.info("opened", gallery=gallery, collection=collection, model=model.name)
        return _Open(
            model,
            writer,
            collection,
            reading,
            inbox,
            running,
            published is not None,
            asyncio.get_running_loop().time(),
        )

    def _reading_for(self, model: EncoderModel) -> Reading:
        """Return what reads photos for a model, one for all galleries: it bounds their memory."""
        if self._reading is None or self._reading[0] != model.fingerprint:
            reading = Reading(
                self._limits.images,
                model.photo_preprocessing,
                max_sent_bytes=self._limits.max_sent_bytes,
                max_held_bytes=self._limits.buffer_bytes,
                locations=self._options.locations,
            )
            self._reading = model.fingerprint, reading
        return self._reading[1]

    async def _model(self) -> EncoderModel:
        asking = partial(self._encoder.model, self._options.encode_timeout_seconds)
        return await self._retry.call(ENCODER, asking, has_failed)

    async def _publish(self, gallery: str, opened: _Open) -> None:
        """Let searches see the gallery, if they see none yet."""
        async with opened.publishing:
            if opened.is_published:
                return
            published = await self._retry.call(QDRANT, opened.writer.published)
            if published is None:
                publishing = partial(opened.writer.publish, opened.collection)
                await self._retry.call(QDRANT, publishing)
                log.info("published", gallery=gallery, collection=opened.collection)
            elif published != opened.collection:
                raise _of_another_model(gallery, published, opened.model)
            opened.is_published = True

    def _make_room(self) -> None:
        if len(self._open) < self._options.most:
            return
        idle = next((name for name, each in self._open.items() if not each.photos), None)
        if idle is None:
            raise exhausted(
                f"{self._options.most} galleries are written to already (max_galleries)",
                _RETRY_SECONDS,
            )
        self._forget(idle, self._open[idle])

    def _forget(self, gallery: str, opened: _Open) -> None:
        """Let the next photo open the gallery anew; what is under way is finished."""
        if self._open.get(gallery) is opened:
            del self._open[gallery]
            task = asyncio.create_task(opened.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


_STALE = ("MODEL_CHANGED", "MODEL_MISMATCH", "BAD_ANSWER")
"""Reasons of errors after which the encoder's model and the alias are to be looked at anew."""


def _of_another_model(gallery: str, published: str | None, model: EncoderModel) -> CallError:
    return precondition(
        "MODEL_MISMATCH",
        f"searches see the gallery {gallery} in {published}, and the encoder serves "
        f"{model.name} ({model.fingerprint}): ingest all of its photos with the new model "
        "(docs/operations/upgrade-model.md), or serve the model that it was built by",
    )


def _tally(metrics: IngestMetrics) -> Tally:
    tally = Tally(metrics)
    tally.survey = _NoSurvey()
    return tally


def _told_to_log(running: "asyncio.Task[None]") -> None:
    if not running.cancelled() and (error := running.exception()) is not None:
        log.error("the pipeline ended", exc_info=error)

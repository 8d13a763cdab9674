"""The galleries that are written to: each with the ingest job's pipeline, fed for ever.

A gallery is opened by the first photo for it: its collection is that of the encoder's model, and
must be the one that searches see, if they see one. Where they see none yet, the first photo
publishes it before it is answered.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from sketchzoo.encoder_client import PART as ENCODER
from sketchzoo.encoder_client import EncoderModel
from sketchzoo.qdrant import (
    CollectionNotFoundError,
    CollectionOptions,
    PhotoReader,
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
from sketchzoo_ingest.gallery_service.open_gallery import Memory, OpenGallery, endless_tally
from sketchzoo_ingest.limits import PipelineLimits
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.outcome import Outcome, RefusedError, Settled
from sketchzoo_ingest.pipeline import Pipeline
from sketchzoo_ingest.reading import Reading
from sketchzoo_ingest.retry import RetryPolicy
from sketchzoo_ingest.sources import Candidate

log = structlog.get_logger()

_RETRY_SECONDS = 1.0


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
        self._memory = Memory(limits.buffer_bytes)
        self._reading: tuple[str, Reading] | None = None
        self._open: dict[str, OpenGallery] = {}
        # Being looked at or opened, for all photos that wait for it together.
        self._opening: dict[str, asyncio.Task[OpenGallery]] = {}
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
            reader = PhotoReader(self._connection, collection)
            try:
                found = await reader.get(collection, [key])
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
        while self._open.get(gallery) is not opened:  # closed for another one in that moment
            opened = await self._opened(gallery)
        with opened.used():
            try:
                settled = await self._settled(opened, candidate)
                if settled.refusal is not None:
                    raise RefusedError(settled.refusal.reason, settled.refusal.message)
                await self._publish(gallery, opened)
            except CallError as error:
                if isinstance(error, CollectionNotFoundError) or error.reason in _STALE:
                    self._forget(gallery, opened)
                raise
        return settled.photo_id, settled.outcome

    async def _settled(self, opened: OpenGallery, candidate: Candidate) -> Settled:
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
            putting = asyncio.ensure_future(opened.inbox.put(Listed(candidate, self._reader, tell)))
            try:
                for each in (putting, told):
                    waited: set[asyncio.Future[Any]] = {each, opened.running}
                    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            finally:
                putting.cancel()
        if not told.done():
            # It was to run for ever: what ended it is in the log.
            raise unavailable("the pipeline", "it has ended")
        return told.result()

    async def _opened(self, gallery: str) -> OpenGallery:
        opened = self._open.get(gallery)
        now = asyncio.get_running_loop().time()
        if (
            opened is not None
            and not opened.running.done()
            and now - opened.checked_at <= self._options.check_seconds
        ):
            # The one used last stands last.
            self._open[gallery] = self._open.pop(gallery)
            return opened
        opening = self._opening.get(gallery)
        if opening is None:
            # What it fails with, all who wait for it fail with: none tries again for itself.
            opening = self._opening[gallery] = asyncio.create_task(self._look(gallery, opened))
            opening.add_done_callback(lambda _: self._opening.pop(gallery, None))
        try:
            return await asyncio.shield(opening)
        except CallError as error:
            raise error.again() from None

    async def _look(self, gallery: str, opened: OpenGallery | None) -> OpenGallery:
        """Return the gallery as it is, if it is still the one to write to, or open it anew."""
        if opened is not None and not opened.running.done():
            begun = asyncio.get_running_loop().time()
            if await self._is_current(opened):
                opened.checked_at = begun
                return opened
        if opened is not None:
            self._forget(gallery, opened)
        self._make_room()
        self._open[gallery] = await self._begin(gallery)
        return self._open[gallery]

    async def _is_current(self, opened: OpenGallery) -> bool:
        model = await self._model()
        published = await self._retry.call(QDRANT, opened.writer.published)
        opened.is_published = published == opened.collection
        return model.fingerprint == opened.model.fingerprint and published in (
            None,
            opened.collection,
        )

    async def _begin(self, gallery: str) -> OpenGallery:
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
            tally=endless_tally(self._metrics),
            metrics=self._metrics,
            limits=self._limits.for_processes(model.processes),
            stop=asyncio.Event(),
            endless=True,
        )
        running = asyncio.create_task(pipeline.run(inbox))
        running.add_done_callback(_told_to_log)
        log.info("opened", gallery=gallery, collection=collection, model=model.name)
        return OpenGallery(
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

    async def _publish(self, gallery: str, opened: OpenGallery) -> None:
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
        """Close an idle gallery for the one that is being opened, where there are enough."""
        if len(self._open.keys() | self._opening.keys()) <= self._options.most:
            return
        idle = next((name for name, each in self._open.items() if not each.photos), None)
        if idle is None:
            raise exhausted(
                f"{self._options.most} galleries are written to already (max_galleries)",
                _RETRY_SECONDS,
            )
        self._forget(idle, self._open[idle])

    def _forget(self, gallery: str, opened: OpenGallery) -> None:
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
        f"{model.name} ({model.fingerprint}): have all of its photos embedded by the "
        "new model (`sketchzoo gallery export`, then `sketchzoo ingest`; "
        "docs/operations/upgrade-model.md), or serve the model that it was built by",
    )


def _told_to_log(running: "asyncio.Task[None]") -> None:
    if not running.cancelled() and (error := running.exception()) is not None:
        log.error("the pipeline ended", exc_info=error)

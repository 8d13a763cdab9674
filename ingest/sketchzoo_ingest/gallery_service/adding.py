"""Adding: a photo from its bytes or uri to its place in the gallery."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Protocol

import grpc
import structlog

from sketchzoo.gallery.v1 import gallery_pb2
from sketchzoo.rpc import CallError, invalid, precondition
from sketchzoo_ingest.gallery_service.metrics import GalleryMetrics
from sketchzoo_ingest.gallery_service.pending import Pending
from sketchzoo_ingest.gallery_service.request import NewPhoto
from sketchzoo_ingest.gallery_service.store import Arriving, PhotoStore, store_away
from sketchzoo_ingest.outcome import Outcome, RefusedError
from sketchzoo_ingest.sources import Candidate

log = structlog.get_logger()

_FAILED = CallError(grpc.StatusCode.INTERNAL, "the server failed; its log has the request id")
_OUTCOMES = {
    Outcome.WRITTEN: gallery_pb2.ADD_OUTCOME_WRITTEN,
    Outcome.UPDATED: gallery_pb2.ADD_OUTCOME_UPDATED,
    Outcome.UNCHANGED: gallery_pb2.ADD_OUTCOME_UNCHANGED,
    # The same content twice at a time: it is there.
    Outcome.DUPLICATE: gallery_pb2.ADD_OUTCOME_UNCHANGED,
}


class Writes(Protocol):
    """Brings a photo into a gallery, by the ingest job's own rules."""

    async def add(self, gallery: str, candidate: Candidate) -> tuple[str, Outcome]:
        """Return the photo's id and what became of it, once searches can find it.

        Raises:
            RefusedError: it is no photo that can be embedded.
            CallError: a part is away, or the gallery was built by another model.

        """

    async def is_held(self, sha256: str, uri: str) -> bool:
        """Tell whether a gallery has the photo of this content at this uri."""


class Arrival:
    """A photo that is being received: what holds its place, and its file where it has one."""

    def __init__(self, new: NewPhoto, stack: AsyncExitStack, file: Arriving | None) -> None:
        self.new = new
        self._stack = stack
        self.file = file

    @property
    def missing(self) -> int:
        """How many bytes are still to come."""
        return 0 if self.file is None else (self.new.size or 0) - self.file.size

    async def write(self, piece: bytes) -> None:
        """Take a piece; raises `CallError` where there are more bytes than were announced."""
        if self.file is None or len(piece) > self.missing:
            raise invalid(
                "piece", f"has more bytes than photo.size_bytes ({self.new.size or 0}) left to come"
            )
        try:
            await self.file.write(piece)
        except OSError as error:
            raise store_away(error) from error

    async def close(self) -> None:
        """Give back its place, and remove its file unless it was kept."""
        await self._stack.aclose()


class Adding:
    """Takes photos in; what was begun here ends, though its caller has gone."""

    def __init__(
        self,
        writes: Writes,
        pending: Pending,
        store: PhotoStore | None,
        metrics: GalleryMetrics,
        max_bytes: int,
    ) -> None:
        self._writes = writes
        self._pending = pending
        self._store = store
        self._metrics = metrics
        self.max_bytes = max_bytes
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def takes_bytes(self) -> bool:
        """Whether photos may be sent as bytes."""
        return self._store is not None

    async def begin(self, gallery: str, new: NewPhoto, who: str | None) -> Arrival:
        """Give a photo its place.

        Raises:
            CallError: RESOURCE_EXHAUSTED, too many are under way; FAILED_PRECONDITION, bytes
                are sent and there is no store; UNAVAILABLE, it can't be written.

        """
        if new.size is not None and self._store is None:
            raise precondition(
                "NO_STORE",
                "this service keeps no photos: send a uri, or start it with --store and a folder "
                "or bucket",
            )
        async with AsyncExitStack() as stack:
            stack.enter_context(self._pending.taking(gallery, who, new.size or 0))
            file = None
            if new.size is not None and self._store is not None:
                try:
                    file = await stack.enter_async_context(self._store.arriving())
                except OSError as error:
                    raise store_away(error) from error
            return Arrival(new, stack.pop_all(), file)

    def settle(
        self,
        gallery: str,
        arrival: Arrival,
        answer: Callable[[gallery_pb2.AddPhotosResponse], None],
    ) -> "asyncio.Task[None]":
        """Bring a photo that has arrived into the gallery, and answer."""

        async def settling() -> None:
            response = gallery_pb2.AddPhotosResponse(sequence=arrival.new.sequence)
            try:
                photo_id, outcome = await self._added(gallery, arrival)
                response.photo.photo_id = photo_id
                response.photo.outcome = _OUTCOMES[outcome]
                self._metrics.answered(None)
            except CallError as error:
                response = self.refusal(arrival.new.sequence, error)
            except Exception:
                log.exception("adding failed")
                response = self.refusal(arrival.new.sequence, _FAILED.again())
            finally:
                await arrival.close()
            answer(response)

        task = asyncio.create_task(settling())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def refusal(self, sequence: int, error: CallError) -> gallery_pb2.AddPhotosResponse:
        """Answer a photo that was not added."""
        self._metrics.answered(error)
        return gallery_pb2.AddPhotosResponse(sequence=sequence, status=error.status())

    async def drain(self) -> None:
        """Return when all that was begun has ended."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def give_up(self) -> None:
        """End what was begun and has not ended: nothing of it is answered."""
        for task in self._tasks:
            task.cancel()
        await self.drain()

    async def _added(self, gallery: str, arrival: Arrival) -> tuple[str, Outcome]:
        new = arrival.new
        field = "photo.uri" if arrival.file is None else "piece"
        try:
            if arrival.file is None or self._store is None:
                return await self._writes.add(gallery, _candidate(new, new.uri, new.uri, None))
            self._metrics.received_bytes.inc(arrival.file.size)
            async with self._store.keeping(arrival.file, self._writes.is_held) as kept:
                candidate = _candidate(new, kept.uri, str(kept.path), kept.size)
                return await self._writes.add(gallery, candidate)
        except RefusedError as error:
            raise invalid(field, error.message, reason=error.reason.upper()) from error
        except OSError as error:
            raise store_away(error) from error


def _candidate(new: NewPhoto, uri: str, location: str, size: int | None) -> Candidate:
    return Candidate(
        uri=uri,
        class_name=new.class_name,
        location=location,
        origin=new.file_name or uri,
        size=size,
        payload=new.columns,
        folder=new.folder,
        file_name=new.file_name,
    )

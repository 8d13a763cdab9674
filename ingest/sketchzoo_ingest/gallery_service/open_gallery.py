"""A gallery that is written to, and what pipelines that run for ever hold."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from sketchzoo.encoder_client import EncoderModel
from sketchzoo.qdrant import PhotoWriter
from sketchzoo_ingest.feed import Inbox
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.reading import Reading
from sketchzoo_ingest.survey import Survey
from sketchzoo_ingest.tally import Tally


@dataclass(eq=False, slots=True)
class OpenGallery:
    """A gallery that is written to, by a pipeline that `running` runs."""

    model: EncoderModel
    writer: PhotoWriter
    collection: str
    reading: Reading
    inbox: Inbox
    running: "asyncio.Task[None]"
    is_published: bool
    checked_at: float
    photos: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    publishing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Count a photo that is on its way into it."""
        self.photos += 1
        self.idle.clear()
        try:
            yield
        finally:
            self.photos -= 1
            if not self.photos:
                self.idle.set()

    async def close(self) -> None:
        """End when no photo is on its way into it; nothing more may be."""
        if self.photos:
            await self.idle.wait()
        if not self.running.done():
            await self.inbox.close()
        await asyncio.wait([self.running])


class Memory:
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


class _NoSurvey(Survey):
    """Remembers nothing: only who prunes asks which places were read."""

    def read(self, uri: str) -> None:
        """Forget it."""

    def unread(self, refusal: object) -> None:
        """Forget it."""


def endless_tally(metrics: IngestMetrics) -> Tally:
    """Return what counts photos without end: it remembers no places, as who prunes does."""
    tally = Tally(metrics)
    tally.survey = _NoSurvey()
    return tally

"""Fakes at ingest's contracts: a source, an encoder and a collection in memory."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry

from sketchzoo.encoder_client import Embedded, Embedding, EncoderModel, ImageToEmbed
from sketchzoo.images import ImageLimits
from sketchzoo.qdrant import Photo
from sketchzoo.rpc import invalid
from sketchzoo_ingest.embedder import Embedder
from sketchzoo_ingest.feed import Listed, Listing, entries_of
from sketchzoo_ingest.limits import PipelineLimits
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.outcome import Outcome, Reason, Refusal, RefusedError, Settled
from sketchzoo_ingest.pipeline import Pipeline
from sketchzoo_ingest.reading import Reading
from sketchzoo_ingest.retry import RetryPolicy
from sketchzoo_ingest.sources import Candidate, Classes, ClassFrom
from sketchzoo_ingest.tally import Tally
from tests.artefacts import picture

MODEL = EncoderModel("fake", "f" * 16, 4)


class FakeSource:
    """Photos in memory: `entries` are (class, name, bytes or what goes wrong)."""

    def __init__(
        self,
        entries: Sequence[tuple[str, str, bytes | Reason]],
        *,
        name: str = "fake",
        sizes: bool = True,
        on_read: Callable[[str], None] | None = None,
        modified_at: datetime | None = None,
    ) -> None:
        self.name = name
        self.classes = Classes(ClassFrom.FOLDER)
        self.root: str | None = f"{name}://"
        self._entries = list(entries)
        self._sizes = sizes
        self._on_read = on_read
        self._modified_at = modified_at
        self._contents = {file: content for _, file, content in entries}

    def candidates(self) -> Iterator[Candidate | Refusal]:
        for class_name, file, content in self._entries:
            size = len(content) if isinstance(content, bytes) else 0
            uri = f"{self.name}://{file}"
            known = size if self._sizes else None
            yield Candidate(uri, class_name, file, file, known, modified_at=self._modified_at)

    def read(self, candidate: Candidate, limit: int) -> bytes:
        if self._on_read is not None:
            self._on_read(candidate.location)
        content = self._contents[candidate.location]
        if isinstance(content, Reason):
            raise RefusedError(content, "the fake says so")
        return content


@dataclass
class FakeEncoder:
    """Embeds each photo as its length; refuses those in `damaged`; raises `failures` first.

    A call with a photo of `lasting` fails with what that says, whatever comes along.
    """

    damaged: set[bytes] = field(default_factory=set)
    lasting: dict[bytes, Exception] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    seconds: float = 0.0
    served: EncoderModel = MODEL
    on_call: Callable[[], None] = lambda: None

    async def model(self, timeout_seconds: float) -> EncoderModel:
        if self.failures:
            raise self.failures.pop(0)
        return self.served

    async def embed(self, images: Sequence[ImageToEmbed], timeout_seconds: float) -> Embedded:
        contents = [image.content for image in images]
        self.calls.append(len(contents))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.on_call()
            await asyncio.sleep(self.seconds)
            if self.failures:
                raise self.failures.pop(0)
            for content in contents:
                if content in self.lasting:
                    raise self.lasting[content]
        finally:
            self.at_once -= 1
        fingerprint = self.served.fingerprint
        outcomes = [
            invalid("images[0].content", "is damaged", reason="TRUNCATED")
            if content in self.damaged
            else Embedding.of([float(len(content)), 1.0, 0.0, 0.0], fingerprint)
            for content in contents
        ]
        return Embedded(tuple(outcomes), 0.0, 0.0, 0.0)


@dataclass
class FakeCollection:
    """Photos by id, with their embeddings; counts what was asked of it."""

    is_missing = False

    photos: dict[str, Photo] = field(default_factory=dict)
    vectors: dict[str, Sequence[float]] = field(default_factory=dict)
    upserts: list[int] = field(default_factory=list)
    payloads: list[str] = field(default_factory=list)
    lookups: list[int] = field(default_factory=list)
    first_lookup_seconds: float = 0.0

    async def known(self, ids: Sequence[str]) -> Mapping[str, Photo]:
        self.lookups.append(len(ids))
        await asyncio.sleep(self.first_lookup_seconds if len(self.lookups) == 1 else 0)
        return {key: self.photos[key] for key in ids if key in self.photos}

    async def by_uri(self, uris: Sequence[str]) -> Mapping[str, Photo]:
        return {photo.uri: photo for photo in self.photos.values() if photo.uri in uris}

    async def alike(self, photos: Sequence[Photo], within: timedelta) -> Sequence[Photo]:
        return list(self.photos.values())

    async def delete_at(self, photo: Photo) -> None:
        if self.photos[photo.id].uri == photo.uri:
            del self.photos[photo.id]

    async def upsert(self, photos: Sequence[tuple[Photo, Sequence[float]]]) -> None:
        self.upserts.append(len(photos))
        for photo, vector in photos:
            self.photos[photo.id] = photo
            self.vectors[photo.id] = vector

    async def set_payload(self, photo: Photo) -> None:
        self.payloads.append(photo.id)
        self.photos[photo.id] = photo


@dataclass
class Bench:
    """A pipeline with fakes around it."""

    encoder: FakeEncoder | None
    collection: FakeCollection
    limits: PipelineLimits = field(
        default_factory=lambda: PipelineLimits(chunk_photos=4, batch_size=4)
    )
    retry_seconds: float = 0.0
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    verify: bool = False
    endless: bool = False

    def __post_init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = IngestMetrics(self.registry)
        self.tally = Tally(self.metrics)
        retry = RetryPolicy(self.retry_seconds, self.stop, self.metrics.retried)
        self.pipeline = Pipeline(
            embedder=Embedder(self.encoder, MODEL, retry, 60.0) if self.encoder else None,
            collection=self.collection,
            reading=Reading(self.limits.images),
            tally=self.tally,
            metrics=self.metrics,
            limits=self.limits,
            stop=self.stop,
            verify=self.verify,
            endless=self.endless,
        )

    async def run(self, *sources: FakeSource) -> None:
        with Listing(entries_of(sources), self.metrics) as listing:
            await self.pipeline.run(listing)


def small_limits(**changes: Any) -> PipelineLimits:
    """Limits that a handful of photos meet."""
    values: dict[str, Any] = {
        "images": ImageLimits(max_bytes=4096, max_pixels=512 * 512),
        "buffer_bytes": 2 * 4096,
        "chunk_photos": 4,
        "batch_size": 4,
        **changes,
    }
    return PipelineLimits(**values)


def photos(count: int, class_name: str = "cat") -> list[tuple[str, str, bytes | Reason]]:
    """So many different photos of a class."""
    return [(class_name, f"{class_name}-{i}.jpg", picture(i)) for i in range(count)]


def counted(tally: Tally, outcome: Outcome, count: int = 1) -> None:
    """Let photos have met an outcome."""
    for _ in range(count):
        tally.settle(listed(), Settled(outcome))


def listed() -> Listed:
    """Return a photo of which nobody hears."""
    return Listed(Candidate("fake://a", "cat", "a", "a"), FakeSource([]))

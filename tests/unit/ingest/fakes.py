"""Fakes at ingest's contracts: a source, an encoder and a collection in memory."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from sketchzoo.images import ImageLimits
from sketchzoo.qdrant import Photo
from sketchzoo_ingest.encoder import Model
from sketchzoo_ingest.limits import PipelineLimits
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.outcome import Reason, Refusal, RefusedError
from sketchzoo_ingest.patience import Patience
from sketchzoo_ingest.pipeline import Pipeline
from sketchzoo_ingest.sources import Candidate
from sketchzoo_ingest.tally import Tally
from tests.artefacts import picture

MODEL = Model("fake", "f" * 16, 4)


class FakeSource:
    """Photos in memory: `entries` are (class, name, bytes or what goes wrong)."""

    def __init__(
        self,
        entries: Sequence[tuple[str, str, bytes | Reason]],
        *,
        name: str = "fake",
        sizes: bool = True,
        on_read: Callable[[str], None] | None = None,
    ) -> None:
        self.name = name
        self.root: str | None = f"{name}://"
        self._entries = list(entries)
        self._sizes = sizes
        self._on_read = on_read
        self._contents = {file: content for _, file, content in entries}

    def candidates(self) -> Iterator[Candidate | Refusal]:
        for class_name, file, content in self._entries:
            size = len(content) if isinstance(content, bytes) else 0
            yield Candidate(
                f"{self.name}://{file}", class_name, file, file, size if self._sizes else None
            )

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
    on_call: Callable[[], None] = lambda: None

    async def model(self) -> Model:
        if self.failures:
            raise self.failures.pop(0)
        return MODEL

    async def embed(
        self, model: Model, contents: Sequence[bytes]
    ) -> list[Sequence[float] | RefusedError]:
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
        return [
            RefusedError(Reason.TRUNCATED, "is damaged")
            if content in self.damaged
            else [float(len(content)), 1.0, 0.0, 0.0]
            for content in contents
        ]


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
    patience_seconds: float = 0.0
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = IngestMetrics(self.registry)
        self.tally = Tally(self.metrics)
        encoder: Any = self.encoder
        self.pipeline = Pipeline(
            encoder=encoder,
            model=MODEL,
            collection=self.collection,
            patience=Patience(self.patience_seconds, self.stop, self.metrics.retried),
            tally=self.tally,
            metrics=self.metrics,
            limits=self.limits,
            stop=self.stop,
        )

    async def run(self, *sources: FakeSource) -> None:
        await self.pipeline.run(sources)


def small_limits(**changes: Any) -> PipelineLimits:
    """Limits that a handful of photos meet."""
    values: dict[str, Any] = {
        "images": ImageLimits(max_bytes=4096, max_side=512),
        "buffer_bytes": 2 * 4096,
        "chunk_photos": 4,
        "batch_size": 4,
        **changes,
    }
    return PipelineLimits(**values)


def photos(count: int, class_name: str = "cat") -> list[tuple[str, str, bytes | Reason]]:
    """So many different photos of a class."""
    return [(class_name, f"{class_name}-{i}.jpg", picture(i)) for i in range(count)]

"""Fakes at search's two contracts: the encoder over a real socket, and the photo reader."""

import asyncio
import hashlib
import math
import operator
import random
import struct
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import grpc
import grpc.aio
from google.protobuf.duration_pb2 import Duration
from prometheus_client import CollectorRegistry

from search_service.bootstrap import serving
from search_service.settings import SearchSettings
from sketchzoo.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sketchzoo.qdrant import (
    AnyOf,
    CollectionNotFoundError,
    Filter,
    Gallery,
    GeoBoundingBox,
    GeoRadius,
    Nearest,
    Photo,
    PhotoNotFoundError,
    Range,
    ScoredPhoto,
)
from sketchzoo.qdrant.filter import Test
from sketchzoo.rpc import (
    CallError,
    ChannelSettings,
    RpcServer,
    Service,
    invalid,
    open_channel,
)
from sketchzoo.search.v1 import search_pb2_grpc
from sketchzoo.settings import ServerSettings

DIMENSION = 8


def embedding_of(content: bytes, fingerprint: str) -> tuple[float, ...]:
    """Make up an embedding: the same for the same content and model."""
    made = random.Random(content + fingerprint.encode())
    values = [made.gauss(0, 1) for _ in range(DIMENSION)]
    length = math.hypot(*values)
    packed = struct.pack(f"<{DIMENSION}f", *(value / length for value in values))
    return struct.unpack(f"<{DIMENSION}f", packed)


class FakeEncoder(encoder_pb2_grpc.EncoderServiceServicer):
    """Embeds anything but what starts with `bad`; counts and delays as the test wants."""

    def __init__(self) -> None:
        self.fingerprint = "model-a"
        self.dimension = DIMENSION
        self.seconds = 0.0
        self.error: CallError | None = None
        self.embedded: list[bytes] = []
        self.modalities: list[int] = []
        self.calls = 0
        self.cancelled = 0
        self.running = 0
        self.timeouts: list[float] = []
        self.request_ids: list[str] = []

    async def Embed(self, request: Any, context: Any) -> encoder_pb2.EmbedResponse:  # noqa: N802
        self.calls += 1
        self.running += 1
        self.timeouts.append(context.time_remaining())
        self.request_ids.append(dict(context.invocation_metadata()).get("x-request-id", ""))
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        if self.error is not None:
            raise self.error
        results = []
        for index, image in enumerate(request.images):
            self.embedded.append(image.content)
            self.modalities.append(image.modality)
            if image.content.startswith(b"bad"):
                status = invalid(f"images[{index}].content", "is not an image").status()
                results.append(encoder_pb2.EmbedResult(status=status))
                continue
            vector = embedding_of(image.content, self.fingerprint)
            embedding = encoder_pb2.Embedding(
                vector=struct.pack(f"<{len(vector)}f", *vector), dimension=len(vector)
            )
            results.append(encoder_pb2.EmbedResult(embedding=embedding))
        return encoder_pb2.EmbedResponse(
            results=results,
            model_fingerprint=self.fingerprint,
            timings=encoder_pb2.EmbedTimings(
                decode=Duration(nanos=1_000_000),
                queue=Duration(nanos=2_000_000),
                encode=Duration(nanos=3_000_000),
            ),
        )

    async def GetModel(self, request: Any, context: Any) -> encoder_pb2.GetModelResponse:  # noqa: N802
        if self.error is not None:
            raise self.error
        return encoder_pb2.GetModelResponse(
            name="fake", fingerprint=self.fingerprint, dimension=self.dimension, min_score=0.625
        )


def photo(number: int, class_name: str = "cat", **payload: Any) -> Photo:
    """Make up a photo."""
    return Photo(
        class_name=class_name,
        uri=f"file:///nowhere/{number}.jpg",
        sha256=hashlib.sha256(str(number).encode()).hexdigest(),
        width=640,
        height=480,
        payload={"number": number, **payload},
    )


@dataclass
class FakeReader:
    """The `PhotoReader` of a gallery in memory: exact, and told when to fail."""

    fingerprint: str = "model-a"
    photos: dict[str, tuple[Photo, tuple[float, ...]]] = field(default_factory=dict)
    seconds: float = 0.0
    error: CallError | None = None
    missing: set[str] = field(default_factory=set)
    asked: list[tuple[str, Nearest]] = field(default_factory=list)
    timeouts: list[float | None] = field(default_factory=list)
    calls: int = 0
    counted: int = 0
    cancelled: int = 0

    def add(self, photo: Photo) -> str:
        """Add a photo with a made up embedding; return its id."""
        self.photos[photo.id] = photo, embedding_of(photo.sha256.encode(), "photo")
        return photo.id

    async def current(self, timeout_seconds: float | None = None) -> Gallery:
        self._fail()
        return Gallery(f"photos-{self.fingerprint}", self.fingerprint, DIMENSION)

    async def nearest(
        self, collection: str, queries: Sequence[Nearest], timeout_seconds: float | None = None
    ) -> list[list[ScoredPhoto]]:
        self.calls += 1
        self.asked += [(collection, query) for query in queries]
        self.timeouts.append(timeout_seconds)
        await self._wait()
        return [self._nearest(collection, query) for query in queries]

    async def get(
        self, collection: str, ids: Sequence[str], timeout_seconds: float | None = None
    ) -> dict[str, Photo]:
        self._fail()
        return {each: self.photos[each][0] for each in ids if each in self.photos}

    async def embedding(
        self, collection: str, photo_id: str, timeout_seconds: float | None = None
    ) -> tuple[float, ...] | None:
        return self.photos[photo_id][1] if photo_id in self.photos else None

    async def classes(
        self, collection: str, condition: Filter, timeout_seconds: float | None = None
    ) -> dict[str, int]:
        self.counted += 1
        await self._wait()
        counts: dict[str, int] = {}
        for found, _ in self.photos.values():
            if holds(condition, found):
                counts[found.class_name] = counts.get(found.class_name, 0) + 1
        return dict(sorted(counts.items()))

    async def _wait(self) -> None:
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self._fail()

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error

    def _nearest(self, collection: str, query: Nearest) -> list[ScoredPhoto]:
        if collection in self.missing:
            raise CollectionNotFoundError(collection)
        for named in query.named:
            if named not in self.photos:
                raise PhotoNotFoundError(named)
        vectors = [self.photos[named][1] for named in query.liked]
        if query.photo_id is not None:
            vectors.append(self.photos[query.photo_id][1])
        if query.vector is not None:
            vectors.append(query.vector)
        wanted = [sum(values) for values in zip(*vectors, strict=True)]
        found = [
            ScoredPhoto(each, kept, (1 + _cosine(wanted, vector)) / 2)
            for each, (kept, vector) in self.photos.items()
            if each not in query.named and holds(query.filter, kept)
        ]
        found.sort(key=lambda scored: (-scored.score, scored.id))
        found = [one for one in found if one.score >= (query.min_score or 0)]
        return found[query.offset : query.offset + query.limit]


def holds(condition: Filter, kept: Photo) -> bool:
    """Tell whether a photo meets a filter, as the proto's comments say it."""
    payload = kept.to_payload()
    wanted = (
        ("class", condition.classes),
        ("folders", condition.folders),
        ("seen_class", condition.seen_classes),
    )
    for name, values in wanted:
        if values and not _meets(AnyOf(values), payload.get(name)):
            return False
    if kept.class_name in condition.excluded_classes:
        return False
    return all(_meets(one.test, payload.get(one.field)) for one in condition.fields)


def _meets(test: Test, value: Any) -> bool:
    if isinstance(value, list):
        return any(_meets(test, each) for each in value)
    match test:
        case Range():
            bounds = test.bounds
            if any(isinstance(bound, datetime) for bound in bounds.values()):
                value = datetime.fromisoformat(value) if isinstance(value, str) else None
            elif isinstance(value, bool) or not isinstance(value, int | float):
                value = None
            return value is not None and all(
                getattr(operator, {"gte": "ge", "lte": "le"}.get(name, name))(value, bound)
                for name, bound in bounds.items()
            )
        case AnyOf():
            return any(_meets(each, value) for each in test.values)
        case GeoRadius() | GeoBoundingBox():
            raise NotImplementedError("the fake knows no places")
        case _:
            return type(value) is type(test) and value == test


def _cosine(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))


@dataclass
class Bench:
    """A search service on a free port between the two fakes."""

    encoder: FakeEncoder
    reader: FakeReader
    registry: CollectorRegistry
    server: RpcServer
    channel: grpc.aio.Channel
    stub: Any

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def metric(self, name: str, **labels: str) -> float:
        """Return a metric's value, 0 where nothing was counted yet."""
        return self.registry.get_sample_value(name, labels) or 0.0

    async def until_ready(self, *, state: bool = True) -> None:
        """Wait until the service is ready, or is not any more."""
        while bool(self.metric("sketchzoo_search_ready")) is not state:  # noqa: ASYNC110 - a gauge has no event
            await asyncio.sleep(0.01)

    async def joined(self, count: int) -> None:
        """Wait until so many embeddings are shared with a search before."""
        while self.metric("sketchzoo_search_cache_total", outcome="joined") < count:  # noqa: ASYNC110 - a counter has no event
            await asyncio.sleep(0.005)


@asynccontextmanager
async def bench(*, ready: bool = True, **settings: Any) -> AsyncIterator[Bench]:
    """Serve searches between a fake encoder and a fake reader of 40 photos."""
    encoder, reader = FakeEncoder(), FakeReader()
    for number in range(40):
        reader.add(photo(number, ("cat", "dog", "owl")[number % 3], tame=number % 3 < 2))
    values = {"check_seconds": 0.05, "recheck_seconds": 0.02, "drain_seconds": 1.0, **settings}
    registry = CollectorRegistry()
    service = Service(
        "sketchzoo.encoder.v1.EncoderService",
        encoder,
        encoder_pb2_grpc.add_EncoderServiceServicer_to_server,
    )
    plain = ServerSettings(drain_seconds=0.1)
    async with RpcServer(plain, [service], CollectorRegistry()) as upstream:
        chosen = SearchSettings(port=0, encoder_target=f"127.0.0.1:{upstream.port}", **values)
        async with (
            serving(chosen, reader, registry) as server,  # type: ignore[arg-type] # a fake
            open_channel(ChannelSettings(f"127.0.0.1:{server.port}")) as channel,
        ):
            stub = search_pb2_grpc.SearchServiceStub(channel)
            made = Bench(encoder, reader, registry, server, channel, stub)
            if ready:
                await made.until_ready()
            yield made


def unknown_id() -> str:
    """Return a photo id that no gallery has."""
    return str(uuid.uuid4())

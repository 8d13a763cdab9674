"""A search service between fakes: of the encoder, over a real socket, and of the photo reader."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from prometheus_client import CollectorRegistry

from search_service.bootstrap import serving
from search_service.settings import SearchSettings
from sketchzoo.encoder.v1 import encoder_pb2_grpc
from sketchzoo.group import ALONE, Member
from sketchzoo.parts import Layout
from sketchzoo.rpc import (
    ChannelSettings,
    RpcServer,
    Service,
    open_channel,
)
from sketchzoo.search.v1 import search_pb2_grpc
from sketchzoo.settings import ServerSettings
from tests.unit.search_service.fake_encoder import FakeEncoder
from tests.unit.search_service.fake_reader import FakeReader, photo


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
async def serving_encoder(encoder: FakeEncoder) -> AsyncIterator[str]:
    """Serve a fake encoder; yield its target."""
    service = Service(
        "sketchzoo.encoder.v1.EncoderService",
        encoder,
        encoder_pb2_grpc.add_EncoderServiceServicer_to_server,
    )
    plain = ServerSettings(drain_seconds=0.1)
    async with RpcServer(plain, [service], CollectorRegistry()) as upstream:
        yield f"127.0.0.1:{upstream.port}"


@asynccontextmanager
async def bench(
    *,
    ready: bool = True,
    member: Member = ALONE,
    layout: Layout | None = None,
    text: str = "",
    **settings: Any,
) -> AsyncIterator[Bench]:
    """Serve searches between a fake encoder and a fake reader of 40 photos."""
    encoder, reader = FakeEncoder(), FakeReader()
    encoder.layout, encoder.text = layout, text
    for number in range(40):
        reader.add(photo(number, ("cat", "dog", "owl")[number % 3], tame=number % 3 < 2))
    values = {"check_seconds": 0.05, "recheck_seconds": 0.02, "drain_seconds": 1.0, **settings}
    registry = CollectorRegistry()
    async with serving_encoder(encoder) as target:
        chosen = SearchSettings(port=0, encoder_target=target, **values)
        async with (
            serving(chosen, reader, registry, reader.listing, reader.of, member=member) as server,  # type: ignore[arg-type] # a fake
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

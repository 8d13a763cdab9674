"""A small encoder service behind the rpc layer, and calls of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest
from prometheus_client import CollectorRegistry

from sketchzoo.encoder.v1 import encoder_pb2 as pb
from sketchzoo.encoder.v1 import encoder_pb2_grpc
from sketchzoo.rpc import (
    CallError,
    ChannelSettings,
    RpcServer,
    Service,
    from_rpc_error,
    open_channel,
)
from sketchzoo.settings import GalleryAccessSettings, ServerSettings
from sketchzoo.telemetry import current_request_id

NAME = "sketchzoo.encoder.v1.EncoderService"
ANSWER = pb.GetModelResponse(name="fake")


class Access(GalleryAccessSettings, ServerSettings):
    """A server with several galleries."""


class FakeEncoder(encoder_pb2_grpc.EncoderServiceServicer):
    """Answers, fails, or takes its time, as the test wants."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.seconds = 0.0
        self.seen: list[str | None] = []
        self.begun = asyncio.Event()

    async def GetModel(self, request: Any, context: Any) -> pb.GetModelResponse:  # noqa: N802 - gRPC's name
        self.seen.append(current_request_id())
        self.begun.set()
        await asyncio.sleep(self.seconds)
        if self.error:
            raise self.error
        return ANSWER


@asynccontextmanager
async def serving(
    fake: FakeEncoder,
    registry: CollectorRegistry | None = None,
    kind: type[ServerSettings] = ServerSettings,
    **settings: Any,
) -> AsyncIterator[grpc.aio.Channel]:
    service = Service(NAME, fake, encoder_pb2_grpc.add_EncoderServiceServicer_to_server)
    server = RpcServer(kind(**settings), [service], registry or CollectorRegistry())
    async with (
        server,
        open_channel(ChannelSettings(f"127.0.0.1:{server.port}")) as channel,
    ):
        await server.set_serving(True)
        yield channel


async def call(channel: grpc.aio.Channel, **options: Any) -> pb.GetModelResponse:
    stub = encoder_pb2_grpc.EncoderServiceStub(channel)
    return await stub.GetModel(pb.GetModelRequest(), **{"timeout": 5, **options})


async def refused(channel: grpc.aio.Channel, **options: Any) -> CallError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(channel, **options)
    return from_rpc_error(caught.value, "the encoder")

"""A server of calls of every kind, whose limits a handful of them fills."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from prometheus_client import CollectorRegistry

from sketchzoo.encoder.v1 import encoder_pb2 as pb
from sketchzoo.encoder.v1 import encoder_pb2_grpc
from sketchzoo.rpc import ChannelSettings, RpcServer, Service, open_channel
from sketchzoo.settings import ServerSettings

ENCODER = "sketchzoo.encoder.v1.EncoderService"
STREAMS = "tests.Streams"
HEALTH = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
GET_MODEL = f"/{ENCODER}/GetModel"
EMBED = f"/{ENCODER}/Embed"
ECHO = f"/{STREAMS}/Echo"
COUNT = f"/{STREAMS}/Count"
DOWN = f"/{STREAMS}/Down"
MIB = 1 << 20
# Small enough that a handful of calls fills it.
SMALL = {
    "max_concurrent_calls": 40,
    "max_message_bytes": MIB,
    "max_held_bytes": 16 * MIB,
    "drain_seconds": 0.3,
}


class Answering(encoder_pb2_grpc.EncoderServiceServicer):
    """Answers at once; Embed with `bulk` bytes."""

    def __init__(self, bulk: int = 0) -> None:
        self._answer = pb.EmbedResponse(model_fingerprint="x" * bulk)

    async def GetModel(self, request: Any, context: Any) -> pb.GetModelResponse:  # noqa: N802 - gRPC's name
        return pb.GetModelResponse(name="a model")

    async def Embed(self, request: Any, context: Any) -> pb.EmbedResponse:  # noqa: N802 - gRPC's name
        return self._answer


class Streaming:
    """Answers each message of a stream with itself; counts those of another; counts down."""

    async def echo(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request

    async def count(self, requests: AsyncIterator[bytes], context: Any) -> bytes:
        return str(len([request async for request in requests])).encode()

    async def down(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        for number in range(int(request), 0, -1):
            yield str(number).encode()


def add_streams(servicer: Streaming, server: Any) -> None:
    handlers = {
        "Echo": grpc.stream_stream_rpc_method_handler(servicer.echo),
        "Count": grpc.stream_unary_rpc_method_handler(servicer.count),
        "Down": grpc.unary_stream_rpc_method_handler(servicer.down),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(STREAMS, handlers),))


class Server:
    """A server of this process, and a channel of a well-behaved caller's."""

    def __init__(self, port: int, channel: grpc.aio.Channel, registry: CollectorRegistry) -> None:
        self.port = port
        self.channel = channel
        self.registry = registry

    async def answers(self) -> None:
        """Check that a call, a stream, health and reflection are answered."""
        stub = encoder_pb2_grpc.EncoderServiceStub(self.channel)
        assert (await stub.GetModel(pb.GetModelRequest(), timeout=5)).name == "a model"
        image = pb.Image(content=bytes(500_000))
        await stub.Embed(pb.EmbedRequest(images=[image]), timeout=5)
        stream = self.channel.stream_stream(ECHO)(timeout=5)
        await stream.write(b"there?")
        assert await stream.read() == b"there?"
        stream.cancel()
        await self.is_healthy()
        reflected = reflection_pb2_grpc.ServerReflectionStub(self.channel).ServerReflectionInfo(
            iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=5
        )
        assert [each async for each in reflected]

    async def is_healthy(self) -> None:
        """Check that health answers SERVING."""
        health: Any = health_pb2_grpc.HealthStub(self.channel)
        answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING

    def held(self, what: str) -> float:
        """Return what callers hold, by the metrics page."""
        return self.registry.get_sample_value("sketchzoo_rpc_held", {"what": what}) or 0

    async def until_held(self, what: str, wanted: float) -> None:
        """Wait until callers hold so much."""
        async with asyncio.timeout(10):
            while self.held(what) != wanted:  # noqa: ASYNC110 - a counter has no event
                await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(encoder: Answering | None = None, **settings: Any) -> AsyncIterator[Server]:
    registry = CollectorRegistry()
    services = [
        Service(
            ENCODER,
            encoder or Answering(),
            encoder_pb2_grpc.add_EncoderServiceServicer_to_server,
        ),
        Service(STREAMS, Streaming(), add_streams),
    ]
    server = RpcServer(ServerSettings(**(SMALL | settings)), services, registry)
    async with server, open_channel(ChannelSettings(f"127.0.0.1:{server.port}")) as channel:
        await server.set_serving(True)
        yield Server(server.port, channel, registry)

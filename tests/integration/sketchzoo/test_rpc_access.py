"""Who is let in to a gRPC service, and how often."""

import asyncio
from dataclasses import replace
from typing import Any

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from sketchzoo.encoder.v1 import encoder_pb2 as pb
from sketchzoo.encoder.v1 import encoder_pb2_grpc
from sketchzoo.rpc import (
    BETWEEN_PARTS,
    ChannelSettings,
    RpcServer,
    Service,
    open_channel,
    outgoing_metadata,
)
from sketchzoo.rpc.access import check_gallery, may_use
from sketchzoo.settings import ServerSettings
from tests.integration.sketchzoo.rpc_server import (
    ANSWER,
    NAME,
    Access,
    FakeEncoder,
    call,
    refused,
    serving,
)


async def test_a_call_without_the_token_is_refused_and_health_is_not() -> None:
    """The token guards calls; probes need none."""
    async with serving(FakeEncoder(), token=SecretStr("hush")) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(channel)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert await call(channel, metadata=outgoing_metadata(SecretStr("hush"))) == ANSWER
        await health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(service=NAME), timeout=5
        )


async def test_each_token_is_good_for_its_own_galleries() -> None:
    """Any of several tokens lets a call in; what it is good for goes along with the call."""
    fake = FakeEncoder()
    told: list[str] = []

    async def tell(request: pb.GetModelRequest, context: Any) -> pb.GetModelResponse:
        told.append(",".join(name for name in ("photos", "zoo") if may_use(name)))
        check_gallery("photos")
        return ANSWER

    fake.GetModel = tell  # type: ignore[method-assign] # the test's own
    async with serving(
        fake, kind=Access, token=SecretStr("all"), tokens="own zoo; both zoo,photos"
    ) as channel:
        for token in ("all", "both"):
            assert await call(channel, metadata=outgoing_metadata(SecretStr(token))) == ANSWER
        for token, code in (("own", "PERMISSION_DENIED"), ("none", "UNAUTHENTICATED")):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(channel, metadata=outgoing_metadata(SecretStr(token)))
            assert caught.value.code().name == code
    assert told == ["photos,zoo", "photos,zoo", "zoo"]


async def test_a_quiet_connection_between_parts_is_kept() -> None:
    """Its pings, more often than gRPC's servers allow of themselves, are no abuse here."""
    service = Service(NAME, FakeEncoder(), encoder_pb2_grpc.add_EncoderServiceServicer_to_server)
    eager = replace(BETWEEN_PARTS, time_ms=600)
    async with RpcServer(ServerSettings(), [service], CollectorRegistry()) as server:
        settings = ChannelSettings(f"127.0.0.1:{server.port}", keepalive=eager)
        async with open_channel(settings) as channel:
            await call(channel)
            assert channel.get_state() is grpc.ChannelConnectivity.READY
            # Six pings: gRPC's default gives a caller three.
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(4):
                    await channel.wait_for_state_change(grpc.ChannelConnectivity.READY)


async def test_a_caller_beyond_his_rate_is_told_when_to_come_back() -> None:
    """RESOURCE_EXHAUSTED with RetryInfo; health checks are neither counted nor refused."""
    async with serving(FakeEncoder(), calls_per_second=0.1) as channel:
        assert await call(channel) == ANSWER
        error = await refused(channel)
        assert error.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert isinstance(error.details[0], error_details_pb2.RetryInfo)
        for _ in range(5):
            await health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=NAME), timeout=5
            )


async def test_one_call_too_many_is_told_when_to_come_back() -> None:
    """RESOURCE_EXHAUSTED with RetryInfo beyond `max_concurrent_calls`; health still answers."""
    fake = FakeEncoder()
    fake.seconds = 30
    async with serving(fake, max_concurrent_calls=1, drain_seconds=0.1) as channel:
        held = asyncio.create_task(call(channel))
        await fake.begun.wait()
        error = await refused(channel)
        assert error.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert isinstance(error.details[0], error_details_pb2.RetryInfo)
        await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        held.cancel()

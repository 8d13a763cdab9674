"""Servers and channels over real sockets."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from sketchzoo.encoder.v1 import encoder_pb2 as pb
from sketchzoo.encoder.v1 import encoder_pb2_grpc
from sketchzoo.rpc import (
    ChannelSettings,
    RpcServer,
    Service,
    exhausted,
    from_rpc_error,
    invalid,
    open_channel,
    outgoing_metadata,
)
from sketchzoo.settings import ServerSettings
from sketchzoo.telemetry import current_request_id, request_context
from tests.integration.sketchzoo.rpc_server import ANSWER, NAME, FakeEncoder, call, refused, serving


async def test_an_invalid_argument_names_its_field() -> None:
    """A BadRequest reaches the caller with the field and what would be right."""
    fake = FakeEncoder()
    fake.error = invalid("images[3].content", "is empty; send an image file")
    async with serving(fake) as channel:
        error = await refused(channel)
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    (detail,) = error.details
    assert isinstance(detail, error_details_pb2.BadRequest)
    assert detail.field_violations[0].field == "images[3].content"


async def test_a_full_queue_says_when_to_come_back() -> None:
    """RESOURCE_EXHAUSTED carries a RetryInfo."""
    fake = FakeEncoder()
    fake.error = exhausted("the queue is full", 0.25)
    async with serving(fake) as channel:
        error = await refused(channel)
    (detail,) = error.details
    assert isinstance(detail, error_details_pb2.RetryInfo)
    assert detail.retry_delay.ToNanoseconds() == 250_000_000


async def test_a_bug_tells_the_caller_nothing_but_that() -> None:
    """An unexpected exception is INTERNAL, and its text stays in the log."""
    fake = FakeEncoder()
    fake.error = RuntimeError("secret path")
    async with serving(fake) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(channel)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in (caught.value.details() or "")


async def test_the_callers_request_id_is_used_and_returned() -> None:
    """One id goes along from caller to server and back."""
    fake = FakeEncoder()
    async with serving(fake) as channel:
        with request_context("abc-1"):
            stub = encoder_pb2_grpc.EncoderServiceStub(channel)
            pending = stub.GetModel(pb.GetModelRequest(), metadata=outgoing_metadata(), timeout=5)
            await pending
            trailing = dict(await pending.trailing_metadata())
    assert fake.seen == ["abc-1"]
    assert trailing["x-request-id"] == "abc-1"


async def test_request_ids_of_calls_side_by_side_are_never_mixed() -> None:
    """Each caller gets its own back, and what failed is logged with its own."""
    fake = FakeEncoder()
    fake.seconds = 0.05
    fake.error = RuntimeError("broken")
    wanted = [f"call-{number}" for number in range(40)]
    async with serving(fake) as channel:
        stub = encoder_pb2_grpc.EncoderServiceStub(channel)
        with capture_logs([_with_id]) as logged:
            pending = [
                stub.GetModel(pb.GetModelRequest(), metadata=(("x-request-id", each),), timeout=10)
                for each in wanted
            ]
            await asyncio.gather(*pending, return_exceptions=True)
        returned = [dict(await each.trailing_metadata()).get("x-request-id") for each in pending]
    assert sorted(fake.seen, key=str) == sorted(wanted)
    assert returned == wanted
    for event in ("call", "call failed"):
        ids = [each["request_id"] for each in logged if each["event"] == event]
        assert sorted(ids) == sorted(wanted)


def _with_id(_: Any, __: str, event: Any) -> Any:
    return {**event, "request_id": current_request_id()}


async def test_a_request_id_that_is_no_id_is_replaced() -> None:
    """Nobody writes line breaks or novels into the logs."""
    fake = FakeEncoder()
    async with serving(fake) as channel:
        await call(channel, metadata=(("x-request-id", "a" * 500),))
    assert fake.seen[0]
    assert fake.seen[0] != "a" * 500


async def test_a_call_without_a_deadline_gets_the_servers() -> None:
    """No call lasts for ever because its caller forgot to say how long."""
    fake = FakeEncoder()
    fake.seconds = 30
    async with serving(fake, default_deadline_seconds=0.1, drain_seconds=0.1) as channel:
        error = await refused(channel, timeout=None)
    assert error.code is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_health_tells_of_the_server_and_of_each_service() -> None:
    """Both names answer SERVING; an unknown service is NOT_FOUND."""
    async with serving(FakeEncoder()) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for name in ("", NAME):
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Check(health_pb2.HealthCheckRequest(service="nobody"), timeout=5)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_calls_are_counted_by_their_code() -> None:
    """The ecosystem's dashboards find the names they know."""
    registry = CollectorRegistry()
    fake = FakeEncoder()
    async with serving(fake, registry) as channel:
        await call(channel)
        fake.error = invalid("x", "is wrong")
        await refused(channel)
    labels = {"grpc_type": "unary", "grpc_service": NAME, "grpc_method": "GetModel"}
    for code in ("OK", "INVALID_ARGUMENT"):
        found = registry.get_sample_value(
            "grpc_server_handled_total", {**labels, "grpc_code": code}
        )
        assert found == 1
    assert registry.get_sample_value("grpc_server_handling_seconds_count", labels) == 2


async def test_calls_under_way_end_before_the_server_does() -> None:
    """Leaving the server drains it: a call that had begun is answered."""
    fake = FakeEncoder()
    fake.seconds = 0.3
    service = Service(NAME, fake, encoder_pb2_grpc.add_EncoderServiceServicer_to_server)
    async with AsyncExitStack() as stack:
        async with RpcServer(ServerSettings(), [service], CollectorRegistry()) as server:
            settings = ChannelSettings(f"127.0.0.1:{server.port}")
            channel = await stack.enter_async_context(open_channel(settings))
            pending = asyncio.create_task(call(channel))
            await asyncio.wait_for(fake.begun.wait(), 5)
        assert await pending == ANSWER


def add_flood(_: Any, server: Any) -> None:
    """Register a stream that answers without end, 1 MiB at a time."""

    async def flood(requests: Any, context: Any) -> AsyncIterator[bytes]:
        async for _ in requests:
            while True:
                yield bytes(1 << 20)

    handler = grpc.stream_stream_rpc_method_handler(flood)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("tests.Streams", {"Flood": handler}),)
    )


@pytest.mark.parametrize("reads", [0, 3])
async def test_a_stream_cancelled_while_it_sends_is_cancelled(
    reads: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether an answer waits to be read or is being written: CANCELLED, and no error logged."""
    registry = CollectorRegistry()
    unhandled: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: unhandled.append(told))
    service = Service("tests.Streams", None, add_flood)
    labels = {"grpc_type": "bidi_stream", "grpc_service": "tests.Streams", "grpc_method": "Flood"}

    def cancelled() -> float | None:
        return registry.get_sample_value(
            "grpc_server_handled_total", {**labels, "grpc_code": "CANCELLED"}
        )

    async with RpcServer(ServerSettings(), [service], registry) as server:
        async with open_channel(ChannelSettings(f"127.0.0.1:{server.port}")) as channel:
            for number in range(1, 6):
                stream = channel.stream_stream("/tests.Streams/Flood")(timeout=20)
                await stream.write(b"go")
                for _ in range(reads):
                    await stream.read()
                await asyncio.sleep(0.02 * number)
                stream.cancel()
                async with asyncio.timeout(5):
                    while cancelled() != number:  # noqa: ASYNC110 - a counter has no event
                        await asyncio.sleep(0.01)
        gc.collect()
        await asyncio.sleep(0)
    assert not unhandled
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_bytes_that_are_no_message_are_an_invalid_argument() -> None:
    """What cannot be parsed is the caller's fault, not UNKNOWN."""
    async with serving(FakeEncoder()) as channel:
        method = channel.unary_unary(f"/{NAME}/Embed")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await method(b"\xff\xff\xff", timeout=5)
    error = from_rpc_error(caught.value, "the encoder")
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.details[0].field_violations[0].field == "request"


async def test_health_can_be_watched() -> None:
    """A watcher of health is told of each change."""
    service = Service(NAME, FakeEncoder(), encoder_pb2_grpc.add_EncoderServiceServicer_to_server)
    async with (
        RpcServer(ServerSettings(), [service], CollectorRegistry()) as server,
        open_channel(ChannelSettings(f"127.0.0.1:{server.port}")) as channel,
    ):
        watch = health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest(service=NAME), timeout=5
        )
        seen = [(await watch.read()).status]
        await server.set_serving(True)
        seen.append((await watch.read()).status)
        watch.cancel()
    assert seen == [
        health_pb2.HealthCheckResponse.NOT_SERVING,
        health_pb2.HealthCheckResponse.SERVING,
    ]

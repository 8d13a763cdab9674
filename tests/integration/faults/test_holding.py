"""A caller that holds what it takes gets its share, and everybody else is answered as ever."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2
from pydantic import SecretStr

from sketchzoo.encoder.v1 import encoder_pb2 as pb
from sketchzoo.encoder.v1 import encoder_pb2_grpc
from sketchzoo.rpc import from_rpc_error
from sketchzoo.settings import ServerSettings
from tests.integration.faults.held_server import (
    COUNT,
    DOWN,
    ECHO,
    EMBED,
    GET_MODEL,
    HEALTH,
    MIB,
    WATCH,
    Answering,
    Server,
    serving,
)
from tests.integration.faults.holder import Holder
from tests.integration.faults.relay import Relay


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


async def holding(
    held: ExitStack, server: Server, path: str, size: int | None, calls: int, **options: Any
) -> Holder:
    holder = held.enter_context(await asyncio.to_thread(Holder, server.port, **options))
    for _ in range(calls):
        holder.call(path, size)
    return holder


async def test_answers_that_nobody_reads_take_a_share_of_the_places(held: ExitStack) -> None:
    """A quarter of 40; the rest is refused with RetryInfo, and everybody else is answered."""
    async with serving() as server:
        holder = await holding(held, server, GET_MODEL, 0, 90, reads=False)
        await asyncio.to_thread(holder.wait_ended, 80)
        assert set(holder.ended.values()) == {"8"}
        assert server.held("calls") == 10
        for _ in range(3):
            await server.answers()


async def test_health_checks_that_nobody_reads_hide_no_health(held: ExitStack) -> None:
    """Nor do watchers: health has places of its own, and one address a share of them."""
    async with serving() as server:
        holder = await holding(held, server, HEALTH, 0, 60, reads=False)
        watcher = await holding(held, server, WATCH, 0, 60)
        await asyncio.to_thread(holder.wait_ended, 50)
        await asyncio.to_thread(watcher.wait_ended, 50)
        await server.answers()


async def test_full_places_leave_health_to_be_asked(held: ExitStack) -> None:
    """Where an exempt caller takes every place, calls are refused with RetryInfo, health not."""
    async with serving(exempt_peers="127.0.0.0/8") as server:
        holder = await holding(held, server, GET_MODEL, 0, 60, reads=False)
        await asyncio.to_thread(holder.wait_ended, 20)
        stub = encoder_pb2_grpc.EncoderServiceStub(server.channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetModel(pb.GetModelRequest(), timeout=5)
        error = from_rpc_error(caught.value, "the encoder")
        assert isinstance(error.details[0], error_details_pb2.RetryInfo)
        await server.is_healthy()


async def test_what_nobody_reads_goes_with_its_connection(held: ExitStack) -> None:
    """Connections end at their age and its grace: the places come back."""
    async with serving(max_connection_age_seconds=0.3, connection_grace_seconds=0.3) as server:
        holder = await holding(held, server, GET_MODEL, 0, 20, reads=False)
        await server.until_held("calls", 10)
        assert await asyncio.to_thread(holder.closed.wait, 10)
        await server.until_held("calls", 0)


async def test_callers_that_vanished_are_noticed(held: ExitStack) -> None:
    """Without a word or a reset: their connection is silent, and their calls are given up."""
    async with serving(keepalive_seconds=0.5) as server:
        relay = held.enter_context(Relay(server.port))
        holder = held.enter_context(await asyncio.to_thread(Holder, relay.port, reads=False))
        for _ in range(10):
            holder.call(GET_MODEL)
        await server.until_held("calls", 10)
        relay.fall_silent()
        await server.until_held("calls", 0)
        await server.answers()


@pytest.mark.parametrize("path", [EMBED, HEALTH])
async def test_messages_that_do_not_end_take_a_share_of_the_memory(
    held: ExitStack, path: str
) -> None:
    """A quarter of 16 MiB; the rest is refused, what stalls is ended, all others are answered."""
    async with serving(read_seconds=1.5) as server:
        holder = await holding(held, server, path, MIB, 10)
        await server.until_held("bytes", 4 * MIB)
        await server.answers()
        await asyncio.to_thread(holder.wait_ended, 10)
        assert sorted(holder.ended.values()) == ["4"] * 4 + ["8"] * 6
        await server.until_held("bytes", 0)  # a call's task ends after the call


@pytest.mark.parametrize("path", [EMBED, ECHO, COUNT, DOWN])
async def test_without_the_token_nothing_is_read(held: ExitStack, path: str) -> None:
    """A call of any kind is refused before its message: UNAUTHENTICATED, and nothing is held."""
    async with serving(token=SecretStr("hush")) as server:
        holder = await holding(held, server, path, MIB, 10)
        await asyncio.to_thread(holder.wait_ended, 10)
        assert set(holder.ended.values()) == {"16"}
        assert server.held("bytes") == 0
        await server.is_healthy()


async def test_idle_streams_make_room_for_others(held: ExitStack) -> None:
    """Where no room is left, the stream idle longest is ended: UNAVAILABLE, open it again."""
    async with serving(exempt_peers="10.0.0.0/8", peer_share=1) as server:
        holder = await holding(held, server, ECHO, None, 16)
        await server.until_held("streams", 16)
        await asyncio.sleep(1.1)  # what is not idle for a second may not be ended
        await server.answers()
        await asyncio.to_thread(holder.wait_ended, 1)
        assert set(holder.ended.values()) == {"14"}
        assert server.held("streams") <= 16


async def test_one_address_has_a_share_of_the_streams(held: ExitStack) -> None:
    """As many as its share of the memory has room for their messages."""
    async with serving() as server:
        holder = await holding(held, server, ECHO, None, 50)
        await asyncio.to_thread(holder.wait_ended, 46)
        assert server.held("streams") == 4
        await server.answers()


async def test_a_stream_without_a_message_is_ended(held: ExitStack) -> None:
    """Its first has as long as any message, the next as long as a stream may be idle."""
    async with serving(read_seconds=0.2, stream_idle_seconds=0.6) as server:
        holder = await holding(held, server, ECHO, None, 2)
        stream = server.channel.stream_stream(ECHO)(timeout=5)
        await stream.write(b"x")
        assert await stream.read() == b"x"
        await asyncio.to_thread(holder.wait_ended, 2)
        await stream.write(b"y")
        assert await stream.read() == b"y"
        with pytest.raises(grpc.aio.AioRpcError, match=r"idle for 0\.6 s") as caught:
            await stream.read()
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_calls_of_every_kind_are_served() -> None:
    """With one message or many, either way."""
    async with serving() as server:
        assert await server.channel.stream_unary(COUNT)(iter([b"a"] * 300), timeout=5) == b"300"
        down = server.channel.unary_stream(DOWN)(b"3", timeout=5)
        assert [each async for each in down] == [b"3", b"2", b"1"]
        await server.until_held("bytes", 0)
        await server.answers()


async def test_a_message_that_is_too_large_says_so() -> None:
    """RESOURCE_EXHAUSTED without RetryInfo, told from a full server by its words."""
    async with serving() as server:
        stub = encoder_pb2_grpc.EncoderServiceStub(server.channel)
        request = pb.EmbedRequest(images=[pb.Image(content=bytes(2 * MIB))])
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Embed(request, timeout=5)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "larger than max" in (caught.value.details() or "")
        await server.answers()


async def test_large_answers_that_nobody_reads_take_a_share_of_the_memory(
    held: ExitStack,
) -> None:
    """Four of 1 MiB; the others are refused instead of answered."""
    async with serving(Answering(bulk=MIB // 2)) as server:
        holder = await holding(held, server, EMBED, 0, 10, reads=False)
        await asyncio.to_thread(holder.wait_ended, 2)
        assert set(holder.ended.values()) == {"8"}
        assert 3 * MIB < server.held("bytes") <= 4 * MIB
        await server.answers()


async def test_many_small_calls_at_once_need_no_memory_held() -> None:
    """Forty at once of 100 kB each, over and over, are all answered."""
    async with serving(max_held_bytes=8 * MIB) as server:
        stub = encoder_pb2_grpc.EncoderServiceStub(server.channel)
        request = pb.EmbedRequest(images=[pb.Image(content=bytes(100_000))])

        async def caller() -> None:
            for _ in range(10):
                await stub.Embed(request, timeout=10)

        await asyncio.gather(*(caller() for _ in range(40)))
        await server.until_held("bytes", 0)


async def test_a_server_stops_whatever_is_held(held: ExitStack) -> None:
    """Unread answers, half messages and idle streams don't outlast `drain_seconds`."""
    async with serving() as server:
        await holding(held, server, GET_MODEL, 0, 20, reads=False)
        await server.until_held("calls", 10)
        await holding(held, server, EMBED, MIB, 4, source="127.0.0.3")
        await server.until_held("calls", 14)
        await holding(held, server, ECHO, None, 4, source="127.0.0.4")
        await server.until_held("streams", 4)
        begin = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - begin < 5


async def test_an_exempt_caller_may_be_named_by_its_host(held: ExitStack) -> None:
    """As Compose names its parts: the name's address has no share of its own."""
    async with serving(exempt_peers="localhost") as server:
        await server.answers()
        holder = await holding(held, server, GET_MODEL, 0, 30, reads=False, source="127.0.0.1")
        await server.until_held("calls", 30)
        assert not holder.ended


@pytest.mark.parametrize("value", ["no body", "10.0.0.0/33", "10.0.0.300"])
def test_what_names_no_host_is_no_exempt_peer(value: str) -> None:
    """The setting's name and the value are told."""
    with pytest.raises(ValueError, match=f"(?s)exempt_peers.*{value}"):
        ServerSettings(exempt_peers=value)  # type: ignore[arg-type] # as in the environment


def test_memory_for_less_than_one_message_is_refused() -> None:
    """It would serve no call that takes its time."""
    with pytest.raises(ValueError, match="max_held_bytes must be at least max_message_bytes"):
        ServerSettings(max_held_bytes=10, max_message_bytes=20)

"""Several connections to processes that share a port, over real sockets."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import grpc
import grpc.aio
import pytest

from sketchzoo.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sketchzoo.encoder_client import EncoderClient, ImageToEmbed
from sketchzoo.images import Modality
from sketchzoo.rpc import BETWEEN_PARTS, CallError, ChannelSettings, open_channel
from sketchzoo.rpc.connections import Connections

IMAGE = [ImageToEmbed(b"any", Modality.SKETCH)]


@dataclass
class Member(encoder_pb2_grpc.EncoderServiceServicer):
    """One of the servers on the port; answers when it is let, and counts who calls."""

    group: "Group"
    number: int

    async def Embed(self, request: Any, context: Any) -> encoder_pb2.EmbedResponse:  # noqa: N802 - gRPC's form
        self.group.under_way[context.peer()] += 1
        self.group.members.add(self.number)
        self.group.changed.set()
        try:
            await self.group.let.wait()
        finally:
            self.group.under_way[context.peer()] -= 1
            self.group.changed.set()
        result = encoder_pb2.EmbedResult(embedding=encoder_pb2.Embedding(vector=b"1234"))
        return encoder_pb2.EmbedResponse(results=[result], model_fingerprint="f")

    async def GetModel(self, request: Any, context: Any) -> encoder_pb2.GetModelResponse:  # noqa: N802
        self.group.asked[context.peer()] += 1
        return encoder_pb2.GetModelResponse(fingerprint="f", processes=self.group.told)


@dataclass
class Group:
    """Servers of one process that share a port by SO_REUSEPORT, as processes of a group do."""

    told: int
    port: int = 0
    servers: list[grpc.aio.Server] = field(default_factory=list)
    let: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    under_way: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    members: set[int] = field(default_factory=set)

    async def serve(self, number: int) -> None:
        with socket.socket(socket.AF_INET6) as held:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            held.bind(("::", self.port))
            self.port = held.getsockname()[1]
            server = grpc.aio.server(options=[("grpc.so_reuseport", 1)])
            encoder_pb2_grpc.add_EncoderServiceServicer_to_server(Member(self, number), server)
            assert server.add_insecure_port(f"[::]:{self.port}") == self.port
            await server.start()
        self.servers.append(server)

    async def until(self, calls: int) -> None:
        """Wait until so many calls are under way."""
        while self.under_way.total() != calls:
            self.changed.clear()
            await self.changed.wait()


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def opened(stack: AsyncExitStack, told: int, servers: int) -> tuple[Group, EncoderClient]:
    group = Group(told)
    for number in range(servers):
        await group.serve(number)
        stack.push_async_callback(group.servers[number].stop, None)
    settings = ChannelSettings(f"127.0.0.1:{group.port}", keepalive=BETWEEN_PARTS)
    return group, await stack.enter_async_context(EncoderClient(settings))


@pytest.mark.parametrize("told", [0, 1])
async def test_one_process_is_called_over_one_connection(stack: AsyncExitStack, told: int) -> None:
    """An encoder that tells of no others is called as it always was."""
    group, encoder = await opened(stack, told, 1)
    assert (await encoder.model(5)).processes == 1
    calls = [asyncio.create_task(encoder.embed(IMAGE, 5)) for _ in range(6)]
    await group.until(6)
    assert encoder.connections == len(group.under_way) == 1
    assert set(group.asked) == set(group.under_way)
    group.let.set()
    await asyncio.gather(*calls)


async def test_several_processes_are_called_over_several(stack: AsyncExitStack) -> None:
    """Calls go over those with the fewest under way, and so into every server of a port."""
    group, encoder = await opened(stack, 3, 3)
    assert encoder.connections == 1
    assert (await encoder.model(5)).processes == 3
    assert encoder.connections == 9
    calls = [asyncio.create_task(encoder.embed(IMAGE, 5)) for _ in range(18)]
    await group.until(18)
    assert sorted(group.under_way.values()) == [2] * 9
    # All nine in one of three servers: once in 6,561 times.
    assert len(group.members) > 1
    group.let.set()
    await asyncio.gather(*calls)
    assert [outcome.dimension for outcome in (await calls[0]).outcomes] == [1]  # type: ignore[union-attr]


async def test_a_call_that_ends_makes_room(stack: AsyncExitStack) -> None:
    """Cancelled calls count no longer: the next ones go where they were."""
    group, encoder = await opened(stack, 2, 1)
    await encoder.model(5)
    calls = [asyncio.create_task(encoder.embed(IMAGE, 5)) for _ in range(6)]
    await group.until(6)
    for call in calls[:3]:
        call.cancel()
    await asyncio.wait(calls[:3])
    await group.until(3)
    calls += [asyncio.create_task(encoder.embed(IMAGE, 5)) for _ in range(3)]
    await group.until(6)
    assert sorted(group.under_way.values()) == [1] * 6
    group.let.set()
    await asyncio.gather(*calls[3:])


async def test_connections_are_bounded_and_stay(stack: AsyncExitStack) -> None:
    """However many processes there are; an encoder that has fewer by now keeps them."""
    group, encoder = await opened(stack, 500, 1)
    await encoder.model(5)
    assert encoder.connections == 32
    group.told = 1
    await encoder.model(5)
    assert encoder.connections == 32
    assert len(group.asked) == 1


async def test_a_server_that_ends_is_left_for_another(stack: AsyncExitStack) -> None:
    """Connections to a process that is gone lead to one that is there."""
    group, encoder = await opened(stack, 2, 2)
    group.let.set()
    await encoder.model(5)
    for _ in range(12):
        await encoder.embed(IMAGE, 5)
    await group.servers[0].stop(None)
    for _ in range(12):
        await encoder.embed(IMAGE, 5)


async def test_a_connection_that_cannot_be_made_is_left_out(stack: AsyncExitStack) -> None:
    """Its calls fail at once, so that it would always seem the least busy one."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        gone = ChannelSettings(f"127.0.0.1:{nobody.getsockname()[1]}", own_connection=True)
        group, _ = await opened(stack, 1, 1)
        group.let.set()
        first = open_channel(replace(gone, target=f"127.0.0.1:{group.port}"))
        connections = Connections(
            first, encoder_pb2_grpc.EncoderServiceStub, lambda: open_channel(gone)
        )
        stack.push_async_callback(connections.close)
        connections.reach(2)
        request = encoder_pb2.EmbedRequest()
        for _ in range(len(connections)):
            with connections.least_busy() as stub, suppress(grpc.aio.AioRpcError):
                await stub.Embed(request, timeout=5)
        for _ in range(12):
            with connections.least_busy() as stub:
                await stub.Embed(request, timeout=5)


async def test_closing_closes_all_of_them(stack: AsyncExitStack) -> None:
    """Nothing is called afterwards, and what was under way is cancelled."""
    group, encoder = await opened(stack, 2, 1)
    await encoder.model(5)
    calls = [asyncio.create_task(encoder.embed(IMAGE, 5)) for _ in range(6)]
    await group.until(6)
    await encoder.close()
    await asyncio.wait(calls)
    await group.until(0)
    with pytest.raises((CallError, grpc.aio.UsageError)):
        await encoder.embed(IMAGE, 5)

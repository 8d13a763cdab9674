"""Connections that a load is sent over."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc.aio

from sketchzoo.rpc.channel import ChannelSettings, open_channel


@asynccontextmanager
async def connected(settings: ChannelSettings, count: int) -> AsyncIterator[list[grpc.aio.Channel]]:
    """Open channels, each with a connection of its own, over which no call is repeated.

    A server of several processes gives a connection to one of them. What gRPC would repeat by
    itself is a failure that counts.
    """
    settings = replace(settings, own_connection=True, retries=False)
    async with AsyncExitStack() as opened:
        yield [await opened.enter_async_context(open_channel(settings)) for _ in range(count)]


def by_turns(channels: Sequence[grpc.aio.Channel], method: str) -> Callable[[int], Any]:
    """Return what gives the call of a method for a number, of requests' and answers' bytes.

    A caller of as many as there are channels keeps to his.
    """
    calls = [channel.unary_unary(method, None, None) for channel in channels]
    return lambda number: calls[number % len(calls)]

"""Idle streams of a group's process make room for who comes to another."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from sketchzoo.group.ledger import Ledger
from sketchzoo.limits import NoneLeftError, Shares
from sketchzoo.rpc.streams import OpenStreams, RoomForOthers, Stream


class Server:
    """What a process's callers hold: an open stream a byte."""

    def __init__(self, ledger: Ledger, index: int) -> None:
        counts = ledger.of(index)
        self.streams = OpenStreams(60, 60)
        self.held = Shares(4, 2, counts.tally("bytes"))
        self.others = RoomForOthers(self.streams, self.held, 1, counts.times("room"))

    def take(self, who: str) -> bool:
        try:
            self.held.take(who)
        except NoneLeftError as error:
            self.others.ask(who if error.of_share else None)
            return False
        return True

    @asynccontextmanager
    async def stream(self, who: str) -> AsyncIterator[Stream]:
        """Open a stream of a task that waits for a message."""
        self.held.take(who)
        opened: asyncio.Future[Stream] = asyncio.get_running_loop().create_future()

        async def run() -> None:
            stream = self.streams.open(who, lambda: self.held.give(who))
            self.others.watch()
            stream.is_waiting = True
            opened.set_result(stream)
            await asyncio.sleep(60)

        task = asyncio.create_task(run())
        yield await opened
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> tuple[Server, Server]:
    monkeypatch.setattr("sketchzoo.rpc.streams._IDLE_SECONDS", 0.0)
    monkeypatch.setattr("sketchzoo.rpc.streams._LOOK_SECONDS", 0.01)
    ledger = Ledger.create(2)
    both = Server(ledger, 0), Server(ledger, 1)
    ledger.close()
    return both


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the other process has no event here
            await asyncio.sleep(0.005)


async def test_the_stream_idle_longest_makes_room_for_anybody(
    servers: tuple[Server, Server],
) -> None:
    """As many as are needed, and no more."""
    here, there = servers
    async with there.stream("a") as first, there.stream("a") as second, there.stream("b") as third:
        assert here.take("c")
        assert not here.take("c")
        await until(lambda: here.take("c"))
        assert first.ended is not None
        assert second.ended is third.ended is None


async def test_who_has_used_up_a_share_gets_room_of_its_own(servers: tuple[Server, Server]) -> None:
    """Another's idle stream stays."""
    here, there = servers
    async with there.stream("b") as older, there.stream("a") as first, there.stream("a") as second:
        assert not here.take("a")
        await until(lambda: here.take("a"))
        assert first.ended is not None
        assert older.ended is second.ended is None


async def test_nobody_who_asked_long_ago_is_made_room_for(servers: tuple[Server, Server]) -> None:
    """What was asked before a stream was opened is forgotten."""
    here, there = servers
    for who in "aabb":
        assert there.take(who)
    assert not here.take("c")
    there.held.give("a")
    async with there.stream("a") as stream:
        opened = there.others._looked
        await until(lambda: there.others._looked > opened)
        assert stream.ended is None

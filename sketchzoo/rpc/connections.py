"""Connections: several to one target, each call by the one with the fewest under way."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import grpc
import grpc.aio

S = TypeVar("S")

# Which of a group's processes a connection leads to is the kernel's hash to say: with three times
# as many connections as processes about one process in twenty is left without any.
_PER_PROCESS = 3
_MOST = 32


class _Connection(Generic[S]):
    """A channel, what is called on it, and how many calls are under way."""

    __slots__ = ("channel", "stub", "under_way")

    def __init__(self, channel: grpc.aio.Channel, stub: S) -> None:
        self.channel = channel
        self.stub = stub
        self.under_way = 0

    @property
    def busy(self) -> tuple[bool, int]:
        """What to choose by, the least first."""
        state = self.channel.get_state()
        return state is grpc.ChannelConnectivity.TRANSIENT_FAILURE, self.under_way


class Connections(Generic[S]):
    """Connections to one target.

    One, until the target says that several processes answer on its address (SO_REUSEPORT): a
    connection leads to one of them, so several are opened by `another`, and never fewer from
    then on. Each connects when it is first called. `stub` makes of a channel what is called.
    """

    def __init__(
        self,
        first: grpc.aio.Channel,
        stub: Callable[[grpc.aio.Channel], S],
        another: Callable[[], grpc.aio.Channel],
    ) -> None:
        self._stub = stub
        self._another = another
        self._all = [_Connection(first, stub(first))]
        self._last = 0

    @property
    def first(self) -> S:
        """What is called to see whether the target is there."""
        return self._all[0].stub

    def __len__(self) -> int:
        """How many connections there are."""
        return len(self._all)

    def reach(self, processes: int) -> None:
        """Open as many connections as reach that many processes, where there are fewer."""
        wanted = min(_MOST, _PER_PROCESS * processes) if processes > 1 else 1
        while len(self._all) < wanted:
            channel = self._another()
            self._all.append(_Connection(channel, self._stub(channel)))

    @contextmanager
    def least_busy(self) -> Iterator[S]:
        """Return what to call now; the call counts as under way while the context is open.

        Of those with equally few under way it is each one's turn, so that two callers don't
        meet in one process for ever. One that cannot be made comes last: what fails at once would
        always seem the least busy.
        """
        count = len(self._all)
        turns = ((self._last + step) % count for step in range(1, count + 1))
        self._last = min(turns, key=lambda index: self._all[index].busy)
        connection = self._all[self._last]
        connection.under_way += 1
        try:
            yield connection.stub
        finally:
            connection.under_way -= 1

    async def close(self) -> None:
        """Close all of them; calls under way are cancelled."""
        for connection in self._all:
            await connection.channel.close(None)

"""Streams that are open: one that is idle gives its room to whoever comes.

A stream always waits for its next message, and one that begins to arrive can't be told from
none: so each holds the room for a message for as long as it is open. Whoever left a stream
idle opens it anew with his next message, by himself (`sketchzoo.client`, the live page).
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

import grpc
from google.rpc import error_details_pb2

from sketchzoo.counts import Times
from sketchzoo.limits import Shares
from sketchzoo.rpc.errors import DOMAIN, IDLE, CallError

# A stream that said or heard nothing for so long may be ended for others.
_IDLE_SECONDS = 1.0
# How often a process with open streams looks whether others of its group need their room.
_LOOK_SECONDS = 0.1


class Stream:
    """The running task's stream; `ended` is why it was ended from here, if it was.

    `who` is its caller, `leave` gives back what it holds.
    """

    def __init__(
        self, streams: "OpenStreams", who: str | None, leave: Callable[[], None], seconds: float
    ) -> None:
        self.who = who
        self.ended: CallError | None = None
        # Whether its next message is waited for: one that is worked on is not idle.
        self.is_waiting = False
        self._streams = streams
        self._leave = leave
        self._task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._since = self._loop.time()
        self._timer = self._loop.call_later(seconds, self._check)

    def touch(self) -> None:
        """Note that a message came or went."""
        self._since = self._loop.time()
        self._streams.touched(self)
        if self._seconds != self._streams.idle_seconds:  # it was waiting for its first
            self._seconds = self._streams.idle_seconds
            self._watch(self._seconds)

    def half_closed(self) -> None:
        """Note that no message will come any more: what is left is to answer."""
        self.forget()
        self._leave()

    def forget(self) -> None:
        """Stop watching it: it ends, or can't be ended."""
        self._timer.cancel()
        self._streams.forget(self)

    def idle_for(self) -> float:
        """Return for how many seconds its next message has been waited for."""
        return self._loop.time() - self._since if self.is_waiting else 0.0

    def end(self, why: str) -> None:
        """End it: UNAVAILABLE, to be opened again with the next message."""
        self.forget()
        self.ended = CallError(
            grpc.StatusCode.UNAVAILABLE,
            f"{why}; open the stream again with the next message",
            error_details_pb2.ErrorInfo(reason=IDLE, domain=DOMAIN),
        )
        self._leave()
        if self._task is not None:
            self._task.cancel()

    def _check(self) -> None:
        left = self._seconds - self.idle_for()
        if left > 0:
            self._watch(left)
        else:
            self.end(f"the stream was idle for {self._seconds:g} s")

    def _watch(self, seconds: float) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._check)


class OpenStreams:
    """The open streams of a server, the one heard of longest ago first.

    A stream's first message may take `first_seconds`; later it may be idle for `idle_seconds`.
    """

    def __init__(self, first_seconds: float, idle_seconds: float) -> None:
        self._first_seconds = first_seconds
        self.idle_seconds = idle_seconds
        self._streams: OrderedDict[Stream, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._streams)

    def callers(self) -> set[str | None]:
        """Return whose streams they are."""
        return {stream.who for stream in self._streams}

    def open(self, who: str | None, leave: Callable[[], None]) -> Stream:
        """Count the running task's stream."""
        stream = Stream(self, who, leave, self._first_seconds)
        self._streams[stream] = None
        return stream

    def touched(self, stream: Stream) -> None:
        """Put a stream behind all others."""
        if stream in self._streams:
            self._streams.move_to_end(stream)

    def forget(self, stream: Stream) -> None:
        """Take a stream from those that may be ended."""
        self._streams.pop(stream, None)

    def make_room(self, who: str | None) -> bool:
        """End the stream idle longest, of `who` where given; False where none is idle."""
        for stream in self._streams:
            if stream.idle_for() >= _IDLE_SECONDS and who in (None, stream.who):
                stream.end("the stream was idle and others came")
                return True
        return False


class RoomForOthers:
    """Idle streams make room for who comes to other processes of the group, too.

    Who finds no room there is refused, told to come back in a second, and finds it then.
    `wanted` has when each caller asked in vain, and "" when anyone did.
    """

    def __init__(self, streams: OpenStreams, held: Shares, room: int, wanted: Times) -> None:
        self._streams = streams
        self._held = held
        self._room = room
        self._wanted = wanted
        self._looked = time.monotonic_ns()
        self._timer: asyncio.TimerHandle | None = None

    def ask(self, who: str | None) -> None:
        """Ask the other processes for room, of `who` where given."""
        self._wanted.put(who or "", time.monotonic_ns())

    def watch(self) -> None:
        """Look whether others ask, for as long as a stream is open."""
        if self._timer is None:
            self._looked = time.monotonic_ns()
            self._again()

    def _again(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)

    def _look(self) -> None:
        since, self._looked = self._looked, time.monotonic_ns()
        for who in {None, *self._streams.callers()}:
            if self._wanted.latest(who or "") < since:
                continue
            while not self._held.fits(who, self._room) and self._streams.make_room(who):
                pass
        self._timer = None
        if len(self._streams):
            self._again()

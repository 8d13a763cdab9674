"""Connections: a request arrives in time, its answer is read in time, and one who comes is served.

uvicorn waits for a request's head for as long as its sender likes, and answers 503 to all once
there are too many that wait. Here each has its time, an address has a share, and where there
are too many connections the one that has waited longest for a request gives its place.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from live_demo.metrics import LiveMetrics
from sketchzoo.limits import NoneLeftError, Peers, Shares, caller

_LARGE = 64 * 1024


class State(Enum):
    """What a connection is at."""

    OPENED = "opened"
    IDLE = "idle"  # between two requests
    ARRIVING = "arriving"
    ANSWERING = "answering"


@dataclass(frozen=True, slots=True)
class Connections:
    """The open connections of a server that serve no WebSocket, the one quiet longest first.

    A request may take `arriving` seconds to arrive, its answer `answering` to be read, and the
    next may be waited for for `idle`. Of what is large each 64 KiB may take as long.
    """

    shares: Shares
    exempt: Peers
    arriving: float
    answering: float
    idle: float
    metrics: LiveMetrics
    _open: "OrderedDict[TimedProtocol, None]" = field(default_factory=OrderedDict)

    def enter(self, connection: "TimedProtocol") -> bool:
        """Count a connection; False where no other could make room for it."""
        while True:
            try:
                self.shares.take(connection.who)
            except NoneLeftError as error:
                if not self._make_room(connection.who if error.of_share else None):
                    return False
            else:
                self._open[connection] = None
                return True

    def moved(self, connection: "TimedProtocol") -> None:
        """Put a connection on which something happened behind the others."""
        self._open.move_to_end(connection)

    def leave(self, connection: "TimedProtocol") -> None:
        """Count a connection no more."""
        if connection in self._open:
            del self._open[connection]
            self.shares.give(connection.who)

    def _make_room(self, who: str | None) -> bool:
        for connection in self._open:
            if connection.state is not State.ANSWERING and who in (None, connection.who):
                connection.cut("connections")
                return True
        return False


class TimedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with a time for everything; `connections` counts those of a server."""

    connections_open: Connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Begin to wait for a request, if there is a place."""
        super().connection_made(transport)
        self._timer: asyncio.TimerHandle | None = None
        host = self.client[0] if self.client else ""
        self.who = None if host in self.connections_open.exempt else caller(host)
        self.state = State.OPENED
        self._arrived = 0
        if self.connections_open.enter(self):
            self._arm(self.connections_open.arriving)
        else:
            self.cut("connections")

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request."""
        super().data_received(data)
        self._watch()
        self._arrived += len(data)
        if self.state is State.ARRIVING and self._arrived >= _LARGE:
            self._go_on(self.connections_open.arriving)

    def resume_writing(self) -> None:
        """Go on with an answer, of which the reader has taken some."""
        super().resume_writing()
        if self.state is State.ANSWERING:
            self._go_on(self.connections_open.answering)

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        self._watch()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection over: a page's has limits of its own."""
        self._leave()
        super().handle_websocket_upgrade(event)

    def cut(self, reason: str) -> None:
        """End the connection, with what was not read of its answer."""
        self.connections_open.metrics.refused.labels(reason).inc()
        self._leave()
        self.transport.abort()

    def _watch(self) -> None:
        if self.transport.is_closing() or self._timer is None:
            return
        state = self._now()
        if state is self.state or (self.state is State.OPENED and state is State.IDLE):
            return
        # What has begun to arrive has its time from the connection's opening.
        begun = self.state is State.OPENED and state is State.ARRIVING
        self.state = state
        self.connections_open.moved(self)
        if not begun:
            limits = self.connections_open
            seconds = {
                State.IDLE: limits.idle,
                State.ARRIVING: limits.arriving,
                State.ANSWERING: limits.answering,
            }
            self._arm(seconds[state])

    def _now(self) -> State:
        cycle: Any = self.cycle  # None before the first request, whatever uvicorn's types say
        answered = cycle is None or cycle.response_complete
        if self.conn.their_state is h11.SEND_BODY:
            return State.ARRIVING
        if not answered:
            return State.ANSWERING
        waiting = self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]
        return State.IDLE if waiting else State.ARRIVING

    def _arm(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._arrived = 0
        self._timer = self.loop.call_later(seconds, self._expire)

    def _go_on(self, seconds: float) -> None:
        if self._timer is not None:
            self._arm(seconds)

    def _expire(self) -> None:
        # What the gateway itself does not take, since a part is slow, is not the sender's fault.
        if self.state is State.ARRIVING and self.flow.read_paused:
            self._arm(self.connections_open.arriving)
        else:
            self.cut("time")

    def _leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.connections_open.leave(self)


def timed(connections: Connections) -> Any:
    """Return the protocol class whose connections are counted there."""
    return type("Connection", (TimedProtocol,), {"connections_open": connections})

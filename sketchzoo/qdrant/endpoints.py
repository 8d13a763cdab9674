"""Endpoints: the nodes of one Qdrant, and which of them is asked next.

A node that failed is left alone for a while and then tried by one call; one that is not
connected is asked when no other is left (docs/adr/0093-endpoints-of-our-own.md).
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import grpc
import grpc.aio
import structlog
from google.protobuf.message import Message
from qdrant_client import grpc as api

from sketchzoo.qdrant.places import Place, look_up

log = structlog.get_logger()

# How long a node that failed is left alone: at first, and at most, twice as long each time.
_FIRST_REST_SECONDS = 1.0
_MAX_REST_SECONDS = 30.0
# Names are looked up again: nodes come and go.
_LOOK_UP_SECONDS = 10.0
# How long the first call waits for a look-up; without an answer gRPC makes its own.
_MAX_LOOK_UP_SECONDS = 2.0
# How long a node that is no longer named is kept, for calls that have begun to ask around.
_GRACE_SECONDS = 60.0
_GONE = (grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.CONNECTING)


class Endpoint:
    """One node: its channel, how many calls are under way, and whether it is left alone."""

    def __init__(self, place: Place, channel: grpc.aio.Channel) -> None:
        self.place = place
        self.channel = channel
        self.under_way = 0
        self._stubs = {
            "Points": api.PointsStub(channel),  # type: ignore[no-untyped-call] # generated
            "Collections": api.CollectionsStub(channel),  # type: ignore[no-untyped-call] # generated
        }
        self._failures = 0
        self._rests_until = 0.0

    @property
    def is_away(self) -> bool:
        """Whether others are asked first."""
        return time.monotonic() < self._rests_until or self.channel.get_state() in _GONE

    async def call(
        self,
        method: str,
        request: Message,
        timeout_seconds: float,
        metadata: Sequence[tuple[str, str]],
    ) -> Any:
        """Make a call, named as in `Points/Upsert`; failures are gRPC's."""
        service, name = method.split("/")
        if self._failures and time.monotonic() >= self._rests_until:
            # Tried by this call alone; it rests longer unless it answers.
            self._failures += 1
            self._rest()
        self.under_way += 1
        try:
            answer = await getattr(self._stubs[service], name)(
                request, timeout=timeout_seconds, metadata=metadata
            )
        finally:
            self.under_way -= 1
        self.answered()
        return answer

    def answered(self) -> None:
        """Take note of an answer, be it a refusal."""
        if self._failures:
            log.info("qdrant answers again", endpoint=self.place.target)
        self._failures, self._rests_until = 0, 0.0

    def failed(self, code: grpc.StatusCode) -> None:
        """Leave it alone for a while."""
        if not self._failures:
            log.warning("qdrant does not answer", endpoint=self.place.target, code=code.name)
            self._failures = 1
        self._rest()

    def _rest(self) -> None:
        seconds = _FIRST_REST_SECONDS * 2.0 ** (min(self._failures, 10) - 1)
        self._rests_until = time.monotonic() + min(_MAX_REST_SECONDS, seconds)


class Endpoints:
    """The nodes of one Qdrant; names are looked up when they are asked for, now and again."""

    def __init__(
        self, places: Sequence[Place], open_channel: Callable[[Place], grpc.aio.Channel]
    ) -> None:
        self._places = places
        self._open = open_channel
        self._all = [Endpoint(place, open_channel(place)) for place in places]
        self._names = any(place.is_looked_up for place in places)
        self._due = 0.0
        self._looking: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        # Callers begin at different ones.
        self._turn = random.randrange(len(places))  # noqa: S311 - no secret
        self._preferred: Endpoint | None = None

    async def known(self, timeout_seconds: float) -> Sequence[Endpoint]:
        """Return all that are known; the first time when names were looked up."""
        if self._names and self._looking is None and time.monotonic() >= self._due:
            is_first = self._due == 0.0
            self._due = time.monotonic() + _LOOK_UP_SECONDS
            self._looking = asyncio.create_task(self._look())
            if is_first:
                await asyncio.wait(
                    {self._looking}, timeout=min(timeout_seconds, _MAX_LOOK_UP_SECONDS)
                )
        return self._all

    def ordered(self, endpoints: Sequence[Endpoint], *, spread: bool) -> list[Endpoint]:
        """Return them in the order in which a call asks them.

        Spread, the least busy goes first, by turns. Else it is one and the same as long as it
        answers, so that who writes sees at once what was written.
        """
        if spread:
            self._turn += 1
        start = self._turn % len(endpoints)
        if not spread and self._preferred in endpoints:
            start = endpoints.index(self._preferred)
        turns = [*endpoints[start:], *endpoints[:start]]
        return sorted(turns, key=lambda each: (each.is_away, each.under_way if spread else 0))

    def prefer(self, endpoint: Endpoint) -> None:
        """Ask this one first from now on, where calls are not spread."""
        self._preferred = endpoint

    async def close(self) -> None:
        """Close all channels."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})
        for task in self._closing:
            task.cancel()
        if self._closing:
            await asyncio.wait(self._closing)
        for endpoint in self._all:
            await endpoint.channel.close(None)

    async def _look(self) -> None:
        try:
            was = {endpoint.place: endpoint for endpoint in self._all}
            places = await look_up(self._places, list(was))
            if set(places) == set(was):
                return
            log.info("qdrant's addresses", endpoints=[place.target for place in places])
            self._all = [was.get(place) or Endpoint(place, self._open(place)) for place in places]
            for place in was.keys() - set(places):
                task = asyncio.create_task(_close_later(was[place].channel))
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)
        except (OSError, ValueError) as error:
            # A TLS file that is being replaced: the next time it is whole.
            log.warning("qdrant's addresses are as they were", error=str(error))
        finally:
            self._looking = None


async def _close_later(channel: grpc.aio.Channel) -> None:
    """Close a channel that no new call takes; one that is closing refuses its next attempts."""
    try:
        await asyncio.sleep(_GRACE_SECONDS)
    finally:
        await channel.close(None)

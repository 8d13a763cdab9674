"""Admission: who is let in before anything of a call is read, and what a call then holds.

A call is judged by what comes with its headers: token, rate, a place, room for its message.
What it holds is counted until gRPC has done with it, not until its answer is made: a caller
who does not read his answers keeps their places, and takes no more than his address's share
(docs/adr/0047-a-call-is-judged-before-it-is-read.md).
"""

import asyncio
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Self
from urllib.parse import unquote

import grpc

from sketchzoo.counts import Counts
from sketchzoo.limits import NoneLeftError, Peers, Rates, Shares, caller
from sketchzoo.rpc.errors import CallError, exhausted
from sketchzoo.rpc.metrics import CallMetrics
from sketchzoo.rpc.streams import OpenStreams, RoomForOthers, Stream
from sketchzoo.rpc.timeouts import Timeouts
from sketchzoo.settings import ServerSettings
from sketchzoo.token import Grant

# How soon the caller of a server with too much under way may come back.
RETRY_SECONDS = 0.2
# How many seconds' worth of calls may come at once where there is a rate.
_BURST_SECONDS = 2.0
# The setting that lifts the limits of one address for those who speak for many.
_SETTING = "exempt_peers"
# A stream's message that a part, or who is named as one, is believed not to exceed: its own
# limits hold its pages and callers.
_TRUSTED_BYTES = 1024 * 1024

# Within this time nothing is held for a message that is on its way. What can arrive in it is
# what the network carries; a server that is late itself looks once more before it refuses.
MOMENT_SECONDS = 0.1

# How often the addresses of exempt names are asked for: a part that starts anew has another.
_LOOK_UP_SECONDS = 10.0

Authorize = Callable[[Mapping[str, str]], None]
Check = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a server asks of its callers; the settings' words, see `ServerSettings`."""

    max_calls: int
    max_message_bytes: int
    max_held_bytes: int
    peer_share: float
    exempt: Peers
    read_seconds: float
    answer_seconds: float
    stream_idle_seconds: float
    default_deadline_seconds: float
    grants: tuple[Grant, ...] = ()
    calls_per_second: float | None = None

    @classmethod
    def of(cls, settings: ServerSettings) -> Self:
        """Return the rules that an operator chose; raises as `AccessSettings.grants`."""
        return cls(
            max_calls=settings.max_concurrent_calls,
            max_message_bytes=settings.max_message_bytes,
            max_held_bytes=settings.max_held_bytes,
            peer_share=settings.peer_share,
            exempt=Peers(settings.exempt_peers),
            read_seconds=settings.read_seconds,
            answer_seconds=settings.answer_seconds,
            stream_idle_seconds=settings.stream_idle_seconds,
            default_deadline_seconds=settings.default_deadline_seconds,
            grants=settings.grants(),
            calls_per_second=settings.calls_per_second,
        )


class Admission:
    """Lets calls in as the rules say, and counts what those inside hold.

    With a group's `counts` the rules hold for all of its processes together.
    """

    def __init__(self, rules: Rules, metrics: CallMetrics, counts: Counts | None = None) -> None:
        self.rules = rules
        counts = counts or Counts()
        self._grants = [
            (f"Bearer {grant.token.get_secret_value()}".encode(), grant) for grant in rules.grants
        ]
        each = max(1, int(rules.max_calls * rules.peer_share))
        self._calls = Shares(rules.max_calls, each, counts.tally("calls"))
        # Places of their own: who fills the others hides no health.
        self._health = Shares(rules.max_calls, each, counts.tally("health"))
        self._bytes = Shares(
            rules.max_held_bytes,
            # A share that holds no message whole would be no share.
            max(rules.max_message_bytes, int(rules.max_held_bytes * rules.peer_share)),
            counts.tally("bytes"),
        )
        self._rates = _rates(rules.calls_per_second, counts)
        self._streams = OpenStreams(rules.read_seconds, rules.stream_idle_seconds)
        self._refused = metrics.refused
        metrics.watch("calls", lambda: self._calls.held)
        metrics.watch("health", lambda: self._health.held)
        metrics.watch("bytes", lambda: self._bytes.held)
        metrics.watch("streams", lambda: len(self._streams))
        self.moments = Timeouts(MOMENT_SECONDS)
        self.default_deadlines = Timeouts(rules.default_deadline_seconds)
        self._others = None
        if not counts.alone:
            self._others = RoomForOthers(
                self._streams, self._bytes, rules.max_message_bytes, counts.times("room")
            )
        self._whose = lru_cache(maxsize=4096)(self._find)
        # Made once: refusals come by the hundreds when there is no time to spare.
        self._no_place = exhausted(f"{rules.max_calls} calls are under way already", RETRY_SECONDS)
        self._no_share = exhausted(
            f"this caller's address has {each} calls under way, which is its share ({_SETTING})",
            RETRY_SECONDS,
        )

    async def look_up(self) -> None:
        """Learn the addresses of exempt callers that are named, again and again."""
        while True:
            if await self.rules.exempt.look_up():
                self._whose.cache_clear()
            await asyncio.sleep(_LOOK_UP_SECONDS)

    def judge(
        self, peer: str, headers: Mapping[str, str], authorize: Authorize | None
    ) -> Grant | None:
        """Check the token, what `authorize` asks for, and the rate; return what the token grants.

        None says that no token is asked for.

        Raises:
            CallError: UNAUTHENTICATED, or RESOURCE_EXHAUSTED with RetryInfo.

        """
        grant = self._granted(headers) if self._grants else None
        if authorize is not None:
            authorize(headers)
        if self._rates is not None:
            wait = self._rates.take(self._whose(peer)[0])
            if wait:
                self.refused("rate")
                raise exhausted("this caller makes more calls a second than it may", wait)
        return grant

    def enter(self, peer: str, *, is_health: bool) -> "Permit":
        """Give a call its place.

        Raises:
            CallError: RESOURCE_EXHAUSTED with RetryInfo.

        """
        places = self._health if is_health else self._calls
        permit = Permit(self, self._held_to(peer))
        try:
            places.take(permit.who)
        except NoneLeftError as error:
            self.refused("health" if is_health else "calls")
            raise (self._no_share if error.of_share else self._no_place).again() from None
        permit.places = places
        return permit

    def open(self, peer: str) -> "tuple[Permit, Stream]":
        """Let the running task's stream in: it holds no place, but room for its next message.

        Raises:
            CallError: RESOURCE_EXHAUSTED with RetryInfo.

        """
        permit = Permit(self, self._held_to(peer))
        room = self.rules.max_message_bytes
        permit.hold(room if permit.who is not None else min(room, _TRUSTED_BYTES))
        stream = self._streams.open(permit.who, permit.leave)
        if self._others is not None:
            self._others.watch()
        return permit, stream

    def hold(self, permit: "Permit", amount: int) -> None:
        """Count `amount` bytes more for a call; raises `NoneLeftError`.

        Idle streams make room for it: those here at once, those of other processes soon.
        """
        while True:
            try:
                self._bytes.take(permit.who, amount)
            except NoneLeftError as error:
                who = permit.who if error.of_share else None
                if not self._streams.make_room(who):
                    if self._others is not None:
                        self._others.ask(who)
                    raise
            else:
                permit.held += amount
                return

    def release(self, permit: "Permit", amount: int) -> None:
        """Count `amount` bytes less."""
        self._bytes.give(permit.who, amount)
        permit.held -= amount

    def refused(self, reason: str) -> None:
        """Count a refusal."""
        self._refused.labels(reason).inc()

    def _granted(self, headers: Mapping[str, str]) -> Grant:
        given = headers.get("authorization")
        found = None
        if given is not None:
            sent = given.encode()
            # All are compared: how long it takes tells nothing of which one came near.
            for token, grant in self._grants:
                if hmac.compare_digest(sent, token):
                    found = grant
        if found is not None:
            return found
        self.refused("token")
        raise CallError(
            grpc.StatusCode.UNAUTHENTICATED,
            "send the bearer token as `authorization: Bearer <token>`"
            if given is None
            else "this is no bearer token of the server's",
        )

    def _held_to(self, peer: str) -> str | None:
        who, exempt = self._whose(peer)
        return None if exempt else who

    def _find(self, peer: str) -> tuple[str, bool]:
        """Return whom a peer's calls are counted as, and whether that one is exempt."""
        host = host_of(peer)
        return (peer, True) if host is None else (caller(host), host in self.rules.exempt)


class Permit:
    """What one call holds: a place, and bytes of its messages. `leave` gives all back."""

    __slots__ = ("admission", "held", "places", "who")

    def __init__(self, admission: Admission, who: str | None) -> None:
        self.admission = admission
        self.who = who
        self.held = 0
        self.places: Shares | None = None

    def hold(self, amount: int) -> None:
        """Hold `amount` bytes more.

        Raises:
            CallError: RESOURCE_EXHAUSTED with RetryInfo.

        """
        try:
            self.admission.hold(self, amount)
        except NoneLeftError as error:
            raise self.refusal(of_share=error.of_share) from None

    def refusal(self, *, of_share: bool) -> CallError:
        """Return why a call may hold no more bytes."""
        self.admission.refused("bytes")
        whose = f"this caller's address ({_SETTING})" if of_share else "this server"
        return exhausted(f"messages under way hold all the memory there is for {whose}", 1.0)

    def hold_in_place_of_all(self, amount: int) -> None:
        """Hold `amount` bytes instead of those held so far; raises as `hold` does."""
        if self.held:
            self.admission.release(self, self.held)
        if amount:
            self.hold(amount)

    def leave(self, _: object = None) -> None:
        """Give back what is held; a call's task has ended."""
        if self.places is not None:
            self.places.give(self.who)
            self.places = None
        if self.held:
            self.admission.release(self, self.held)


def _rates(rate: float | None, counts: Counts) -> Rates | None:
    if rate is None:
        return None
    # A rate below one call in two seconds still lets single calls through.
    return Rates(rate, max(1.0, rate * _BURST_SECONDS), times=counts.times("rates"))


def host_of(peer: str) -> str | None:
    """Return the address in gRPC's name of the other end; None where it is a socket's file."""
    kind, _, rest = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return None
    return unquote(rest.rpartition(":")[0]).strip("[]")

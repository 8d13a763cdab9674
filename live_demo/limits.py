"""Limits: how often and how many at once, per client address."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Addresses remembered at once; the one seen longest ago is forgotten first.
_MAX_CLIENTS = 10_000


class TokenBucket:
    """Lets `rate` a second through, and `burst` at once after a rest."""

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError(f"rate {rate} must be above 0, burst {burst} at least 1")
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = burst
        self._then = clock()

    def take(self) -> float:
        """Take one token and return 0, or return the seconds until there is one."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._then) * self._rate)
        self._then = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate


class ClientRates:
    """A token bucket for each client address."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, client: str) -> float:
        """Take one token of the client's and return 0, or return the seconds to wait."""
        bucket = self._buckets.pop(client, None) or TokenBucket(self._rate, self._burst)
        self._buckets[client] = bucket
        if len(self._buckets) > _MAX_CLIENTS:
            self._buckets.popitem(last=False)
        return bucket.take()


class TooManyConnectionsError(Exception):
    """No further connection is taken now; the message says of whom there are too many."""


class Connections:
    """Counts open connections, in all and per client address."""

    def __init__(self, most: int, most_per_client: int) -> None:
        self._most = most
        self._most_per_client = most_per_client
        self._open: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """How many are open."""
        return self._open.total()

    @contextmanager
    def one(self, client: str) -> Iterator[None]:
        """Hold one connection; raises `TooManyConnectionsError` where there are too many."""
        if self.total >= self._most:
            raise TooManyConnectionsError("the zoo is full")
        if self._open[client] >= self._most_per_client:
            raise TooManyConnectionsError("too many pages are open from your address")
        self._open[client] += 1
        try:
            yield
        finally:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]

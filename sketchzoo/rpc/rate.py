"""Rates: how many calls a second one caller may make."""

import time
from collections import OrderedDict
from collections.abc import Callable

from sketchzoo.rpc.errors import exhausted

_MOST_CALLERS = 10_000
_BURST_SECONDS = 2.0


class CallerRates:
    """A token bucket for each caller's address, of `per_second` and of twice its size.

    The addresses heard of longest ago are forgotten beyond 10,000: theirs are full again.
    """

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        if per_second <= 0:
            raise ValueError(f"per_second must be above 0, not {per_second}")
        self._per_second = per_second
        # A rate below one call in two seconds still lets single calls through.
        self._size = max(1.0, per_second * _BURST_SECONDS)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, peer: str) -> None:
        """Count a call of `peer`, gRPC's name of the other end.

        Raises:
            CallError: RESOURCE_EXHAUSTED with RetryInfo; the caller is beyond its rate.

        """
        caller = address(peer)
        now = self._clock()
        left, since = self._buckets.pop(caller, (self._size, now))
        left = min(self._size, left + (now - since) * self._per_second)
        allowed = left >= 1
        self._buckets[caller] = (left - allowed, now)
        if len(self._buckets) > _MOST_CALLERS:
            self._buckets.popitem(last=False)
        if not allowed:
            raise exhausted(
                f"this caller makes more than {self._per_second:g} calls a second",
                (1 - left) / self._per_second,
            )


def address(peer: str) -> str:
    """Return a peer's address without its port, which each connection has anew."""
    kind, _, rest = peer.partition(":")
    return rest.rpartition(":")[0] if kind in ("ipv4", "ipv6") else peer

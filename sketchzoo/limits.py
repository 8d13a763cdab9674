"""Limits: how often something may be done, and how much of it held, in all and by each caller."""

import asyncio
import ipaddress
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache, partial

from cachetools import LRUCache

# Callers remembered at once; the one heard of longest ago is forgotten first.
_MOST_CALLERS = 10_000
# An IPv6 subscriber has a network of this length, and as many addresses as he likes in it.
_IPV6_PREFIX = 64

# A host's name, or a single label as Compose gives them.
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


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


class Rates:
    """A token bucket for each of the latest 10,000 callers."""

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._make = partial(TokenBucket, rate, burst, clock)
        self._make()  # refuses nonsense now, not at the first call
        self._buckets: LRUCache[str, TokenBucket] = LRUCache(_MOST_CALLERS)

    def take(self, caller: str) -> float:
        """Take one token of the caller's and return 0, or return the seconds to wait."""
        bucket = self._buckets.get(caller)
        if bucket is None:
            bucket = self._buckets[caller] = self._make()
        return bucket.take()


class NoneLeftError(Exception):
    """Nothing is left; `of_share` says whether of the caller's share alone."""

    def __init__(self, *, of_share: bool) -> None:
        super().__init__("the caller holds its share" if of_share else "all is taken")
        self.of_share = of_share


class Shares:
    """Counts what is held of `most`, in all and by each caller, who may hold `most_each`.

    The caller None has no share of its own: it is held to `most` alone.
    """

    def __init__(self, most: int, most_each: int) -> None:
        if not 1 <= most_each <= most:
            raise ValueError(f"a share must be 1 to {most}, not {most_each}")
        self.most = most
        self.most_each = most_each
        self.held = 0
        self._held: Counter[str] = Counter()

    def take(self, caller: str | None, amount: int = 1) -> None:
        """Take `amount`; raises `NoneLeftError`, and takes nothing, where it is too much."""
        if caller is not None and self._held[caller] + amount > self.most_each:
            raise NoneLeftError(of_share=True)
        if self.held + amount > self.most:
            raise NoneLeftError(of_share=False)
        self.held += amount
        if caller is not None:
            self._held[caller] += amount

    def give(self, caller: str | None, amount: int = 1) -> None:
        """Give back `amount` that was taken."""
        self.held -= amount
        if caller is not None:
            self._held[caller] -= amount
            if not self._held[caller]:
                del self._held[caller]

    @contextmanager
    def one(self, caller: str | None) -> Iterator[None]:
        """Hold one; raises `NoneLeftError`."""
        self.take(caller)
        try:
            yield
        finally:
            self.give(caller)


class Peers:
    """Addresses, networks (10.0.0.0/8) and names of hosts, whose addresses `look_up` learns."""

    def __init__(self, named: Iterable[str]) -> None:
        each = list(named)
        self._networks: tuple[Network, ...] = tuple(
            ipaddress.ip_network(name, strict=False) for name in each if is_network(name)
        )
        self.names = tuple(name for name in each if not is_network(name))
        for name in self.names:
            if not _NAME.fullmatch(name) or name.replace(".", "").isdigit():
                raise ValueError(f"{name!r} is no address, no network and no host's name")
        self._found: dict[str, frozenset[str]] = {}

    def __contains__(self, host: str) -> bool:
        address = _address(host)
        if address is None:
            return False
        if any(str(address) in found for found in self._found.values()):
            return True
        return any(address in network for network in self._networks)

    async def look_up(self) -> bool:
        """Ask for the names' addresses; return whether any has changed.

        A name that is not known now, since its host starts anew, keeps what it had.
        """
        before = dict(self._found)
        for name in self.names:
            with suppress(OSError):
                answers = await asyncio.get_running_loop().getaddrinfo(name, None)
                self._found[name] = frozenset(str(answer[4][0]) for answer in answers)
        return self._found != before


def is_network(name: str) -> bool:
    """Tell whether a name is an address's or a network's."""
    try:
        ipaddress.ip_network(name, strict=False)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def caller(host: str) -> str:
    """Return whom an address is counted as: itself, of IPv6 its /64; what is none stays."""
    address = _address(host)
    if address is None:
        return host
    if address.version == 4:  # noqa: PLR2004 - the protocol's number
        return str(address)
    return str(ipaddress.ip_network((int(address), _IPV6_PREFIX), strict=False))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address

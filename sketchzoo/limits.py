"""Limits: how often something may be done, and how much of it held, in all and by each caller."""

import asyncio
import ipaddress
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache

from sketchzoo.counts import Tally, Times

# An IPv6 subscriber has a network of this length, and as many addresses as he likes in it.
_IPV6_PREFIX = 64

# A host's name, or a single label as Compose gives them.
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?")

_NS = 1_000_000_000

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class TokenBucket:
    """Lets `rate` a second through, and `burst` at once after a rest."""

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rates = Rates(rate, burst, clock)

    def take(self) -> float:
        """Take one token and return 0, or return the seconds until there is one."""
        return self._rates.take("")


class Rates:
    """A token bucket for each of the latest callers; `times` says when each is full again.

    That time tells all of a bucket: it is moved on by what one token takes to come, and may
    not be further ahead than what `burst` tokens take.
    """

    def __init__(
        self,
        rate: float,
        burst: float,
        clock: Callable[[], float] = time.monotonic,
        times: Times | None = None,
    ) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError(f"rate {rate} must be above 0, burst {burst} at least 1")
        # Whole nanoseconds: sums of them are exact.
        self._step = max(1, int(_NS / rate))
        self._most_ahead = int(burst * self._step)
        self._clock = clock
        self._full = times or Times()

    def take(self, caller: str) -> float:
        """Take one token of the caller's and return 0, or return the seconds to wait."""
        now = int(self._clock() * _NS)
        full = max(now, self._full.latest(caller)) + self._step
        wait = full - now - self._most_ahead
        if wait > 0:
            return wait / _NS
        self._full.put(caller, full, self._step)
        return 0.0


class NoneLeftError(Exception):
    """Nothing is left; `of_share` says whether of the caller's share alone."""

    def __init__(self, *, of_share: bool) -> None:
        super().__init__("the caller holds its share" if of_share else "all is taken")
        self.of_share = of_share


class Shares:
    """Counts what is held of `most`, in all and by each caller, who may hold `most_each`.

    The caller None has no share of its own: it is held to `most` alone. Where `tally` is a
    group's, what its other processes hold counts too.
    """

    def __init__(self, most: int, most_each: int, tally: Tally | None = None) -> None:
        if not 1 <= most_each <= most:
            raise ValueError(f"a share must be 1 to {most}, not {most_each}")
        self.most = most
        self.most_each = most_each
        self._tally = tally or Tally()

    @property
    def held(self) -> int:
        """What is held in this process."""
        return self._tally.count.here

    def take(self, caller: str | None, amount: int = 1) -> None:
        """Take `amount`; raises `NoneLeftError`, and takes nothing, where it is too much."""
        tally = self._tally
        # Told before it is looked: two processes that take the last one see each other.
        tally.add(caller, amount)
        of_share = caller is not None and tally.of(caller) > self.most_each
        if of_share or tally.count.total > self.most:
            tally.add(caller, -amount)
            raise NoneLeftError(of_share=of_share)

    def fits(self, caller: str | None, amount: int) -> bool:
        """Tell whether `amount` could be taken."""
        tally = self._tally
        if caller is not None and tally.of(caller) + amount > self.most_each:
            return False
        return tally.count.total + amount <= self.most

    def give(self, caller: str | None, amount: int = 1) -> None:
        """Give back `amount` that was taken."""
        self._tally.add(caller, -amount)

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

"""Counts: what is held at the moment, and when something was last done, by this process.

Where several processes answer on one port, each counts by the same classes in its row of
their ledger, and then sees what all hold: see `sketchzoo.group.ledger`. Limits don't tell
which of both it is. Each object is one thread's, or behind a lock.
"""

from collections import Counter
from typing import Literal

from cachetools import LRUCache

# Callers whose times are remembered; the one heard of longest ago is forgotten first.
_MOST_CALLERS = 10_000

CountName = Literal["decoding", "images", "searches", "batches", "streams", "photos", "downloads"]
TallyName = Literal["calls", "health", "bytes"]
TimesName = Literal["rates", "room"]
MomentName = Literal["met", "searches_idle"]
TurnsName = Literal["decode_queue"]


class Count:
    """An amount: `here` in this process, `elsewhere` in its group's others."""

    __slots__ = ("here",)

    def __init__(self) -> None:
        self.here = 0

    @property
    def elsewhere(self) -> int:
        """What the other processes hold."""
        return 0

    @property
    def total(self) -> int:
        """What all processes hold."""
        return self.here + self.elsewhere

    def add(self, amount: int) -> None:
        """Hold `amount` more, or where it is negative less."""
        self.here += amount


class Tally:
    """An amount, in all (`count`) and by each caller; the caller None is in `count` alone."""

    def __init__(self) -> None:
        self.count = Count()
        self._held: Counter[str] = Counter()

    def of(self, caller: str) -> int:
        """Return what a caller holds, in all processes."""
        return self._held[caller]

    def add(self, caller: str | None, amount: int) -> None:
        """Let a caller hold `amount` more, or where it is negative less."""
        self.count.add(amount)
        if caller is not None:
            self._held[caller] += amount
            if not self._held[caller]:
                del self._held[caller]


class Times:
    """A time of `time.monotonic_ns` for each of the latest callers."""

    def __init__(self) -> None:
        self._times: LRUCache[str, int] = LRUCache(_MOST_CALLERS)

    def latest(self, caller: str) -> int:
        """Return the latest time that a process has put for a caller, or 0."""
        return self._times.get(caller, 0)

    def put(self, caller: str, time: int, step: int = 0) -> None:  # noqa: ARG002
        """Put a time, `step` after what was `latest`, or after now.

        What others put meanwhile is moved on by as many steps: theirs and this one.
        """
        self._times[caller] = time


class Moment:
    """The latest time of `time.monotonic` at which something was so; minus infinity: never."""

    def __init__(self) -> None:
        self._latest = float("-inf")

    @property
    def latest(self) -> float:
        """When it was so last, in any process."""
        return self._latest

    def note(self, time: float) -> None:
        """Note that it is so at `time`."""
        self._latest = time


class Turns:
    """Whose turn it is among processes that each have a queue: whose first waits longest."""

    def wait(self, since: int) -> None:
        """Tell since when this process's first waits, of `time.monotonic_ns`."""

    def done(self) -> None:
        """Tell that nobody waits."""

    def is_ours(self) -> bool:
        """Tell whether no other process's first has waited longer."""
        return True


class Counts:
    """Makes what a process counts by; each name is asked for once a process."""

    alone = True
    """Whether no other process counts with this one."""

    def count(self, name: CountName) -> Count:  # noqa: ARG002 - a process alone shares none
        """Return an amount."""
        return Count()

    def tally(self, name: TallyName) -> Tally:  # noqa: ARG002
        """Return an amount by callers."""
        return Tally()

    def times(self, name: TimesName) -> Times:  # noqa: ARG002
        """Return times by callers."""
        return Times()

    def moment(self, name: MomentName) -> Moment:  # noqa: ARG002
        """Return a moment."""
        return Moment()

    def turns(self, name: TurnsName) -> Turns:  # noqa: ARG002
        """Return whose turn it is."""
        return Turns()

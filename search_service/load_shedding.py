"""LoadShedding: how many calls of a kind may be under way; the others are refused at once.

A caller who is refused within a millisecond can go elsewhere or come back; one who
waits in a long queue gets an answer that is too late. So nothing waits here.
"""

import math
import time
from types import TracebackType

from sketchzoo.counts import Count, Moment
from sketchzoo.rpc import CallError, exhausted

# So many are let in however slow they are: they keep the encoder's cores and the way there busy.
_LEAST = 5
# How much one answer moves the pace.
_WEIGHT = 0.05
# So many times as many while a burst may last.
_BURST = 3


class LoadShedding:
    """At most `limit` holders at once; `with admission as beside:` holds a place.

    With `wait_seconds` there are only as many places as let a newcomer be answered within
    that time, at the pace of late: a call's seconds over the calls that it found, itself
    among them. Five, or `limit`, there are always.

    For `burst_seconds` after the last moment at which nobody held a place there are three
    times as many: calls that come at once, after a pause of theirs or ours, are soon
    answered. What lasts longer, or fills the places, is no burst but a queue that stands
    (RFC 8289).

    With a group's `count` and `idle` holders and moments are those of all its processes;
    the pace, and who was refused, is what this one sees.

    Raises:
        CallError: RESOURCE_EXHAUSTED with RetryInfo; all places are taken.

    """

    def __init__(
        self,
        what: str,
        limit: int,
        retry_seconds: float,
        wait_seconds: float = math.inf,
        burst_seconds: float = 0.0,
        *,
        count: Count | None = None,
        idle: Moment | None = None,
    ) -> None:
        if limit < 1:
            raise ValueError(f"limit must be at least 1, not {limit}")
        if wait_seconds <= 0:
            raise ValueError(f"wait_seconds must be above 0, not {wait_seconds}")
        if burst_seconds < 0:
            raise ValueError(f"burst_seconds must be 0 or more, not {burst_seconds}")
        # Made once: refusals come by the hundreds when there is no time to spare.
        self._refusal = exhausted(
            f"as many {what} as can be answered in time are under way", retry_seconds
        )
        self._limit = limit
        self._wait_seconds = wait_seconds
        self._burst_seconds = burst_seconds
        self._held = count or Count()
        self._idle = idle or Moment()
        self._idle.note(time.monotonic())
        # Seconds an answer; fast until the first answers tell.
        self._pace = 0.0
        self._refused_at = -math.inf

    @property
    def held(self) -> int:
        """How many this process has under way."""
        return self._held.here

    @property
    def places(self) -> int:
        """How many may be under way at the moment."""
        if self._pace * self._limit <= self._wait_seconds:
            return self._limit
        places = max(_LEAST, int(self._wait_seconds / self._pace))
        if self._may_burst():
            places *= _BURST
        return min(self._limit, places)

    def answered(self, seconds: float, beside: int) -> None:
        """Learn from an answer how long it took with `beside` under way as it was let in.

        Those were before it. How many come after it changes nothing for it, and while a queue
        grows they are many more.
        """
        self._pace += _WEIGHT * (seconds / beside - self._pace)

    def check(self) -> None:
        """Refuse who would find no place, before anything is done for him."""
        if self._held.total >= self.places:
            raise self._refuse()

    def __enter__(self) -> int:
        places = self.places
        if not self._held.total:
            self._idle.note(time.monotonic())
        # Told before it is looked: two processes that take the last place see each other.
        self._held.add(1)
        beside = self._held.total
        if beside > places:
            self._held.add(-1)
            raise self._refuse()
        return beside

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._held.add(-1)

    def _may_burst(self) -> bool:
        now = time.monotonic()
        idle = self._idle.latest if self._held.total else now
        # Whoever is refused shows that more come than are answered, until nobody is left.
        return idle > self._refused_at and now - idle < self._burst_seconds

    def _refuse(self) -> CallError:
        self._refused_at = time.monotonic()
        return self._refusal.again()

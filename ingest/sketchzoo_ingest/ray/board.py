"""The board: what a job's processes share, an actor. How far each is, and places for writes."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import ray


class Board:
    """Hears how far partitions are, tells whether to stop, and gives out places for writes.

    Of places there are so many for the whole job, however many workers write: from some hundred
    workers on, Qdrant answers no write in time otherwise. A place that was not given back within
    `hold_seconds`, since its holder was killed, is free again.
    """

    def __init__(self, places: int, hold_seconds: float) -> None:
        self._places = places
        self._hold_seconds = hold_seconds
        self._held: dict[int, float] = {}
        self._next = 0
        self._freed = asyncio.Condition()
        self._running: dict[int, str] = {}
        self._begun: Counter[int] = Counter()
        self._stopped = False
        self._listed = 0
        self._is_listed = False

    async def take_place(self) -> int:
        """Return a place when there is one."""
        async with self._freed:
            while len(self._held) >= self._places:
                until = min(self._held.values())
                try:
                    left = max(0.0, until - time.monotonic())
                    await asyncio.wait_for(self._freed.wait(), left + 0.01)
                except TimeoutError:
                    self._reclaim()
            self._next += 1
            self._held[self._next] = time.monotonic() + self._hold_seconds
            return self._next

    async def give_back(self, place: int) -> None:
        """Take a place back."""
        async with self._freed:
            if self._held.pop(place, None) is not None:
                self._freed.notify()

    async def begin(self, number: int) -> int:
        """Note that a partition is begun; return how often it was, since a worker ended."""
        self._begun[number] += 1
        return self._begun[number]

    async def tell(self, number: int, summary: str) -> bool:
        """Note how far a partition is; return whether to stop."""
        self._running[number] = summary
        return self._stopped

    async def done(self, number: int) -> None:
        """Forget a partition that is done, or was given up."""
        self._running.pop(number, None)
        self._begun.pop(number, None)

    async def listed(self, photos: int, *, is_all: bool) -> bool:
        """Note how many photos are listed; return whether to stop."""
        self._listed, self._is_listed = photos, is_all
        return self._stopped

    async def look(self) -> tuple[Mapping[int, str], int | None]:
        """Return how far the partitions under way are, and how many photos there are in all."""
        return self._running, self._listed if self._is_listed else None

    async def stop(self) -> None:
        """Tell everybody to stop."""
        self._stopped = True

    def _reclaim(self) -> None:
        now = time.monotonic()
        for place in [place for place, until in self._held.items() if until <= now]:
            del self._held[place]


def board(places: int, hold_seconds: float, callers: int) -> Any:
    """Start a board for so many callers; return its handle."""
    actor = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=3)(Board)
    # Each may have several writes that wait, and tell something besides.
    return actor.options(max_concurrency=100 + 8 * callers).remote(places, hold_seconds)

"""The embedding cache: what was embedded lately, and what is being embedded right now.

A live page asks the same drawing again for each filter and page; an embedding costs ten
times a query. Searches for one image at one moment share one call to the encoder, which
is cancelled when the last of them is.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class LruCache(Generic[K, V]):
    """The values used last, within a number of entries and of bytes.

    `weigh` tells a value's bytes; one that alone exceeds the limit is not kept.
    """

    def __init__(self, max_entries: int, max_bytes: int, weigh: Callable[[V], int]) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._weigh = weigh
        self._values: OrderedDict[K, V] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K) -> V | None:
        """Return the key's value, which now was used last, or None."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> None:
        """Keep a value; the ones used longest ago make room."""
        weight = self._weigh(value)
        if weight > self._max_bytes or not self._max_entries:
            return
        old = self._values.pop(key, None)
        if old is not None:
            self.bytes -= self._weigh(old)
        self._values[key] = value
        self.bytes += weight
        while len(self._values) > self._max_entries or self.bytes > self._max_bytes:
            _, dropped = self._values.popitem(last=False)
            self.bytes -= self._weigh(dropped)


@dataclass(slots=True)
class _Flight(Generic[V]):
    task: asyncio.Task[V]
    waiting: int = 0


class SingleFlight(Generic[K, V]):
    """Lets callers who want the same at the same time share one piece of work."""

    def __init__(self) -> None:
        self._flights: dict[K, _Flight[V]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def under_way(self, key: K) -> bool:
        """Tell whether the work is being done for somebody already."""
        return key in self._flights

    async def run(self, key: K, work: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """Return what `work` returns, or raise what it raises.

        A caller that is cancelled leaves the others their work; the last one ends it.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.create_task(work()))
            flight.task.add_done_callback(lambda _: self._forget(key, flight))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._forget(key, flight)
                flight.task.cancel()

    def _forget(self, key: K, flight: _Flight[V]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

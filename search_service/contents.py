"""Contents: what a gallery holds, as classes, folders and times, remembered for a moment.

A page that shows them asks again and again, with few filters.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from cachetools import TTLCache

from search_service.flights import SingleFlight
from search_service.galleries import Galleries
from sketchzoo.qdrant import Filter, Gallery, PhotoReader

_MAX_ANSWERS = 128
_MAX_BYTES = 8 * 1024 * 1024

Key = tuple[Any, ...]
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Classes:
    """Photos by the class that people named, by what the model is sure to see, and in all."""

    named: Mapping[str, int]
    seen: Mapping[str, int]
    total: int

    def __len__(self) -> int:
        return len(self.named) + len(self.seen)


@dataclass(frozen=True, slots=True)
class Summary:
    """A gallery, its number of photos, and when the earliest and the latest was taken."""

    gallery: Gallery
    photos: int
    span: tuple[datetime, datetime] | None

    def __len__(self) -> int:
        return len(self.gallery.fields)


def _weigh(answer: Any) -> int:
    # No answer weighs less than its share: there are never more than so many.
    return max(_MAX_BYTES // _MAX_ANSWERS, 200 * len(answer) + 500)


class Contents:
    """Counts what galleries hold; failures raise what asking Qdrant failed with."""

    def __init__(self, reader: PhotoReader, galleries: Galleries, keep_seconds: float) -> None:
        self._reader = reader
        self._galleries = galleries
        self._kept: TTLCache[Key, Any] = TTLCache(_MAX_BYTES, keep_seconds, getsizeof=_weigh)
        self._flights: SingleFlight[Key, Any] = SingleFlight()

    async def classes(self, gallery: str, condition: Filter, timeout_seconds: float) -> Classes:
        """Count photos that meet the filter by their classes, and all of them."""

        async def count(collection: str) -> Classes:
            named, seen, total = await asyncio.gather(
                self._reader.classes(collection, condition, timeout_seconds),
                self._reader.classes(collection, condition, timeout_seconds, field="seen_class"),
                self._reader.count(collection, condition, timeout_seconds),
            )
            return Classes(named, seen, total)

        return await self._answer(gallery, (Classes, condition), count)

    async def folders(
        self, gallery: str, parent: str, condition: Filter, timeout_seconds: float
    ) -> Mapping[str, int]:
        """Count photos that meet the filter by the folders right below one."""

        async def count(collection: str) -> Mapping[str, int]:
            return await self._reader.folders(collection, parent, condition, timeout_seconds)

        return await self._answer(gallery, ("folders", parent, condition), count)

    async def summary(self, gallery: str, timeout_seconds: float) -> Summary:
        """Return what a gallery holds."""

        async def sum_up(collection: str) -> Summary:
            described, photos, span = await asyncio.gather(
                self._galleries.describe(gallery, timeout_seconds),
                self._reader.count(collection, Filter(), timeout_seconds),
                self._reader.span(collection, timeout_seconds),
            )
            return Summary(described, photos, span)

        return await self._answer(gallery, (Summary,), sum_up)

    async def _answer(self, gallery: str, question: Key, ask: Callable[[str], Awaitable[V]]) -> V:
        async def remembered(collection: str) -> V:
            key = (collection, *question)
            kept: V | None = self._kept.get(key)
            if kept is not None:
                return kept

            async def work() -> V:
                answer = await ask(collection)
                with suppress(ValueError):  # it alone is too large
                    self._kept[key] = answer
                return answer

            found: V = await self._flights.run(key, work)
            return found

        return await self._galleries.ask(gallery, remembered)

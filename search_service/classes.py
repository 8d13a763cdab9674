"""Classes: the gallery's classes with their counts, remembered for a moment."""

from contextlib import suppress

from cachetools import TTLCache

from search_service.flights import SingleFlight
from search_service.readiness import Readiness
from sketchzoo.qdrant import CollectionNotFoundError, Filter, PhotoReader

_MAX_FILTERS = 64
_MAX_BYTES = 4 * 1024 * 1024

Key = tuple[str, Filter]


def _weigh(counts: dict[str, int]) -> int:
    # No answer weighs less than its share: there are never more than so many filters.
    return max(_MAX_BYTES // _MAX_FILTERS, 200 * len(counts) + 500)


class Classes:
    """Counts classes; a page that shows them asks again and again with few filters."""

    def __init__(self, reader: PhotoReader, readiness: Readiness, keep_seconds: float) -> None:
        self._reader = reader
        self._readiness = readiness
        self._kept: TTLCache[Key, dict[str, int]] = TTLCache(
            _MAX_BYTES, keep_seconds, getsizeof=_weigh
        )
        self._flights: SingleFlight[Key, dict[str, int]] = SingleFlight()

    async def count(self, condition: Filter, timeout_seconds: float) -> dict[str, int]:
        """Return each class's number of photos that meet the filter.

        Raises:
            CallError: what asking Qdrant failed with.

        """
        collection = self._readiness.collection()
        try:
            return await self._count(collection, condition, timeout_seconds)
        except CollectionNotFoundError:
            collection = (await self._readiness.refresh()).gallery.collection
        return await self._count(collection, condition, timeout_seconds)

    async def _count(
        self, collection: str, condition: Filter, timeout_seconds: float
    ) -> dict[str, int]:
        key = (collection, condition)
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        return await self._flights.run(key, lambda: self._ask(key, timeout_seconds))

    async def _ask(self, key: Key, timeout_seconds: float) -> dict[str, int]:
        collection, condition = key
        counts = await self._reader.classes(collection, condition, timeout_seconds)
        with suppress(ValueError):  # it alone is too large
            self._kept[key] = counts
        return counts

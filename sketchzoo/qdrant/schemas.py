"""Schemas: what was last seen of the collections that were asked about."""

import math
import time
from typing import TypeVar

from qdrant_client import grpc as api

from sketchzoo.qdrant.connection import QdrantConnection, remaining
from sketchzoo.qdrant.facet import facet
from sketchzoo.qdrant.folding import BurstCounts, Bursts
from sketchzoo.qdrant.gallery import Schema
from sketchzoo.qdrant.query import NEAR_DUPLICATE

# Indexes and bursts come by an ingest, seldom.
_SECONDS = 30.0
# Near-duplicates whose bursts are known by name; of more, each page's are counted.
_MAX_NEAR_DUPLICATES = 10_000

T = TypeVar("T")


class Schemas:
    """What collections are like, looked at anew where it was seen half a minute ago."""

    def __init__(self, connection: QdrantConnection) -> None:
        self._connection = connection
        self._seen: dict[str, tuple[float, Schema]] = {}
        self._bursts: dict[str, tuple[float, Bursts]] = {}

    async def info(self, collection: str, timeout_seconds: float | None) -> api.CollectionInfo:
        """Ask Qdrant what it knows of a collection, and remember it."""
        answer: api.GetCollectionInfoResponse = await self._connection.ask(
            "Collections/Get",
            api.GetCollectionInfoRequest(collection_name=collection),
            timeout_seconds,
        )
        self._seen = _with(self._seen, collection, Schema.of(answer.result))
        return answer.result

    async def of(self, collection: str, timeout_seconds: float | None) -> Schema:
        """Return what a collection was like a moment ago."""
        schema = _fresh(self._seen, collection)
        if schema is None:
            await self.info(collection, timeout_seconds)
            _, schema = self._seen[collection]
        return schema

    async def bursts(self, collection: str, deadline: float | None) -> Bursts | None:
        """Return what is known of a collection's bursts, None where no photo folds.

        Looked at anew when their counts have changed, and after half a minute, by one search;
        those beside it go on by what was known. `deadline` is in `time.monotonic()` seconds.
        """
        schema = _fresh(self._seen, collection)
        if schema is None:
            schema = await self.of(collection, remaining(deadline))
        counts = schema.bursts
        if counts is None:
            return None
        fresh = _fresh(self._bursts, collection)
        if fresh is not None and fresh.counts == counts:
            return fresh
        if collection in self._bursts:
            _, known = self._bursts[collection]
            self._bursts = _with(self._bursts, collection, Bursts(counts, known.several))
        try:
            found = Bursts(counts, await self._several(collection, counts, deadline))
        except BaseException:
            # The next search looks itself.
            self._bursts.pop(collection, None)
            raise
        self._bursts = _with(self._bursts, collection, found)
        return found

    async def _several(
        self, collection: str, counts: BurstCounts, deadline: float | None
    ) -> frozenset[str] | None:
        number = counts.near_duplicates
        if number is None or number > _MAX_NEAR_DUPLICATES:
            return None
        # All photos of a burst but the first name it; some more may have come meanwhile.
        request = api.FacetCounts(
            collection_name=collection, key=NEAR_DUPLICATE, limit=_MAX_NEAR_DUPLICATES, exact=True
        )
        found = await facet(self._connection, request, remaining(deadline))
        return frozenset(found) if len(found) < _MAX_NEAR_DUPLICATES else None


def _fresh(kept: dict[str, tuple[float, T]], collection: str) -> T | None:
    seen, value = kept.get(collection, (-math.inf, None))
    return value if time.monotonic() - seen < _SECONDS else None


def _with(
    kept: dict[str, tuple[float, T]], collection: str, value: T
) -> dict[str, tuple[float, T]]:
    now = time.monotonic()
    fresh = {name: each for name, each in kept.items() if now - each[0] < _SECONDS}
    return {**fresh, collection: (now, value)}

"""Bursts: of each the nearest photo, and how many others there are.

Qdrant's groups leave out points that lack the field, and Qdrant ends early where a few
bursts hold most of what is near: both is made up for here.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter

from qdrant_client import grpc as api

from sketchzoo.qdrant.connection import QdrantConnection, remaining
from sketchzoo.qdrant.facet import facet
from sketchzoo.qdrant.point import scored
from sketchzoo.qdrant.query import BURST, Nearest, ScoredPhoto, in_bursts

# Each finds at least as many bursts as Qdrant itself tries rounds, which are five.
_MAX_ROUNDS = 16
# Queries of one batch that Qdrant is asked at once; each is a call of its own.
_ABREAST = 8


def photos_without_burst(info: api.CollectionInfo) -> int | None:
    """Return how many photos have no burst, None where the collection has no index of bursts."""
    if BURST not in info.payload_schema:
        return None
    return max(0, info.points_count - info.payload_schema[BURST].points)


class Bursts:
    """Answers collapsed queries of one collection until a deadline.

    `deadline` is in `time.monotonic()` seconds. Photos without a burst are among the answers
    only `with_others`.
    """

    def __init__(
        self,
        connection: QdrantConnection,
        collection: str,
        deadline: float | None,
        *,
        with_others: bool,
    ) -> None:
        self._connection = connection
        self._collection = collection
        self._deadline = deadline
        self._with_others = with_others
        self._places = asyncio.Semaphore(_ABREAST)

    async def nearest(self, query: Nearest) -> list[ScoredPhoto]:
        """Return the photos nearest to a query, best first, one a burst."""
        async with self._places:
            found = await self._nearest(query)
            if self._with_others:
                found += await self._others(query)
                found.sort(key=attrgetter("score"), reverse=True)
        return found[query.offset : query.offset + query.limit]

    async def _nearest(self, query: Nearest) -> list[ScoredPhoto]:
        """Return the nearest photo of each burst, from the first to the last one wanted."""
        found: list[ScoredPhoto] = []
        for _ in range(_MAX_ROUNDS):
            request = api.QueryPointGroups()
            excluded = [hit.photo.burst for hit in found]
            query.fill_groups(request, self._collection, excluded=excluded)
            answer: api.QueryGroupsResponse = await self._connection.ask(
                "Points/QueryGroups", request, remaining(self._deadline)
            )
            hits = [scored(self._collection, group.hits[0]) for group in answer.result.groups]
            sizes = await self._sizes(query, hits)
            found += [
                replace(hit, near_duplicates=max(0, sizes.get(hit.photo.burst, 0) - 1))
                for hit in hits
            ]
            # It ended early only if the bursts found hold as many photos as it looked for.
            if len(hits) >= request.limit or sum(sizes.values()) < request.limit:
                break
        return found

    async def _sizes(self, query: Nearest, hits: Sequence[ScoredPhoto]) -> dict[str, int]:
        """Return how many photos of each hit's burst meet the query's filter."""
        if not hits:
            return {}
        request = api.FacetCounts(
            collection_name=self._collection, key=BURST, limit=len(hits), exact=True
        )
        query.filter.fill(request.filter, excluded_ids=query.named)
        in_bursts(request.filter.must.add(), [hit.photo.burst for hit in hits])
        return await facet(self._connection, request, remaining(self._deadline))

    async def _others(self, query: Nearest) -> list[ScoredPhoto]:
        request = api.QueryPoints()
        query.fill_without_burst(request, self._collection)
        answer: api.QueryResponse = await self._connection.ask(
            "Points/Query", request, remaining(self._deadline)
        )
        return [scored(self._collection, point) for point in answer.result]

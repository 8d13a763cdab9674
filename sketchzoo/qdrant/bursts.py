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
from sketchzoo.qdrant.query import BURST, NEAR_DUPLICATE, Nearest, ScoredPhoto, in_bursts

# Bursts asked for at once: an answer holds the payload of each. Where bursts are long, Qdrant
# finds fewer, but at least as many as it tries rounds itself, which are five.
_MAX_GROUPS = 1000
_MAX_ROUNDS = 32
# Bursts counted at once: what a facet costs grows with the square of their number.
_MAX_COUNTED = 64
# Queries of one batch that Qdrant is asked at once; each is a call of its own.
_ABREAST = 8


def photos_without_burst(info: api.CollectionInfo) -> int | None:
    """Return how many photos have no burst, None where none folds into another.

    So it is without an index of bursts, and where no photo is another's near-duplicate: then
    plain queries answer the same, in half the time.
    """
    schema = info.payload_schema
    if BURST not in schema or (NEAR_DUPLICATE in schema and not schema[NEAR_DUPLICATE].points):
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
        page = found[query.offset : query.offset + query.limit]
        # Found in rounds by an index that may miss some, they may be out of order.
        return sorted(page, key=attrgetter("score"), reverse=True)

    async def _nearest(self, query: Nearest) -> list[ScoredPhoto]:
        """Return the nearest photo of each burst, from the first to the last one wanted.

        The others of a burst are counted where the page may have it.
        """
        found: list[ScoredPhoto] = []
        wanted = query.offset + query.limit
        # What stands between the bursts moves them on.
        first = 0 if self._with_others else query.offset
        for _ in range(_MAX_ROUNDS):
            limit = min(wanted - len(found), _MAX_GROUPS)
            hits = await self._groups(query, limit, found)
            before = max(0, first - len(found))
            counted, others = await self._counted(query, hits[before:])
            found += [*hits[:before], *counted]
            # It ended early only if the bursts found hold as many photos as it looked for.
            if len(found) >= wanted or not hits or (not before and len(hits) + others < limit):
                break
        return found

    async def _groups(
        self, query: Nearest, limit: int, found: Sequence[ScoredPhoto]
    ) -> list[ScoredPhoto]:
        request = api.QueryPointGroups()
        excluded = [hit.photo.burst for hit in found]
        query.fill_groups(request, self._collection, limit=limit, excluded=excluded)
        answer: api.QueryGroupsResponse = await self._connection.ask(
            "Points/QueryGroups", request, remaining(self._deadline)
        )
        # A photo that is deleted meanwhile may leave its group empty.
        groups = (group for group in answer.result.groups if group.hits)
        return [scored(self._collection, group.hits[0]) for group in groups]

    async def _counted(
        self, query: Nearest, hits: Sequence[ScoredPhoto]
    ) -> tuple[list[ScoredPhoto], int]:
        """Return hits with how many others of their bursts meet the filter, and their sum."""
        sizes: dict[str, int] = {}
        for start in range(0, len(hits), _MAX_COUNTED):
            bursts = [hit.photo.burst for hit in hits[start : start + _MAX_COUNTED]]
            request = api.FacetCounts(
                collection_name=self._collection, key=BURST, limit=len(bursts), exact=True
            )
            query.filter.fill(request.filter, excluded_ids=query.named)
            in_bursts(request.filter.must.add(), bursts)
            sizes |= await facet(self._connection, request, remaining(self._deadline))
        counted = [
            replace(hit, near_duplicates=max(0, sizes.get(hit.photo.burst, 0) - 1)) for hit in hits
        ]
        return counted, sum(hit.near_duplicates for hit in counted)

    async def _others(self, query: Nearest) -> list[ScoredPhoto]:
        request = api.QueryPoints()
        query.fill_without_burst(request, self._collection)
        answer: api.QueryResponse = await self._connection.ask(
            "Points/Query", request, remaining(self._deadline)
        )
        return [scored(self._collection, point) for point in answer.result]

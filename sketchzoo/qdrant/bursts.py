"""Collapsed queries: of each burst the nearest photo, and how many others there are.

Hits are folded as they come (`folding.py`). Where too many fold, Qdrant's groups find the nearest
of each burst: they leave out points that lack the field, and Qdrant ends early where a few
bursts hold most of what is near; both is made up for here.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any

from google.protobuf.message import Message
from qdrant_client import grpc as api

from sketchzoo.qdrant.connection import QdrantConnection, remaining
from sketchzoo.qdrant.facet import facet
from sketchzoo.qdrant.folding import Folding, burst_of
from sketchzoo.qdrant.point import scored
from sketchzoo.qdrant.query import BURST, Nearest, ScoredPhoto, in_bursts

# Bursts asked for at once: an answer holds the payload of each. Where bursts are long, Qdrant
# finds fewer, but at least as many as it tries rounds itself, which are five.
_MAX_GROUPS = 1000
_MAX_ROUNDS = 32
# Bursts counted at once: what a facet costs grows with the square of their number.
_MAX_COUNTED = 64
# Queries of one batch that Qdrant is asked at once; each is a call of its own.
_ABREAST = 8


class Collapsed:
    """Answers collapsed queries of one collection until a deadline.

    `deadline` is in `time.monotonic()` seconds. Photos without a burst are among the groups
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

    async def finish(self, folding: Folding) -> list[ScoredPhoto]:
        """Return the photos nearest to a query whose first hits are there, one a burst."""
        if not folding.complete:
            async with self._places:
                while not folding.complete:
                    if folding.too_long:
                        return await self.by_groups(folding.query)
                    request = api.QueryPoints()
                    folding.fill(request, self._collection)
                    answer: api.QueryResponse = await self._ask("Points/Query", request)
                    folding.add(answer.result)
        page = folding.page()
        several = [burst for burst in map(burst_of, page) if folding.has_others(burst)]
        if folding.whole and not several:
            return [scored(self._collection, point) for point in page]
        async with self._places:
            hits = await self._hits(folding, page)
            if len(hits) < len(page):
                # Some are deleted meanwhile, and a page that is short would seem the last.
                return await self.by_groups(folding.query)
            sizes = await self._sizes(folding.query, several)
        return [_counted(hit, sizes) for hit in hits]

    async def _hits(self, folding: Folding, page: Sequence[api.ScoredPoint]) -> list[ScoredPhoto]:
        """Return hits with all that is known of their photos, which are read where need be."""
        if folding.whole:
            return [scored(self._collection, point) for point in page]
        if not page:
            return []
        request = api.GetPoints(collection_name=self._collection)
        request.ids.extend(point.id for point in page)
        folding.query.fill_selector(request.with_payload)
        answer: api.GetResponse = await self._ask("Points/Get", request)
        found = {point.id.uuid: point for point in answer.result}
        # A photo that is deleted meanwhile is none.
        return [
            scored(self._collection, point, found[point.id.uuid].payload)
            for point in page
            if point.id.uuid in found
        ]

    async def by_groups(self, query: Nearest) -> list[ScoredPhoto]:
        """Return the same for a query of which nothing is known, by Qdrant's groups."""
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
            sizes = await self._sizes(query, [hit.photo.burst for hit in hits[before:]])
            counted = [_counted(hit, sizes) for hit in hits[before:]]
            others = sum(hit.near_duplicates for hit in counted)
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
        answer: api.QueryGroupsResponse = await self._ask("Points/QueryGroups", request)
        # A photo that is deleted meanwhile may leave its group empty.
        groups = (group for group in answer.result.groups if group.hits)
        return [scored(self._collection, group.hits[0]) for group in groups]

    async def _sizes(self, query: Nearest, bursts: Sequence[str]) -> dict[str, int]:
        """Return how many photos of each burst meet the query's filter."""
        sizes: dict[str, int] = {}
        for start in range(0, len(bursts), _MAX_COUNTED):
            some = bursts[start : start + _MAX_COUNTED]
            request = api.FacetCounts(
                collection_name=self._collection, key=BURST, limit=len(some), exact=True
            )
            query.filter.fill(request.filter, excluded_ids=query.named)
            in_bursts(request.filter.must.add(), some)
            sizes |= await facet(self._connection, request, remaining(self._deadline))
        return sizes

    async def _others(self, query: Nearest) -> list[ScoredPhoto]:
        request = api.QueryPoints()
        query.fill_without_burst(request, self._collection)
        answer: api.QueryResponse = await self._ask("Points/Query", request)
        return [scored(self._collection, point) for point in answer.result]

    async def _ask(self, method: str, request: Message) -> Any:
        return await self._connection.ask(method, request, remaining(self._deadline))


def _counted(hit: ScoredPhoto, sizes: Mapping[str, int]) -> ScoredPhoto:
    others = sizes.get(hit.photo.burst, 0) - 1
    return replace(hit, near_duplicates=others) if others > 0 else hit

"""Bursts: of each the nearest photo, and how many others there are.

Qdrant's groups leave out points that lack the field, and Qdrant ends early where a few
bursts hold most of what is near: both is made up for here.
"""

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


def photos_without_burst(info: api.CollectionInfo) -> int | None:
    """Return how many photos have no burst, None where the collection has no index of bursts."""
    if BURST not in info.payload_schema:
        return None
    return max(0, info.points_count - info.payload_schema[BURST].points)


async def nearest_of_bursts(
    connection: QdrantConnection,
    collection: str,
    query: Nearest,
    deadline: float | None,
    *,
    with_others: bool,
) -> list[ScoredPhoto]:
    """Return the photos nearest to a query, best first, one a burst.

    Photos without a burst are among them only `with_others`. `deadline` is in
    `time.monotonic()` seconds.
    """
    found = await _bursts(connection, collection, query, deadline)
    if with_others:
        request = api.QueryPoints()
        query.fill_without_burst(request, collection)
        answer: api.QueryResponse = await connection.ask(
            "Points/Query", request, remaining(deadline)
        )
        found += [scored(collection, point) for point in answer.result]
        found.sort(key=attrgetter("score"), reverse=True)
    return found[query.offset : query.offset + query.limit]


async def _bursts(
    connection: QdrantConnection, collection: str, query: Nearest, deadline: float | None
) -> list[ScoredPhoto]:
    """Return the nearest photo of each burst, from the first to the last one wanted."""
    found: list[ScoredPhoto] = []
    for _ in range(_MAX_ROUNDS):
        request = api.QueryPointGroups()
        query.fill_groups(request, collection, excluded=[hit.photo.burst for hit in found])
        answer: api.QueryGroupsResponse = await connection.ask(
            "Points/QueryGroups", request, remaining(deadline)
        )
        hits = [scored(collection, group.hits[0]) for group in answer.result.groups]
        sizes = await _sizes(connection, collection, query, hits, deadline)
        found += [
            replace(hit, near_duplicates=max(0, sizes.get(hit.photo.burst, 0) - 1)) for hit in hits
        ]
        # It has ended early only if the bursts found hold as many photos as it looked for.
        if len(hits) >= request.limit or sum(sizes.values()) < request.limit:
            break
    return found


async def _sizes(
    connection: QdrantConnection,
    collection: str,
    query: Nearest,
    hits: Sequence[ScoredPhoto],
    deadline: float | None,
) -> dict[str, int]:
    """Return how many photos of each hit's burst meet the query's filter."""
    if not hits:
        return {}
    request = api.FacetCounts(collection_name=collection, key=BURST, limit=len(hits), exact=True)
    query.filter.fill(request.filter, excluded_ids=query.named)
    in_bursts(request.filter.must.add(), [hit.photo.burst for hit in hits])
    return await facet(connection, request, remaining(deadline))

"""Facets: how many points there are of each value of an indexed field."""

from qdrant_client import grpc as api

from sketchzoo.qdrant.connection import QdrantConnection


async def facet(
    connection: QdrantConnection, request: api.FacetCounts, timeout_seconds: float | None
) -> dict[str, int]:
    """Return the number of points of each text that the field holds, by text."""
    answer: api.FacetResponse = await connection.ask("Points/Facet", request, timeout_seconds)
    # An index remembers values that no point has any more.
    return dict(sorted((hit.value.string_value, hit.count) for hit in answer.hits if hit.count))

"""Reading photos: what answers of Qdrant become."""

import tracemalloc
import uuid
from typing import Any

from qdrant_client import grpc as api

from sketchzoo.qdrant import PhotoReader

DIMENSION = 512
COUNT = 400


class Stored:
    """A connection to a collection that has a point for each id."""

    async def ask(self, method: str, request: Any, *_: Any) -> Any:
        answer = api.GetResponse()
        for each in request.ids:
            point = answer.result.add()
            point.id.uuid = each.uuid
            point.vectors.vector.dense.data.extend([0.25] * DIMENSION)
        return answer


async def test_embeddings_are_held_as_they_are_stored() -> None:
    """A batch of searches by liked photos asks for thousands: 4 bytes a value, not 32."""
    connection: Any = Stored()
    reader = PhotoReader(connection, "photos")
    ids = [str(uuid.UUID(int=number)) for number in range(COUNT)]
    tracemalloc.start()
    try:
        found = await reader.vectors("photos-abc", ids)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [len(vector) for vector in found.values()] == [DIMENSION] * COUNT
    assert set(found[ids[0]]) == {0.25}
    assert held < 2 * 4 * DIMENSION * COUNT

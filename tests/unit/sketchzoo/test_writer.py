"""Writing photos: what is asked of Qdrant, and when."""

import asyncio
from typing import Any

from qdrant_client import grpc as api

from sketchzoo.qdrant import PhotoWriter
from sketchzoo.qdrant.writer import INDEXED


class Waiting:
    """A connection on which no index is made before all have been asked for."""

    def __init__(self) -> None:
        self.fields: list[str] = []
        self._all = asyncio.Event()

    async def ask(self, method: str, request: Any) -> Any:
        if method == "Collections/CollectionExists":
            return api.CollectionExistsResponse()
        if method == "Points/CreateFieldIndex":
            self.fields.append(request.field_name)
            if len(self.fields) == len(INDEXED):
                self._all.set()
            await self._all.wait()
        if method == "Collections/Get":
            return api.GetCollectionInfoResponse()
        return None


async def test_the_indexes_of_a_collection_are_asked_for_together() -> None:
    """Each on its own would wait for a sync of the disk of its own."""
    connection: Any = Waiting()
    async with asyncio.timeout(5):
        name = await PhotoWriter(connection, "photos").open("abc", 8)
    assert name == "photos-abc"
    assert sorted(connection.fields) == sorted(INDEXED)

"""Reading photos: the nearest to an embedding, single ones, and the classes."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from qdrant_client import grpc as qdrant
from qdrant_client import models

from sketchzoo.qdrant.connection import QdrantConnection
from sketchzoo.qdrant.filter import Filter
from sketchzoo.qdrant.photo import Photo
from sketchzoo.qdrant.query import Nearest, ScoredPhoto, photo_of, scored
from sketchzoo.rpc import precondition

_SCROLL_PAGE = 500
# More classes than any animal gallery has; a facet needs a limit.
_MAX_CLASSES = 10_000


@dataclass(frozen=True, slots=True)
class Gallery:
    """The collection that the alias names, and the model that its embeddings come from."""

    collection: str
    fingerprint: str
    dimension: int


class PhotoReader:
    """Reads the gallery that the alias names; failures raise `CallError`."""

    def __init__(self, connection: QdrantConnection, alias: str) -> None:
        self._connection = connection
        self._client = connection.client
        self._alias = alias

    async def current(self, timeout_seconds: float | None = None) -> Gallery:
        """Return what the alias names; FAILED_PRECONDITION where it names nothing yet."""
        async with self._connection.call("get_aliases", timeout_seconds):
            aliases = (await self._client.get_aliases()).aliases
            named = [a.collection_name for a in aliases if a.alias_name == self._alias]
            if not named:
                raise precondition(
                    "NO_GALLERY",
                    f"the alias {self._alias} names no collection yet: ingest photos first",
                )
            vectors = (await self._client.get_collection(named[0])).config.params.vectors
        if not isinstance(vectors, models.VectorParams):
            raise precondition("NO_GALLERY", f"{named[0]} was not made by ingest: it has no vector")
        fingerprint = named[0].removeprefix(f"{self._alias}-")
        return Gallery(named[0], fingerprint, vectors.size)

    async def nearest(
        self, collection: str, query: Nearest, timeout_seconds: float | None = None
    ) -> list[ScoredPhoto]:
        """Return the photos nearest to the query, best first."""
        answer: qdrant.QueryResponse = await self._connection.ask(
            "query_points",
            self._connection.points.Query,
            query.to_message(collection),
            timeout_seconds,
        )
        return [scored(point) for point in answer.result]

    async def nearest_batch(
        self, collection: str, queries: Sequence[Nearest], timeout_seconds: float | None = None
    ) -> list[list[ScoredPhoto]]:
        """Return an answer for each query, in order; one failure fails all."""
        request = qdrant.QueryBatchPoints(
            collection_name=collection,
            query_points=[query.to_message(collection) for query in queries],
        )
        answer: qdrant.QueryBatchResponse = await self._connection.ask(
            "query_batch_points", self._connection.points.QueryBatch, request, timeout_seconds
        )
        return [[scored(point) for point in each.result] for each in answer.result]

    async def get(
        self, collection: str, ids: Sequence[str], timeout_seconds: float | None = None
    ) -> dict[str, Photo]:
        """Return those of the photos that the collection has, by id."""
        async with self._connection.call("retrieve", timeout_seconds):
            records = await self._client.retrieve(collection, list(ids), with_payload=True)
        return {str(record.id): _photo(record) for record in records}

    async def embedding(
        self, collection: str, photo_id: str, timeout_seconds: float | None = None
    ) -> tuple[float, ...] | None:
        """Return a photo's embedding, None if the collection does not have the photo."""
        async with self._connection.call("retrieve", timeout_seconds):
            records = await self._client.retrieve(
                collection, [photo_id], with_payload=False, with_vectors=True
            )
        # Of an unnamed vector a list of numbers.
        vectors: list[Any] = [record.vector for record in records]
        return tuple(vectors[0]) if vectors else None

    async def embeddings(self, collection: str) -> AsyncIterator[tuple[Photo, list[float]]]:
        """Yield every photo with its embedding, in the order of ids, a page at a time."""
        offset: Any = None
        while True:
            async with self._connection.call("scroll"):
                records, offset = await self._client.scroll(
                    collection,
                    limit=_SCROLL_PAGE,
                    offset=offset,
                    with_payload=True,
                    with_vectors=True,
                )
            for record in records:
                vector: Any = record.vector  # of an unnamed vector a list of numbers
                yield _photo(record), vector
            if offset is None:
                return

    async def classes(
        self, collection: str, condition: Filter, timeout_seconds: float | None = None
    ) -> dict[str, int]:
        """Return the exact number of photos of each class that meet the filter, by name."""
        async with self._connection.call("facet", timeout_seconds):
            facet = await self._client.facet(
                collection,
                key="class",
                facet_filter=condition.to_qdrant(),
                limit=_MAX_CLASSES,
                exact=True,
            )
        return {str(hit.value): hit.count for hit in sorted(facet.hits, key=lambda h: str(h.value))}


def _photo(record: models.Record) -> Photo:
    return photo_of(str(record.id), record.payload or {})

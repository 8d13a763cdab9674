"""Reading photos: the nearest to an embedding, single ones, all, and the classes."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from qdrant_client import grpc as api

from sketchzoo.payload import read_payload
from sketchzoo.qdrant.connection import QdrantConnection
from sketchzoo.qdrant.errors import foreign_point
from sketchzoo.qdrant.filter import Filter
from sketchzoo.qdrant.photo import RESERVED, Photo
from sketchzoo.qdrant.query import Nearest, ScoredPhoto
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
    """Reads the gallery that the alias names; failures raise `CallError`.

    A point that ingest did not write is FAILED_PRECONDITION and named, wherever it is read;
    a collection or a photo that is not there has an error of its own type.
    """

    def __init__(self, connection: QdrantConnection, alias: str) -> None:
        self._connection = connection
        self._alias = alias

    async def published(self, timeout_seconds: float | None = None) -> str | None:
        """Return the collection that the alias names, if any."""
        answer: api.ListAliasesResponse = await self._connection.ask(
            "Collections/ListAliases", api.ListAliasesRequest(), timeout_seconds
        )
        named = (a.collection_name for a in answer.aliases if a.alias_name == self._alias)
        return next(named, None)

    async def current(self, timeout_seconds: float | None = None) -> Gallery:
        """Return what the alias names; FAILED_PRECONDITION where it names nothing yet."""
        name = await self.published(timeout_seconds)
        if name is None:
            raise precondition(
                "NO_GALLERY",
                f"the alias {self._alias} names no collection yet: ingest photos first",
            )
        answer: api.GetCollectionInfoResponse = await self._connection.ask(
            "Collections/Get", api.GetCollectionInfoRequest(collection_name=name), timeout_seconds
        )
        vectors = answer.result.config.params.vectors_config
        if not vectors.HasField("params"):
            raise precondition("NO_GALLERY", f"{name} was not made by ingest: it has no vector")
        return Gallery(name, name.removeprefix(f"{self._alias}-"), vectors.params.size)

    async def nearest(
        self, collection: str, queries: Sequence[Nearest], timeout_seconds: float | None = None
    ) -> list[list[ScoredPhoto]]:
        """Return the photos nearest to each query, best first; one failure fails all."""
        request = api.QueryBatchPoints(collection_name=collection)
        for query in queries:
            query.fill(request.query_points.add(), collection)
        answer: api.QueryBatchResponse = await self._connection.ask(
            "Points/QueryBatch", request, timeout_seconds
        )
        return [[_scored(collection, point) for point in each.result] for each in answer.result]

    async def get(
        self, collection: str, ids: Sequence[str], timeout_seconds: float | None = None
    ) -> dict[str, Photo]:
        """Return those of the photos that the collection has, by id."""
        found = await self._get(collection, ids, timeout_seconds) if ids else ()
        return {photo.id: photo for photo in (read_photo(collection, each) for each in found)}

    async def embedding(
        self, collection: str, photo_id: str, timeout_seconds: float | None = None
    ) -> tuple[float, ...] | None:
        """Return a photo's embedding, None if the collection does not have the photo."""
        found = await self._get(collection, [photo_id], timeout_seconds, with_vectors=True)
        return tuple(_vector(found[0])) if found else None

    async def scroll(self, collection: str) -> AsyncIterator[Photo]:
        """Yield every photo without its source's columns, in the order of ids, by pages."""
        async for point in self._scroll(collection):
            yield read_photo(collection, point)

    async def embeddings(self, collection: str) -> AsyncIterator[tuple[Photo, list[float]]]:
        """Yield every photo with its embedding, else as `scroll` does."""
        async for point in self._scroll(collection, with_vectors=True):
            yield read_photo(collection, point), _vector(point)

    async def count(self, collection: str) -> int:
        """Return the exact number of photos."""
        answer: api.CountResponse = await self._connection.ask(
            "Points/Count", api.CountPoints(collection_name=collection, exact=True)
        )
        return answer.result.count

    async def classes(
        self, collection: str, condition: Filter, timeout_seconds: float | None = None
    ) -> dict[str, int]:
        """Return the exact number of photos of each class that meet the filter, by name.

        Points without a class are no photos and not counted.
        """
        request = api.FacetCounts(
            collection_name=collection, key="class", limit=_MAX_CLASSES, exact=True
        )
        condition.fill(request.filter)
        answer: api.FacetResponse = await self._connection.ask(
            "Points/Facet", request, timeout_seconds
        )
        # An index remembers values that no point has any more.
        counts = ((hit.value.string_value, hit.count) for hit in answer.hits if hit.count)
        return dict(sorted(counts))

    async def _get(
        self,
        collection: str,
        ids: Sequence[str],
        timeout_seconds: float | None,
        *,
        with_vectors: bool = False,
    ) -> Sequence[api.RetrievedPoint]:
        request = api.GetPoints(collection_name=collection)
        for photo_id in ids:
            request.ids.add().uuid = photo_id
        request.with_payload.enable = not with_vectors
        request.with_vectors.enable = with_vectors
        answer: api.GetResponse = await self._connection.ask("Points/Get", request, timeout_seconds)
        return answer.result

    async def _scroll(
        self, collection: str, *, with_vectors: bool = False
    ) -> AsyncIterator[api.RetrievedPoint]:
        request = api.ScrollPoints(collection_name=collection, limit=_SCROLL_PAGE)
        # Columns may be long, and nobody who reads all photos looks at them.
        request.with_payload.include.fields.extend(RESERVED)
        request.with_vectors.enable = with_vectors
        while True:
            page: api.ScrollResponse = await self._connection.ask("Points/Scroll", request)
            for point in page.result:
                yield point
            if not page.HasField("next_page_offset"):
                return
            request.offset.CopyFrom(page.next_page_offset)


def _scored(collection: str, point: api.ScoredPoint) -> ScoredPhoto:
    photo = _read(collection, point)
    # Rounding may carry a cosine past 1.
    return ScoredPhoto(_id(point), photo, min(1.0, max(0.0, (1 + point.score) / 2)))


def read_photo(collection: str, point: api.RetrievedPoint) -> Photo:
    """Return a point's photo; FAILED_PRECONDITION where ingest did not write it."""
    photo = _read(collection, point)
    if photo.id != _id(point):
        raise foreign_point(collection, _id(point), f"its sha256 is that of {photo.id}")
    return photo


def _read(collection: str, point: api.ScoredPoint | api.RetrievedPoint) -> Photo:
    try:
        return Photo.from_payload(read_payload(point.payload))
    except ValueError as error:
        raise foreign_point(collection, _id(point), error) from error


def _id(point: api.ScoredPoint | api.RetrievedPoint) -> str:
    return point.id.uuid or str(point.id.num)


def _vector(point: api.RetrievedPoint) -> list[float]:
    vector = point.vectors.vector
    # Servers before 1.16 fill `data` alone.
    return list(vector.dense.data or vector.data)

"""Reading photos: the nearest to an embedding, single ones, and the classes."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from qdrant_client import models

from sketchzoo.photos.connection import QdrantConnection
from sketchzoo.photos.filter import Filter
from sketchzoo.photos.photo import Photo
from sketchzoo.rpc import CallError, not_found, precondition

_SCROLL_PAGE = 500
# More classes than any animal gallery has; a facet needs a limit.
_MAX_CLASSES = 10_000


@dataclass(frozen=True, slots=True)
class Gallery:
    """The collection that the alias names, and the model that its embeddings come from."""

    collection: str
    fingerprint: str
    dimension: int


@dataclass(frozen=True, slots=True)
class ScoredPhoto:
    """A photo found; `score` is (1 + cosine) / 2."""

    id: str
    photo: Photo
    score: float


@dataclass(frozen=True, slots=True)
class Nearest:
    """A query: the photos nearest to an embedding, or to another photo.

    Give `vector` or `photo_id` or both none with `liked`; liked photos pull the answer
    towards them, disliked ones push it away (Qdrant's recommend, average vector). The
    photos named in the query are not among the answer. `min_score` is (1 + cosine) / 2.
    """

    vector: tuple[float, ...] | None = None
    photo_id: str | None = None
    liked: tuple[str, ...] = ()
    disliked: tuple[str, ...] = ()
    filter: Filter = field(default_factory=Filter)
    limit: int = 12
    offset: int = 0
    min_score: float | None = None
    exact: bool = False

    def __post_init__(self) -> None:
        if self.vector is not None and self.photo_id is not None:
            raise ValueError("give a vector or a photo_id, not both")
        if self.vector is None and self.photo_id is None and not self.liked:
            raise ValueError("give a vector, a photo_id or liked photos")
        if self.limit < 1 or self.offset < 0:
            raise ValueError(f"limit {self.limit} must be at least 1, offset {self.offset} 0")

    @property
    def named(self) -> tuple[str, ...]:
        """The photos that the query names."""
        own = (self.photo_id,) if self.photo_id is not None else ()
        return (*own, *self.liked, *self.disliked)

    def to_qdrant(self) -> models.QueryRequest:
        """Return the query as Qdrant takes it."""
        return models.QueryRequest(
            query=self._query(),
            filter=self.filter.to_qdrant(excluded_ids=self.named),
            params=models.SearchParams(exact=True) if self.exact else None,
            score_threshold=None if self.min_score is None else 2 * self.min_score - 1,
            limit=self.limit,
            offset=self.offset,
            with_payload=True,
        )

    def _query(self) -> models.NearestQuery | models.RecommendQuery:
        source = list(self.vector) if self.vector is not None else self.photo_id
        if source is not None and not self.liked and not self.disliked:
            return models.NearestQuery(nearest=source)
        positive: list[Any] = [*([source] if source is not None else []), *self.liked]
        return models.RecommendQuery(
            recommend=models.RecommendInput(
                positive=positive,
                negative=list(self.disliked),
                strategy=models.RecommendStrategy.AVERAGE_VECTOR,
            )
        )


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
        request = query.to_qdrant()
        try:
            async with self._connection.call("query_points", timeout_seconds):
                answer = await self._client.query_points(
                    collection,
                    query=request.query,
                    query_filter=request.filter,
                    search_params=request.params,
                    score_threshold=request.score_threshold,
                    limit=query.limit,
                    offset=query.offset,
                    with_payload=True,
                )
        except CallError as error:
            raise _explained(error, query) from error
        return [_scored(point) for point in answer.points]

    async def nearest_batch(
        self, collection: str, queries: Sequence[Nearest], timeout_seconds: float | None = None
    ) -> list[list[ScoredPhoto]]:
        """Return an answer for each query, in order; one failure fails all."""
        async with self._connection.call("query_batch_points", timeout_seconds):
            answers = await self._client.query_batch_points(
                collection, [query.to_qdrant() for query in queries]
            )
        return [[_scored(point) for point in answer.points] for answer in answers]

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


def _scored(point: models.ScoredPoint) -> ScoredPhoto:
    # Rounding may carry a cosine past 1.
    score = min(1.0, max(0.0, (1 + point.score) / 2))
    return ScoredPhoto(str(point.id), _photo(point), score)


def _photo(point: models.ScoredPoint | models.Record) -> Photo:
    try:
        return Photo.from_payload(point.payload or {})
    except (KeyError, TypeError, ValueError) as error:
        raise precondition(
            "FOREIGN_POINT",
            f"the collection holds the point {point.id}, which ingest did not write: {error!r}",
        ) from error


def _explained(error: CallError, query: Nearest) -> CallError:
    """Qdrant answers NOT_FOUND both for points and for collections: say which photo it was."""
    if error.code is grpc.StatusCode.NOT_FOUND and query.named and "point" in error.message.lower():
        return not_found(f"no such photo among {', '.join(query.named)}: {error.message}")
    return error

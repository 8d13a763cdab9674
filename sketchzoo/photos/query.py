"""Queries as Qdrant's own messages, and its hits as photos.

Not by the client's models: of a search's thirteen hits they are made by the dozen, read once
and thrown away.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from qdrant_client import grpc
from qdrant_client.conversions.conversion import RestToGrpc

from sketchzoo.photos.filter import Filter
from sketchzoo.photos.photo import Photo
from sketchzoo.rpc import precondition


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

    def to_message(self, collection: str) -> grpc.QueryPoints:
        """Return the query of a collection as Qdrant takes it."""
        condition = self.filter.to_qdrant(excluded_ids=self.named)
        return grpc.QueryPoints(
            collection_name=collection,
            query=self._query(),
            filter=None if condition is None else RestToGrpc.convert_filter(condition),
            params=grpc.SearchParams(exact=True) if self.exact else None,
            score_threshold=None if self.min_score is None else 2 * self.min_score - 1,
            limit=self.limit,
            offset=self.offset,
            with_payload=_WITH_PAYLOAD,
        )

    def _query(self) -> grpc.Query:
        source: list[grpc.VectorInput] = []
        if self.vector is not None:
            source = [grpc.VectorInput(dense=grpc.DenseVector(data=self.vector))]
        elif self.photo_id is not None:
            source = [_named(self.photo_id)]
        if source and not self.liked and not self.disliked:
            return grpc.Query(nearest=source[0])
        return grpc.Query(
            recommend=grpc.RecommendInput(
                positive=[*source, *map(_named, self.liked)],
                negative=list(map(_named, self.disliked)),
                strategy=grpc.RecommendStrategy.AverageVector,
            )
        )


_WITH_PAYLOAD = grpc.WithPayloadSelector(enable=True)


def scored(point: grpc.ScoredPoint) -> ScoredPhoto:
    """Return a hit.

    Raises:
        CallError: FAILED_PRECONDITION; ingest did not write the point.

    """
    # Rounding may carry a cosine past 1.
    score = min(1.0, max(0.0, (1 + point.score) / 2))
    point_id = point.id.uuid or str(point.id.num)
    return ScoredPhoto(point_id, photo_of(point_id, _python(point.payload)), score)


def photo_of(point_id: str, payload: Mapping[str, Any]) -> Photo:
    """Return a point's photo.

    Raises:
        CallError: FAILED_PRECONDITION; ingest did not write the point.

    """
    try:
        return Photo.from_payload(payload)
    except (KeyError, TypeError, ValueError) as error:
        raise precondition(
            "FOREIGN_POINT",
            f"the collection holds the point {point_id}, which ingest did not write: {error!r}",
        ) from error


def _named(photo_id: str) -> grpc.VectorInput:
    return grpc.VectorInput(id=grpc.PointId(uuid=photo_id))


def _python(payload: Mapping[str, grpc.Value]) -> dict[str, Any]:
    return {key: _value(value) for key, value in payload.items()}


def _value(value: grpc.Value) -> Any:
    kind = value.WhichOneof("kind")
    return None if kind is None else _VALUES[kind](value)


_VALUES: dict[str, Callable[[grpc.Value], Any]] = {
    "null_value": lambda _: None,
    "string_value": lambda v: v.string_value,
    "integer_value": lambda v: v.integer_value,
    "double_value": lambda v: v.double_value,
    "bool_value": lambda v: v.bool_value,
    "struct_value": lambda v: _python(v.struct_value.fields),
    "list_value": lambda v: [_value(item) for item in v.list_value.values],
}

"""Queries as Qdrant's own messages, and its hits as photos.

Not by the client's models: of a search's thirteen hits they are made by the dozen, read once
and thrown away. Messages are filled in place, since each that is made by itself is copied.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from qdrant_client import grpc
from qdrant_client.conversions.conversion import RestToGrpc

from sketchzoo.qdrant.filter import Filter
from sketchzoo.qdrant.photo import Photo
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
    `hnsw_ef` is how many candidates the index is searched for; None leaves it to Qdrant,
    which takes as many as the index was built with.
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
    hnsw_ef: int | None = None

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
        message = grpc.QueryPoints(collection_name=collection, limit=self.limit, offset=self.offset)
        message.with_payload.enable = True
        condition = self.filter.to_qdrant(excluded_ids=self.named)
        if condition is not None:
            message.filter.CopyFrom(RestToGrpc.convert_filter(condition))
        if self.exact:
            message.params.exact = True
        if self.hnsw_ef is not None:
            message.params.hnsw_ef = self.hnsw_ef
        if self.min_score is not None:
            message.score_threshold = 2 * self.min_score - 1
        self._fill(message.query)
        return message

    def _fill(self, query: grpc.Query) -> None:
        if not self.liked and not self.disliked:
            self._fill_source(query.nearest)
            return
        recommend = query.recommend
        recommend.strategy = grpc.RecommendStrategy.AverageVector
        if self.vector is not None or self.photo_id is not None:
            self._fill_source(recommend.positive.add())
        for photo_id in self.liked:
            recommend.positive.add().id.uuid = photo_id
        for photo_id in self.disliked:
            recommend.negative.add().id.uuid = photo_id

    def _fill_source(self, message: grpc.VectorInput) -> None:
        if self.vector is not None:
            message.dense.data.extend(self.vector)
        elif self.photo_id is not None:
            message.id.uuid = self.photo_id


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

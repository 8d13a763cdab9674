"""Queries: what to look for among the photos, and the photos found.

Qdrant's messages are filled in place, since each that is made by itself is copied.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from qdrant_client import grpc as api

from sketchzoo.qdrant.filter import Filter
from sketchzoo.qdrant.photo import SHOWN, UNREAD, Photo

BURST = "burst"
"""The payload field that photos of one burst have in common."""
NEAR_DUPLICATE = "near_duplicate_of"
"""The payload field that all photos of a burst have but the first."""
_SHOWN = sorted(SHOWN)
_UNREAD = sorted(UNREAD)


def in_bursts(message: api.Condition, bursts: Iterable[str]) -> None:
    """Write into Qdrant's message that photos are of one of these bursts."""
    message.field.key = BURST
    message.field.match.keywords.strings.extend(bursts)


@dataclass(frozen=True, slots=True)
class ScoredPhoto:
    """A photo found, with a score of (1 + cosine) / 2 and how many were folded into it."""

    id: str
    photo: Photo
    score: float
    near_duplicates: int = 0


@dataclass(frozen=True, slots=True)
class SearchParams:
    """How the index is searched, as Qdrant has it.

    `hnsw_ef` is how many candidates it is searched for; None leaves it to Qdrant, which takes
    as many as the index was built with. `indexed_only` leaves out what has no index yet.
    `rescore` and `oversampling` are of quantized embeddings: whether what they find is ranked by
    the full ones, and how many times as many are found for it; None leaves both to Qdrant.
    """

    hnsw_ef: int | None = None
    indexed_only: bool = False
    rescore: bool | None = None
    oversampling: float | None = None

    def __post_init__(self) -> None:
        if self.oversampling is not None and self.rescore is False:
            raise ValueError("oversampling finds more to rescore: it needs rescore")

    def fill(self, message: api.SearchParams) -> None:
        """Write them into Qdrant's message."""
        if self.hnsw_ef is not None:
            message.hnsw_ef = self.hnsw_ef
        if self.indexed_only:
            message.indexed_only = True
        if self.rescore is not None:
            message.quantization.rescore = self.rescore
        if self.oversampling is not None:
            message.quantization.oversampling = self.oversampling


@dataclass(frozen=True, slots=True)
class Nearest:
    """A query: the photos nearest to an embedding, or to another photo.

    Give `vector` or `photo_id` or both none with `liked`; liked photos pull the answer
    towards them, disliked ones push it away (Qdrant's recommend, average vector). The
    photos named in the query are not among the answer, nor are those `excluded`. `min_score` is
    (1 + cosine) / 2.
    An `exact` query asks no index, whatever `params` say. With `collapse`, photos of one burst
    count as one: the nearest of them, and how many others meet the filter. Without
    `with_payload` of each photo is told what a hit shows, not its source's own columns, which
    may be long.
    """

    vector: tuple[float, ...] | None = None
    photo_id: str | None = None
    liked: tuple[str, ...] = ()
    disliked: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    filter: Filter = field(default_factory=Filter)
    limit: int = 12
    offset: int = 0
    min_score: float | None = None
    exact: bool = False
    params: SearchParams = field(default_factory=SearchParams)
    collapse: bool = False
    with_payload: bool = True

    def __post_init__(self) -> None:
        if self.vector is not None and self.photo_id is not None:
            raise ValueError("give a vector or a photo_id, not both")
        if self.vector is None and self.photo_id is None and not self.liked:
            raise ValueError("give a vector, a photo_id or liked photos")
        if self.limit < 1 or self.offset < 0:
            raise ValueError(f"limit {self.limit} must be at least 1, offset {self.offset} 0")

    @property
    def named(self) -> tuple[str, ...]:
        """The photos that the query names, which it does not answer."""
        own = (self.photo_id,) if self.photo_id is not None else ()
        return (*own, *self.liked, *self.disliked, *self.excluded)

    def fill(self, message: api.QueryPoints, collection: str) -> None:
        """Write the query of a collection into Qdrant's message."""
        message.limit, message.offset = self.limit, self.offset
        self._fill(message, collection)
        self.fill_selector(message.with_payload)

    def fill_selector(self, message: api.WithPayloadSelector) -> None:
        """Write what is to be told of a photo."""
        if self.with_payload:
            message.exclude.fields.extend(_UNREAD)
        else:
            message.include.fields.extend(_SHOWN)

    def fill_hits(
        self,
        message: api.QueryPoints,
        collection: str,
        *,
        limit: int,
        offset: int,
        excluded: Sequence[str],
        only_bursts: bool,
    ) -> None:
        """Write the query for hits that a caller folds, but those of the excluded bursts.

        With all that is known of each, or with its burst alone.
        """
        message.limit, message.offset = limit, offset
        self._fill(message, collection)
        if only_bursts:
            message.with_payload.include.fields.append(BURST)
        else:
            self.fill_selector(message.with_payload)
        if excluded:
            in_bursts(message.filter.must_not.add(), excluded)

    def fill_without_burst(self, message: api.QueryPoints, collection: str) -> None:
        """Write the query for photos that are of no burst, from the first on."""
        message.limit = self.offset + self.limit
        self._fill(message, collection)
        self.fill_selector(message.with_payload)
        message.filter.must.add().is_empty.key = BURST

    def fill_groups(
        self,
        message: api.QueryPointGroups,
        collection: str,
        *,
        limit: int,
        excluded: Sequence[str],
    ) -> None:
        """Write the query for the nearest photo of each of so many bursts, but the excluded ones.

        Groups have no offset: the caller leaves out the first ones.
        """
        message.limit, message.group_size = limit, 1
        message.group_by = BURST
        self._fill(message, collection)
        self.fill_selector(message.with_payload)
        if excluded:
            in_bursts(message.filter.must_not.add(), excluded)

    def _fill(self, message: api.QueryPoints | api.QueryPointGroups, collection: str) -> None:
        message.collection_name = collection
        self.filter.fill(message.filter, excluded_ids=self.named)
        if self.exact:
            message.params.exact = True
        else:
            self.params.fill(message.params)
        if self.min_score is not None:
            message.score_threshold = 2 * self.min_score - 1
        self._fill_scoring(message.query)

    def _fill_scoring(self, query: api.Query) -> None:
        if not self.liked and not self.disliked:
            self._fill_source(query.nearest)
            return
        recommend = query.recommend
        recommend.strategy = api.RecommendStrategy.AverageVector
        if self.vector is not None or self.photo_id is not None:
            self._fill_source(recommend.positive.add())
        for photo_id in self.liked:
            recommend.positive.add().id.uuid = photo_id
        for photo_id in self.disliked:
            recommend.negative.add().id.uuid = photo_id

    def _fill_source(self, message: api.VectorInput) -> None:
        if self.vector is not None:
            message.dense.data.extend(self.vector)
        elif self.photo_id is not None:
            message.id.uuid = self.photo_id

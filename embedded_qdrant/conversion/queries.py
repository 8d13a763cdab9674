"""Queries: nearest, "more like this" and recommend."""

from dataclasses import dataclass, replace
from typing import Any

import qdrant_edge as edge
from qdrant_client import grpc

from embedded_qdrant.conversion import filters, ids, points, vectors
from embedded_qdrant.conversion.vectors import Dimensions
from embedded_qdrant.errors import (
    bad_request,
    engine_errors,
    point_missing,
    serve_only,
    unserved,
    wrong_input,
)

DEFAULT_LIMIT = 10
DEFAULT_GROUP_SIZE = 3
_SERVED_SCORING = (
    "collection_name",
    "query",
    "using",
    "filter",
    "params",
    "score_threshold",
    "limit",
    "with_payload",
    "with_vectors",
    "read_consistency",
    "timeout",
)
_SERVED = (*_SERVED_SCORING, "offset")
_SERVED_GROUPS = (*_SERVED_SCORING, "group_by", "group_size")


class Examples:
    """The stored points that a query names by id, resolved to their vectors.

    A query by id leaves the named points out of its hits, as the server does.
    """

    def __init__(self, shard: edge.EdgeShard, using: str, dimensions: Dimensions) -> None:
        self._shard = shard
        self._using = using
        self._dimensions = dimensions
        self.named: list[ids.EngineId] = []

    def vector(self, message: grpc.VectorInput) -> list[float]:
        """Return the vector that `message` gives or names."""
        match message.WhichOneof("variant"):
            case "dense":
                return vectors.checked(message.dense.data, self._using, self._dimensions)
            case "id":
                point_id = ids.to_engine(message.id)
                self.named.append(point_id)
                return self._stored(point_id)
            case None:
                raise wrong_input("a query's vector is empty: give `dense` or `id`")
            case other:
                raise unserved(f"VectorInput.{other}")

    def _stored(self, point_id: ids.EngineId) -> list[float]:
        if self._using not in self._dimensions:
            raise wrong_input(f"Not existing vector name error: {self._using}")
        records = self._shard.retrieve([point_id], False, [self._using])  # noqa: FBT003 - positional API
        if not records:
            raise point_missing(point_id)
        vector: Any = records[0].vector
        if isinstance(vector, dict):
            vector = vector.get(self._using)
        if not vector:
            raise bad_request(f"Vector `{self._using}` is not found for point {point_id}")
        return list(vector)


@dataclass(frozen=True, slots=True)
class Scoring:
    """What a query ranks points by, and which; not how many, nor what to tell of them."""

    query: edge.Query
    filter: edge.Filter | None
    score_threshold: float | None
    params: edge.SearchParams | None

    def request(self, limit: int, offset: int = 0, **told: Any) -> edge.QueryRequest:
        """Return the engine's query; `told` is `with_payload` and `with_vector`."""
        return edge.QueryRequest(
            limit=limit,
            offset=offset,
            query=self.query,
            filter=self.filter,
            score_threshold=self.score_threshold,
            params=self.params,
            **told,
        )

    def among(self, restriction: edge.Filter) -> "Scoring":
        """Return the same of fewer points."""
        if self.filter is None:
            return replace(self, filter=restriction)
        return replace(self, filter=edge.Filter(must=[self.filter, restriction]))


def to_engine(
    message: grpc.QueryPoints, shard: edge.EdgeShard, dimensions: Dimensions
) -> edge.QueryRequest:
    """Return the engine's query.

    INVALID_ARGUMENT for what cannot be read, NOT_FOUND for a point named that is not
    there, UNIMPLEMENTED by name for what only the server has.
    """
    serve_only(message, _SERVED)
    scoring = _scored(message, shard, dimensions)
    with engine_errors():
        return scoring.request(
            message.limit if message.HasField("limit") else DEFAULT_LIMIT,
            message.offset,
            with_payload=points.payload_selector(message.with_payload),
            with_vector=points.vector_selector(message.with_vectors, dimensions),
        )


def grouped(
    message: grpc.QueryPointGroups, shard: edge.EdgeShard, dimensions: Dimensions
) -> Scoring:
    """Return what groups are ranked by; errors as those of `to_engine`."""
    serve_only(message, _SERVED_GROUPS)
    return _scored(message, shard, dimensions)


def _scored(
    message: grpc.QueryPoints | grpc.QueryPointGroups,
    shard: edge.EdgeShard,
    dimensions: Dimensions,
) -> Scoring:
    examples = Examples(shard, message.using, dimensions)
    with engine_errors():
        query = _scoring(message.query, message.using, examples)
        return Scoring(
            query,
            filters.excluding(filters.optional(message), examples.named),
            message.score_threshold if message.HasField("score_threshold") else None,
            _params(message.params) if message.HasField("params") else None,
        )


def _scoring(message: grpc.Query, using: str, examples: Examples) -> edge.Query:
    match message.WhichOneof("variant"):
        case "nearest":
            return edge.Query.Nearest(examples.vector(message.nearest), using=using)
        case "recommend":
            return edge.Query.Nearest(_recommended(message.recommend, examples), using=using)
        case None:
            raise unserved("QueryPoints without a query (scroll gives points by id)")
        case other:
            raise unserved(f"Query.{other}")


def _recommended(message: grpc.RecommendInput, examples: Examples) -> list[float]:
    if message.strategy != grpc.RecommendStrategy.AverageVector:
        raise unserved(f"RecommendStrategy.{grpc.RecommendStrategy.Name(message.strategy)}")
    positives = [examples.vector(example) for example in message.positive]
    negatives = [examples.vector(example) for example in message.negative]
    if not positives:
        raise bad_request("Positive vectors should not be empty with `average` strategy")
    return _average(positives, negatives)


def _average(positives: list[list[float]], negatives: list[list[float]]) -> list[float]:
    """Return avg(positive) + (avg(positive) - avg(negative)), the server's average_vector."""
    liked = _mean(positives)
    if not negatives:
        return liked
    return [2 * a - b for a, b in zip(liked, _mean(negatives), strict=True)]


def _mean(rows: list[list[float]]) -> list[float]:
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]


def _params(message: grpc.SearchParams) -> edge.SearchParams:
    serve_only(message, ("hnsw_ef", "exact", "quantization", "indexed_only"))
    quantization = None
    if message.HasField("quantization"):
        given = message.quantization
        quantization = edge.QuantizationSearchParams(
            ignore=given.ignore,
            rescore=given.rescore if given.HasField("rescore") else None,
            oversampling=given.oversampling if given.HasField("oversampling") else None,
        )
    return edge.SearchParams(
        hnsw_ef=message.hnsw_ef if message.HasField("hnsw_ef") else None,
        exact=message.exact,
        quantization=quantization,
        indexed_only=message.indexed_only,
    )

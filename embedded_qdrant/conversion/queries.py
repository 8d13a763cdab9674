"""Queries: nearest, "more like this" and recommend."""

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
_SERVED = (
    "collection_name",
    "query",
    "using",
    "filter",
    "params",
    "score_threshold",
    "limit",
    "offset",
    "with_payload",
    "with_vectors",
    "read_consistency",
    "timeout",
)


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


def to_engine(
    message: grpc.QueryPoints, shard: edge.EdgeShard, dimensions: Dimensions
) -> edge.QueryRequest:
    """Return the engine's query.

    INVALID_ARGUMENT for what cannot be read, NOT_FOUND for a point named that is not
    there, UNIMPLEMENTED by name for what only the server has.
    """
    serve_only(message, _SERVED)
    examples = Examples(shard, message.using, dimensions)
    with engine_errors():
        return edge.QueryRequest(
            limit=message.limit if message.HasField("limit") else DEFAULT_LIMIT,
            offset=message.offset,
            query=_scoring(message.query, message.using, examples),
            filter=filters.excluding(filters.optional(message), examples.named),
            score_threshold=message.score_threshold
            if message.HasField("score_threshold")
            else None,
            params=_params(message.params) if message.HasField("params") else None,
            with_payload=points.payload_selector(message.with_payload),
            with_vector=points.vector_selector(message.with_vectors, dimensions),
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
        raise bad_request("At least one positive vector ID required with this strategy")
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

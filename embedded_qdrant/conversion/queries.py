"""Queries: nearest, "more like this", recommend, or plain points under a filter."""

from typing import Any

import qdrant_edge as edge
from qdrant_client import grpc

from embedded_qdrant.conversion import filters, ids, points, vectors
from embedded_qdrant.conversion.vectors import Dimensions
from embedded_qdrant.errors import (
    bad_request,
    engine_errors,
    point_missing,
    unserved,
    wrong_input,
)

DEFAULT_LIMIT = 10


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
    if message.prefetch:
        raise unserved("QueryPoints.prefetch")
    if message.HasField("shard_key_selector"):
        raise unserved("QueryPoints.shard_key_selector")
    if message.HasField("lookup_from"):
        raise unserved("QueryPoints.lookup_from")
    examples = Examples(shard, message.using, dimensions)
    with engine_errors():
        scoring = _scoring(message.query, message.using, examples) if _asks(message) else None
        return edge.QueryRequest(
            limit=message.limit if message.HasField("limit") else DEFAULT_LIMIT,
            offset=message.offset,
            query=scoring,
            filter=filters.excluding(filters.optional(message), examples.named),
            score_threshold=message.score_threshold
            if message.HasField("score_threshold")
            else None,
            params=_params(message.params) if message.HasField("params") else None,
            with_payload=points.payload_selector(message.with_payload),
            with_vector=points.vector_selector(message.with_vectors, dimensions),
        )


def _asks(message: grpc.QueryPoints) -> bool:
    return message.HasField("query") and message.query.WhichOneof("variant") is not None


def _scoring(message: grpc.Query, using: str, examples: Examples) -> edge.Query:
    match message.WhichOneof("variant"):
        case "nearest":
            return edge.Query.Nearest(examples.vector(message.nearest), using=using)
        case "recommend":
            return _recommend(message.recommend, using, examples)
        case other:
            raise unserved(f"Query.{other}")


def _recommend(message: grpc.RecommendInput, using: str, examples: Examples) -> edge.Query:
    positives = [examples.vector(example) for example in message.positive]
    negatives = [examples.vector(example) for example in message.negative]
    if message.strategy == grpc.RecommendStrategy.AverageVector:
        if not positives:
            raise bad_request("At least one positive vector ID required with this strategy")
        return edge.Query.Nearest(_average(positives, negatives), using=using)
    if not positives and not negatives:
        raise bad_request("At least one positive or negative vector ID required with this strategy")
    query = edge.RecommendQuery([*positives], [*negatives])
    if message.strategy == grpc.RecommendStrategy.SumScores:
        return edge.Query.RecommendSumScores(query, using=using)
    return edge.Query.RecommendBestScore(query, using=using)


def _average(positives: list[list[float]], negatives: list[list[float]]) -> list[float]:
    """Return avg(positive) + (avg(positive) - avg(negative)), the server's average_vector."""
    liked = _mean(positives)
    if not negatives:
        return liked
    return [2 * a - b for a, b in zip(liked, _mean(negatives), strict=True)]


def _mean(rows: list[list[float]]) -> list[float]:
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]


def _params(message: grpc.SearchParams) -> edge.SearchParams:
    quantization = acorn = None
    if message.HasField("quantization"):
        given = message.quantization
        quantization = edge.QuantizationSearchParams(
            ignore=given.ignore,
            rescore=given.rescore if given.HasField("rescore") else None,
            oversampling=given.oversampling if given.HasField("oversampling") else None,
        )
    if message.HasField("acorn"):
        acorn = edge.AcornSearchParams(
            enable=message.acorn.enable,
            max_selectivity=message.acorn.max_selectivity
            if message.acorn.HasField("max_selectivity")
            else None,
        )
    if message.HasField("idf"):
        raise unserved("SearchParams.idf")
    return edge.SearchParams(
        hnsw_ef=message.hnsw_ef if message.HasField("hnsw_ef") else None,
        exact=message.exact,
        quantization=quantization,
        indexed_only=message.indexed_only,
        acorn=acorn,
    )

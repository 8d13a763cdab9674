"""Scrolls: points by id, or in the order of an indexed payload field."""

from typing import Any

import qdrant_edge as edge
from qdrant_client import grpc

from embedded_qdrant.conversion import filters, ids, points
from embedded_qdrant.conversion.vectors import Dimensions
from embedded_qdrant.errors import engine_errors, serve_only, wrong_input

DEFAULT_LIMIT = 10
_SERVED = (
    "collection_name",
    "filter",
    "offset",
    "limit",
    "with_payload",
    "with_vectors",
    "order_by",
    "read_consistency",
    "timeout",
)


def to_engine(message: grpc.ScrollPoints, dimensions: Dimensions) -> edge.ScrollRequest:
    """Return the engine's scroll; INVALID_ARGUMENT for what cannot be read."""
    serve_only(message, _SERVED)
    limit = message.limit if message.HasField("limit") else DEFAULT_LIMIT
    if limit < 1:
        raise wrong_input("limit must be 1 or larger")
    if message.HasField("order_by") and message.HasField("offset"):
        raise wrong_input(
            "Cannot use an `offset` when using `order_by`. Page by `order_by.start_from` and a "
            "filter that leaves out the points of that value which were seen"
        )
    with engine_errors():
        return edge.ScrollRequest(
            offset=ids.to_engine(message.offset) if message.HasField("offset") else None,
            limit=limit,
            filter=filters.optional(message),
            with_payload=points.payload_selector(message.with_payload),
            with_vector=points.vector_selector(message.with_vectors, dimensions),
            order_by=_order(message.order_by) if message.HasField("order_by") else None,
        )


def _order(message: grpc.OrderBy) -> edge.OrderBy:
    descending = message.direction == grpc.Direction.Desc
    return edge.OrderBy(
        message.key,
        edge.Direction.Desc if descending else edge.Direction.Asc,
        _start(message.start_from),
    )


def _start(message: grpc.StartFrom) -> Any:
    match message.WhichOneof("value"):
        case None:
            return None
        case "timestamp":
            return message.timestamp.ToJsonString()
        case kind:
            return getattr(message, kind)

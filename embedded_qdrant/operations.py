"""Write requests as the engine's operations.

A large request becomes several operations, so that queries are answered between them;
everything that can be wrong with it is found before the first of them is made. Only a vector's
name that is unknown lets a server write what comes before it, and so it is here.
"""

from collections.abc import Iterator
from typing import Any

import qdrant_edge as edge
from qdrant_client import grpc

from embedded_qdrant.conversion import filters, ids, indexes, points
from embedded_qdrant.conversion.vectors import Dimensions
from embedded_qdrant.errors import (
    UnknownVectorError,
    engine_errors,
    serve_only,
    unserved,
    wrong_input,
)
from sketchzoo.payload import read_payload

WriteRequest = (
    grpc.UpsertPoints
    | grpc.DeletePoints
    | grpc.SetPayloadPoints
    | grpc.DeletePayloadPoints
    | grpc.CreateFieldIndexCollection
)


class Overwrite:
    """A `SetPayloadPoints` that replaces the payload: Qdrant uses one message for both."""

    __slots__ = ("request",)

    def __init__(self, request: grpc.SetPayloadPoints) -> None:
        self.request = request


Write = WriteRequest | Overwrite
_SERVED = (
    "collection_name",
    "wait",
    "points",
    "payload",
    "keys",
    "points_selector",
    "ordering",
    "timeout",
)
_Operation = edge.UpdateOperation


def message_of(write: Write) -> WriteRequest:
    """Return the write's message."""
    return write.request if isinstance(write, Overwrite) else write


def points_of(write: Write) -> int:
    """Return how many points a write may leave without an index."""
    return len(write.points) if isinstance(write, grpc.UpsertPoints) else 0


def first_half(write: Write, error: UnknownVectorError) -> grpc.UpsertPoints:
    """Return what a server writes of an upsert before it fails; nothing of it raises the error."""
    if not isinstance(write, grpc.UpsertPoints) or not error.place:
        raise error
    half = grpc.UpsertPoints(collection_name=write.collection_name, wait=write.wait)
    half.points.extend(write.points[: error.place])
    return half


def to_engine(
    write: Write, dimensions: Dimensions, slice_points: int
) -> Iterator[edge.UpdateOperation]:
    """Make the operations of a write, at most `slice_points` upserted points in each.

    The write is in order when the last one has been made.
    """
    with engine_errors():
        if isinstance(write, grpc.CreateFieldIndexCollection):
            yield indexes.to_engine(write)
            return
        serve_only(message_of(write), _SERVED)
        match write:
            case grpc.UpsertPoints():
                yield from _upsert(write, dimensions, slice_points)
            case grpc.DeletePoints():
                yield _delete(write.points)
            case Overwrite(request=request):
                named = _named(request.points_selector)
                yield _Operation.overwrite_payload(named, read_payload(request.payload))
            case grpc.SetPayloadPoints():
                named = _named(write.points_selector)
                yield _Operation.set_payload(named, read_payload(write.payload))
            case grpc.DeletePayloadPoints():
                yield _Operation.delete_payload(_named(write.points_selector), list(write.keys))


def _upsert(
    request: grpc.UpsertPoints, dimensions: Dimensions, slice_points: int
) -> Iterator[edge.UpdateOperation]:
    for start in range(0, len(request.points), slice_points):
        part = request.points[start : start + slice_points]
        made = []
        for place, point in enumerate(part, start):
            try:
                made.append(points.to_engine(point, dimensions))
            except UnknownVectorError as error:
                error.place = place
                raise
        yield _Operation.upsert_points(made)


def _delete(selector: grpc.PointsSelector) -> edge.UpdateOperation:
    if selector.WhichOneof("points_selector_one_of") == "filter":
        return _Operation.delete_points_by_filter(filters.to_engine(selector.filter))
    return _Operation.delete_points(_named(selector))


def _named(selector: grpc.PointsSelector) -> Any:  # the engine's stubs ask for a wider list
    match selector.WhichOneof("points_selector_one_of"):
        case "points":
            return ids.all_to_engine(selector.points.ids)
        case "filter":
            raise unserved("points_selector.filter of payloads")
        case _:
            raise wrong_input("name the points: give `points` or `filter`")

"""Write requests as the engine's operations.

A large request becomes several operations, so that queries are answered between them;
everything that can be wrong with it is found before the first of them is made.
"""

from collections.abc import Iterator
from typing import Any

import qdrant_edge as edge
from qdrant_client import grpc

from embedded_qdrant.conversion import filters, ids, indexes, payloads, points
from embedded_qdrant.conversion.vectors import Dimensions
from embedded_qdrant.errors import engine_errors, unserved, wrong_input

WriteRequest = (
    grpc.UpsertPoints
    | grpc.DeletePoints
    | grpc.SetPayloadPoints
    | grpc.DeletePayloadPoints
    | grpc.ClearPayloadPoints
    | grpc.CreateFieldIndexCollection
    | grpc.DeleteFieldIndexCollection
)


class Overwrite:
    """A `SetPayloadPoints` that replaces the payload: Qdrant uses one message for both."""

    __slots__ = ("request",)

    def __init__(self, request: grpc.SetPayloadPoints) -> None:
        self.request = request


Write = WriteRequest | Overwrite
_MODES = {
    grpc.UpdateMode.Upsert: edge.UpdateMode.Upsert,
    grpc.UpdateMode.InsertOnly: edge.UpdateMode.InsertOnly,
    grpc.UpdateMode.UpdateOnly: edge.UpdateMode.UpdateOnly,
}
_Operation = edge.UpdateOperation


def message_of(write: Write) -> WriteRequest:
    """Return the write's message."""
    return write.request if isinstance(write, Overwrite) else write


def points_of(write: Write) -> int:
    """Return how many points a write may leave without an index."""
    return len(write.points) if isinstance(write, grpc.UpsertPoints) else 0


def to_engine(
    write: Write, dimensions: Dimensions, slice_points: int
) -> Iterator[edge.UpdateOperation]:
    """Make the operations of a write, at most `slice_points` upserted points in each.

    The write is in order when the last one has been made.
    """
    message = message_of(write)
    if not isinstance(
        message, grpc.CreateFieldIndexCollection | grpc.DeleteFieldIndexCollection
    ) and message.HasField("shard_key_selector"):
        raise unserved("shard_key_selector")
    with engine_errors():
        match write:
            case grpc.UpsertPoints():
                yield from _upsert(write, dimensions, slice_points)
            case grpc.DeletePoints():
                yield _delete(write.points)
            case Overwrite():
                yield _payload(write.request, overwrite=True)
            case grpc.SetPayloadPoints():
                yield _payload(write, overwrite=False)
            case grpc.DeletePayloadPoints():
                yield _delete_payload(write)
            case grpc.ClearPayloadPoints():
                yield _clear(write.points)
            case grpc.CreateFieldIndexCollection():
                yield indexes.to_engine(write)
            case grpc.DeleteFieldIndexCollection():
                yield _Operation.delete_field_index(write.field_name)


def _upsert(
    request: grpc.UpsertPoints, dimensions: Dimensions, slice_points: int
) -> Iterator[edge.UpdateOperation]:
    condition = None
    if request.HasField("update_filter"):
        condition = filters.to_engine(request.update_filter)
    mode = _MODES.get(request.update_mode)
    if mode is None:
        raise wrong_input("update_mode must be Upsert, InsertOnly or UpdateOnly")
    for start in range(0, len(request.points), slice_points):
        part = request.points[start : start + slice_points]
        yield _Operation.upsert_points(
            [points.to_engine(point, dimensions) for point in part],
            condition=condition,
            update_mode=mode,
        )


def _selected(selector: grpc.PointsSelector) -> list[ids.EngineId] | edge.Filter:
    match selector.WhichOneof("points_selector_one_of"):
        case "points":
            return ids.all_to_engine(selector.points.ids)
        case "filter":
            return filters.to_engine(selector.filter)
        case _:
            raise wrong_input("name the points: give `points` or `filter`")


def _delete(selector: grpc.PointsSelector) -> edge.UpdateOperation:
    selected = _selected(selector)
    if isinstance(selected, edge.Filter):
        return _Operation.delete_points_by_filter(selected)
    return _Operation.delete_points(_any(selected))


def _payload(request: grpc.SetPayloadPoints, *, overwrite: bool) -> edge.UpdateOperation:
    selected = _selected(request.points_selector)
    payload = payloads.to_engine(request.payload)
    key = request.key if request.HasField("key") else None
    if isinstance(selected, edge.Filter):
        if overwrite:
            return _Operation.overwrite_payload_by_filter(selected, payload, key)
        return _Operation.set_payload_by_filter(selected, payload, key)
    if overwrite:
        return _Operation.overwrite_payload(_any(selected), payload, key)
    return _Operation.set_payload(_any(selected), payload, key)


def _delete_payload(request: grpc.DeletePayloadPoints) -> edge.UpdateOperation:
    selected = _selected(request.points_selector)
    keys = list(request.keys)
    if isinstance(selected, edge.Filter):
        return _Operation.delete_payload_by_filter(selected, keys)
    return _Operation.delete_payload(_any(selected), keys)


def _clear(selector: grpc.PointsSelector) -> edge.UpdateOperation:
    selected = _selected(selector)
    if isinstance(selected, edge.Filter):
        return _Operation.clear_payload_by_filter(selected)
    return _Operation.clear_payload(_any(selected))


def _any(selected: list[ids.EngineId]) -> Any:
    # The engine's stubs ask for a list of a wider union; lists do not widen.
    return selected

"""Point ids: an unsigned 64-bit number or a UUID, in both worlds."""

from collections.abc import Iterable
from uuid import UUID

from qdrant_client import grpc

from embedded_qdrant.errors import wrong_input

EngineId = int | UUID


def to_engine(point_id: grpc.PointId) -> EngineId:
    """Return the engine's id; INVALID_ARGUMENT for a missing id or a text that is no UUID."""
    match point_id.WhichOneof("point_id_options"):
        case "num":
            return point_id.num
        case "uuid":
            try:
                return UUID(point_id.uuid)
            except ValueError as error:
                raise wrong_input(f"Unable to parse UUID: {point_id.uuid}") from error
        case _:
            raise wrong_input("Empty PointId: give `num` or `uuid`")


def all_to_engine(point_ids: Iterable[grpc.PointId]) -> list[EngineId]:
    """Return the engine's ids, in order."""
    return [to_engine(point_id) for point_id in point_ids]


def fill(message: grpc.PointId, point_id: object) -> None:
    """Write an id that the engine gave into its message."""
    if isinstance(point_id, int):
        message.num = point_id
    else:
        message.uuid = str(point_id)


def to_message(point_id: object) -> grpc.PointId:
    """Return the message of an id that the engine gave."""
    message = grpc.PointId()
    fill(message, point_id)
    return message

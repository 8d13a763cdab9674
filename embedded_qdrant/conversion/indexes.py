"""Payload field indexes: the kinds that the engine has."""

import qdrant_edge as edge
from qdrant_client import grpc

from embedded_qdrant.errors import engine_errors, serve_only, wrong_input

_NAMES = ("Keyword", "Integer", "Float", "Geo", "Text", "Bool", "Datetime", "Uuid")
_KINDS = {
    grpc.FieldType.Value(f"FieldType{name}"): getattr(edge.PayloadSchemaType, name)
    for name in _NAMES
}
_SCHEMA_TYPES = {
    getattr(edge.PayloadSchemaType, name): grpc.PayloadSchemaType.Value(name) for name in _NAMES
}
_SERVED = ("collection_name", "wait", "field_name", "field_type", "ordering", "timeout")


def to_engine(message: grpc.CreateFieldIndexCollection) -> edge.UpdateOperation:
    """Return the operation that makes the index; UNIMPLEMENTED names what it has not."""
    serve_only(message, _SERVED)
    if not message.field_name:
        raise wrong_input("field_name must name a payload field")
    if not message.HasField("field_type") or message.field_type not in _KINDS:
        raise wrong_input("field_type must be one of Qdrant's index types")
    with engine_errors():
        return edge.UpdateOperation.create_field_index(
            message.field_name, _KINDS[message.field_type]
        )


def described(index: "edge.PayloadIndexInfo") -> grpc.PayloadSchemaInfo:
    """Return an index's message."""
    return grpc.PayloadSchemaInfo(data_type=_SCHEMA_TYPES[index.data_type], points=index.points)

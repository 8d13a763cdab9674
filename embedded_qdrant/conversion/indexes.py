"""Payload field indexes: the kinds that the engine has, in memory or mapped from disk."""

from typing import Any

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
# What they are called in messages, and in the engine.
_MAPPED: dict[str, Any] = {
    "keyword_index_params": edge.KeywordIndexParams,
    "integer_index_params": edge.IntegerIndexParams,
    "float_index_params": edge.FloatIndexParams,
    "geo_index_params": edge.GeoIndexParams,
    "bool_index_params": edge.BoolIndexParams,
    "datetime_index_params": edge.DatetimeIndexParams,
}
_SERVED = (
    *("collection_name", "wait", "field_name", "field_type", "ordering", "timeout"),
    "field_index_params",
)
_SERVED_PARAMS = ("on_disk", "lookup", "range")


def to_engine(message: grpc.CreateFieldIndexCollection) -> edge.UpdateOperation:
    """Return the operation that makes the index; UNIMPLEMENTED names what it has not."""
    serve_only(message, _SERVED)
    if not message.field_name:
        raise wrong_input("field_name must name a payload field")
    if not message.HasField("field_type") or message.field_type not in _KINDS:
        raise wrong_input("field_type must be one of Qdrant's index types")
    with engine_errors():
        return edge.UpdateOperation.create_field_index(message.field_name, _schema(message))


def _schema(message: grpc.CreateFieldIndexCollection) -> Any:
    serve_only(message.field_index_params, _MAPPED)
    name = message.field_index_params.WhichOneof("index_params")
    kind = grpc.FieldType.Name(message.field_type).removeprefix("FieldType")
    if name is None:
        return _KINDS[message.field_type]
    if name != f"{kind.lower()}_index_params":
        raise wrong_input(f"field_index_params must be those of field_type {kind}")
    params: Any = getattr(message.field_index_params, name)
    serve_only(params, _SERVED_PARAMS)
    told: dict[str, Any] = {
        field.name: value for field, value in params.ListFields() if field.name != "on_disk"
    }
    if params.on_disk:
        # What a server does with `on_disk` would drop its pages whenever a segment is closed.
        told["memory"] = edge.Memory.Cached
    return _MAPPED[name](**told)


def described(index: "edge.PayloadIndexInfo") -> grpc.PayloadSchemaInfo:
    """Return an index's message."""
    info = grpc.PayloadSchemaInfo(data_type=_SCHEMA_TYPES[index.data_type], points=index.points)
    for name, kind in _MAPPED.items():
        if isinstance(index.params, kind):
            params: Any = getattr(info.params, name)
            params.SetInParent()
            if index.params.memory == edge.Memory.Cached:
                params.on_disk = True
    return info

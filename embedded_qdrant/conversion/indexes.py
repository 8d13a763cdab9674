"""Payload field indexes: the kinds and parameters that the engine has."""

from typing import Any

import qdrant_edge as edge
from qdrant_client import grpc

from embedded_qdrant.errors import engine_errors, unserved, wrong_input

_KINDS = {
    grpc.FieldType.FieldTypeKeyword: edge.PayloadSchemaType.Keyword,
    grpc.FieldType.FieldTypeInteger: edge.PayloadSchemaType.Integer,
    grpc.FieldType.FieldTypeFloat: edge.PayloadSchemaType.Float,
    grpc.FieldType.FieldTypeGeo: edge.PayloadSchemaType.Geo,
    grpc.FieldType.FieldTypeText: edge.PayloadSchemaType.Text,
    grpc.FieldType.FieldTypeBool: edge.PayloadSchemaType.Bool,
    grpc.FieldType.FieldTypeDatetime: edge.PayloadSchemaType.Datetime,
    grpc.FieldType.FieldTypeUuid: edge.PayloadSchemaType.Uuid,
}
_SCHEMA_TYPES = {
    edge.PayloadSchemaType.Keyword: grpc.PayloadSchemaType.Keyword,
    edge.PayloadSchemaType.Integer: grpc.PayloadSchemaType.Integer,
    edge.PayloadSchemaType.Float: grpc.PayloadSchemaType.Float,
    edge.PayloadSchemaType.Geo: grpc.PayloadSchemaType.Geo,
    edge.PayloadSchemaType.Text: grpc.PayloadSchemaType.Text,
    edge.PayloadSchemaType.Bool: grpc.PayloadSchemaType.Bool,
    edge.PayloadSchemaType.Datetime: grpc.PayloadSchemaType.Datetime,
    edge.PayloadSchemaType.Uuid: grpc.PayloadSchemaType.Uuid,
}
# The engine's class of each kind of parameters and the fields that pass to it as they are.
_PARAMS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "keyword_index_params": (edge.KeywordIndexParams, ("is_tenant", "on_disk", "enable_hnsw")),
    "integer_index_params": (
        edge.IntegerIndexParams,
        ("lookup", "range", "is_principal", "on_disk", "enable_hnsw"),
    ),
    "float_index_params": (edge.FloatIndexParams, ("is_principal", "on_disk", "enable_hnsw")),
    "geo_index_params": (edge.GeoIndexParams, ("on_disk", "enable_hnsw")),
    "bool_index_params": (edge.BoolIndexParams, ("on_disk", "enable_hnsw")),
    "datetime_index_params": (
        edge.DatetimeIndexParams,
        ("is_principal", "on_disk", "enable_hnsw"),
    ),
    "uuid_index_params": (edge.UuidIndexParams, ("is_tenant", "on_disk", "enable_hnsw")),
}


def to_engine(message: grpc.CreateFieldIndexCollection) -> edge.UpdateOperation:
    """Return the operation that makes the index; UNIMPLEMENTED names parameters it has not."""
    return edge_operation(message.field_name, _schema(message))


def edge_operation(field: str, schema: Any) -> edge.UpdateOperation:
    """Return the engine's operation for an index on `field`."""
    if not field:
        raise wrong_input("field_name must name a payload field")
    with engine_errors():
        return edge.UpdateOperation.create_field_index(field, schema)


def _schema(message: grpc.CreateFieldIndexCollection) -> Any:
    given = message.field_index_params.WhichOneof("index_params")
    if given is None:
        if message.field_type not in _KINDS or not message.HasField("field_type"):
            raise wrong_input("field_type must be one of Qdrant's index types")
        return _KINDS[message.field_type]
    if given not in _PARAMS:
        raise unserved(f"PayloadIndexParams.{given}")
    params = getattr(message.field_index_params, given)
    engine_params, fields = _PARAMS[given]
    present = {field.name: value for field, value in params.ListFields()}
    for name in present:
        if name not in fields:
            raise unserved(f"PayloadIndexParams.{given}.{name}")
    with engine_errors():
        return engine_params(**present)


def described(index: "edge.PayloadIndexInfo") -> grpc.PayloadSchemaInfo:
    """Return an index's message."""
    return grpc.PayloadSchemaInfo(data_type=_SCHEMA_TYPES[index.data_type], points=index.points)

"""Payloads: JSON objects, as Python values for the engine and as `Value` messages on the wire."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from qdrant_client import grpc

from embedded_qdrant.errors import wrong_input

_NULL = grpc.Value(null_value=grpc.NullValue.NULL_VALUE)


def to_engine(payload: Mapping[str, grpc.Value]) -> dict[str, Any]:
    """Return a payload as Python values; INVALID_ARGUMENT for numbers that JSON has not."""
    return {key: _python(value) for key, value in payload.items()}


def _python(value: grpc.Value) -> Any:
    kind = value.WhichOneof("kind")
    return None if kind is None else _PYTHON[kind](value)


def _finite(value: grpc.Value) -> float:
    if not math.isfinite(value.double_value):
        raise wrong_input("a payload number must be finite: JSON has no NaN or infinity")
    return value.double_value


_PYTHON: dict[str, Callable[[grpc.Value], Any]] = {
    "null_value": lambda _: None,
    "string_value": lambda v: v.string_value,
    "integer_value": lambda v: v.integer_value,
    "double_value": _finite,
    "bool_value": lambda v: v.bool_value,
    "struct_value": lambda v: to_engine(v.struct_value.fields),
    "list_value": lambda v: [_python(item) for item in v.list_value.values],
}


def to_message(payload: Mapping[str, Any] | None) -> dict[str, grpc.Value]:
    """Return a payload as messages, ready for a message's `payload` field."""
    return {} if not payload else {key: _value(value) for key, value in payload.items()}


def _value(value: Any) -> grpc.Value:
    return _VALUES[type(value)](value)


def _integer(value: int) -> grpc.Value:
    # JSON integers past int64 exist in the engine but not on the wire: as the server, a float.
    if -(2**63) <= value < 2**63:
        return grpc.Value(integer_value=value)
    return grpc.Value(double_value=float(value))


# By type: a chain of isinstance would be felt, this runs for every field of every hit.
_VALUES: dict[type, Callable[[Any], grpc.Value]] = {
    str: lambda v: grpc.Value(string_value=v),
    int: _integer,
    float: lambda v: grpc.Value(double_value=v),
    bool: lambda v: grpc.Value(bool_value=v),
    dict: lambda v: grpc.Value(struct_value=grpc.Struct(fields=to_message(v))),
    list: lambda v: grpc.Value(list_value=grpc.ListValue(values=[_value(item) for item in v])),
    type(None): lambda _: _NULL,
}

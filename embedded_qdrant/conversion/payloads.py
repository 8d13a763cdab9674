"""Payloads: JSON objects, as Python values for the engine and as `Value` messages on the wire."""

import math
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

from qdrant_client import grpc

from embedded_qdrant.errors import wrong_input


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


def fill(fields: MutableMapping[str, grpc.Value], payload: Mapping[str, Any] | None) -> None:
    """Write a payload into a message's `payload` field.

    In place, as every answer's message is made: each small message that is made by itself,
    copied and freed costs three times that, and now and then protobuf returns the freed
    memory to the system.
    """
    if payload:
        for key, value in payload.items():
            _SET[type(value)](fields[key], value)


def _set_string(message: grpc.Value, value: str) -> None:
    message.string_value = value


def _set_integer(message: grpc.Value, value: int) -> None:
    # JSON integers past int64 exist in the engine but not on the wire: as the server, a float.
    if -(2**63) <= value < 2**63:
        message.integer_value = value
    else:
        message.double_value = float(value)


def _set_double(message: grpc.Value, value: float) -> None:
    message.double_value = value


def _set_bool(message: grpc.Value, value: bool) -> None:  # noqa: FBT001 - a value, not a switch
    message.bool_value = value


def _set_struct(message: grpc.Value, value: Mapping[str, Any]) -> None:
    message.struct_value.SetInParent()  # an empty one is there, too
    fill(message.struct_value.fields, value)


def _set_list(message: grpc.Value, value: Sequence[Any]) -> None:
    message.list_value.SetInParent()
    for item in value:
        _SET[type(item)](message.list_value.values.add(), item)


def _set_null(message: grpc.Value, value: None) -> None:  # noqa: ARG001 - as the others
    message.null_value = grpc.NullValue.NULL_VALUE


# By type: a chain of isinstance would be felt, this runs for every field of every hit.
_SET: dict[type, Callable[[grpc.Value, Any], None]] = {
    str: _set_string,
    int: _set_integer,
    float: _set_double,
    bool: _set_bool,
    dict: _set_struct,
    list: _set_list,
    type(None): _set_null,
}

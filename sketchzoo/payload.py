"""Payloads: JSON objects, as Python values and as Qdrant's `Value` messages.

Both ends of the wire use it. By type and by kind, since a chain of tests would be felt: it
runs for every field of every hit.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# A message, or its map of strings to messages; whose generated class is no matter here.
Value = Any
Fields = Any


def read_payload(fields: Fields) -> dict[str, Any]:
    """Return what a message's map of fields holds; ValueError for numbers that JSON has not."""
    return {key: _read(value) for key, value in fields.items()}


def fill_payload(fields: Fields, payload: Mapping[str, Any] | None) -> None:
    """Write a payload into a message's map of fields.

    In place, as every answer's message is made: each small message that is made by itself,
    copied and freed costs three times that, and now and then protobuf returns the freed
    memory to the system.
    """
    if payload:
        for key, value in payload.items():
            _FILL[type(value)](fields[key], value)


def _read(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    return None if kind is None else _READ[kind](value)


def _finite(value: Value) -> float:
    number: float = value.double_value
    if not math.isfinite(number):
        raise ValueError("a payload number must be finite: JSON has no NaN or infinity")
    return number


_READ: dict[str, Callable[[Value], Any]] = {
    "null_value": lambda _: None,
    "string_value": lambda v: v.string_value,
    "integer_value": lambda v: v.integer_value,
    "double_value": _finite,
    "bool_value": lambda v: v.bool_value,
    "struct_value": lambda v: read_payload(v.struct_value.fields),
    "list_value": lambda v: [_read(item) for item in v.list_value.values],
}


def _fill_string(message: Value, value: str) -> None:
    message.string_value = value


def _fill_integer(message: Value, value: int) -> None:
    # JSON integers past int64 are not on the wire: as with Qdrant's server, a float.
    if -(2**63) <= value < 2**63:
        message.integer_value = value
    else:
        message.double_value = float(value)


def _fill_double(message: Value, value: float) -> None:
    message.double_value = value


def _fill_bool(message: Value, value: bool) -> None:  # noqa: FBT001 - a value, not a switch
    message.bool_value = value


def _fill_struct(message: Value, value: Mapping[str, Any]) -> None:
    message.struct_value.SetInParent()  # an empty one is there, too
    fill_payload(message.struct_value.fields, value)


def _fill_list(message: Value, value: Sequence[Any]) -> None:
    message.list_value.SetInParent()
    for item in value:
        _FILL[type(item)](message.list_value.values.add(), item)


def _fill_null(message: Value, value: None) -> None:  # noqa: ARG001 - as the others
    message.null_value = 0


_FILL: dict[type, Callable[[Value, Any], None]] = {
    str: _fill_string,
    int: _fill_integer,
    float: _fill_double,
    bool: _fill_bool,
    dict: _fill_struct,
    list: _fill_list,
    type(None): _fill_null,
}

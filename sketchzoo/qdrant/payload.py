"""Payloads: a point's JSON object as Qdrant's messages hold it, and back."""

from collections.abc import Callable, Mapping
from typing import Any

from qdrant_client import grpc as api


def fill_payload(fields: Any, payload: Mapping[str, Any]) -> None:
    """Write a JSON object into a message's `payload` or `fields`.

    Raises:
        TypeError: a value is none of JSON's.
        ValueError: a whole number has over 64 bits.

    """
    for key, value in payload.items():
        _fill(fields[key], value)


def read_payload(fields: Mapping[str, api.Value]) -> dict[str, Any]:
    """Return the JSON object of a message's `payload` or `fields`."""
    return {key: _read(value) for key, value in fields.items()}


def _fill(message: api.Value, value: Any) -> None:
    match value:
        case None:
            message.null_value = api.NullValue.NULL_VALUE
        case bool():
            message.bool_value = value
        case int():
            message.integer_value = value
        case float():
            message.double_value = value
        case str():
            message.string_value = value
        case Mapping():
            message.struct_value.SetInParent()
            fill_payload(message.struct_value.fields, value)
        case list() | tuple():
            message.list_value.SetInParent()
            for each in value:
                _fill(message.list_value.values.add(), each)
        case _:
            raise TypeError(f"a payload holds JSON values, not {type(value).__name__}")


def _read(value: api.Value) -> Any:
    kind = value.WhichOneof("kind")
    return None if kind is None else _VALUES[kind](value)


_VALUES: dict[str, Callable[[api.Value], Any]] = {
    "null_value": lambda _: None,
    "string_value": lambda v: v.string_value,
    "integer_value": lambda v: v.integer_value,
    "double_value": lambda v: v.double_value,
    "bool_value": lambda v: v.bool_value,
    "struct_value": lambda v: read_payload(v.struct_value.fields),
    "list_value": lambda v: [_read(item) for item in v.list_value.values],
}

"""Filters: the message that says which photos to consider, checked."""

import math
import re
from collections.abc import Sequence

from sketchzoo.class_names import composed
from sketchzoo.qdrant import FieldCondition, Filter
from sketchzoo.qdrant.filter import Value
from sketchzoo.rpc import invalid
from sketchzoo.search.v1 import search_pb2

MAX_VALUES = 1_000
MAX_CONDITIONS = 64
MAX_TEXT = 1_024
# Qdrant's own paths: `a.b`, `a[].b`; it has more, which no ingested photo needs.
_FIELD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_\-]*(\[\])?(\.[A-Za-z0-9_][A-Za-z0-9_\-]*(\[\])?)*")
_MAX_FIELD = 200


def parse_filter(message: search_pb2.Filter, path: str) -> Filter:
    """Check a filter; `path` is the message's own.

    Raises:
        CallError: INVALID_ARGUMENT, naming the field.

    """
    if len(message.fields) > MAX_CONDITIONS:
        raise invalid(f"{path}.fields", f"must be at most {MAX_CONDITIONS} conditions")
    return Filter(
        classes=_names(message.classes, f"{path}.classes"),
        excluded_classes=_names(message.excluded_classes, f"{path}.excluded_classes"),
        fields=tuple(
            _condition(condition, f"{path}.fields[{index}]")
            for index, condition in enumerate(message.fields)
        ),
    )


def _names(values: Sequence[str], path: str) -> tuple[str, ...]:
    if len(values) > MAX_VALUES:
        raise invalid(path, f"must be at most {MAX_VALUES:,} classes")
    for index, value in enumerate(values):
        if not 0 < len(value) <= MAX_TEXT:
            raise invalid(f"{path}[{index}]", f"must have 1 to {MAX_TEXT:,} characters")
    # As ingest writes them: however a caller's keyboard composes a letter, it is the same class.
    return tuple(map(composed, values))


def _condition(message: search_pb2.FieldCondition, path: str) -> FieldCondition:
    name = message.field
    if len(name) > _MAX_FIELD or not _FIELD.fullmatch(name):
        raise invalid(
            f"{path}.field", "must name a payload field, for instance licence or camera.iso"
        )
    match message.WhichOneof("condition"):
        case "equals":
            return FieldCondition(
                name, equals=_named(name, _value(message.equals, f"{path}.equals"))
            )
        case "in":
            # `in` is a keyword: the field is not an attribute.
            values = _values(getattr(message, "in"), f"{path}.in")
            return FieldCondition(name, one_of=tuple(_named(name, value) for value in values))
        case "range":
            return _range(name, message.range, f"{path}.range")
        case _:
            raise invalid(path, "must have one of equals, in and range")


def _named(field: str, value: Value) -> Value:
    return composed(value) if field == "class" and isinstance(value, str) else value


def _value(message: search_pb2.FieldValue, path: str) -> str | int | bool:
    match message.WhichOneof("kind"):
        case "string_value":
            if len(message.string_value) > MAX_TEXT:
                raise invalid(f"{path}.string_value", f"must have at most {MAX_TEXT:,} characters")
            return message.string_value
        case "int_value":
            return message.int_value
        case "bool_value":
            return message.bool_value
        case _:
            raise invalid(path, "must have one of string_value, int_value and bool_value")


def _values(message: search_pb2.FieldValues, path: str) -> tuple[str | int | bool, ...]:
    if not 1 <= len(message.values) <= MAX_VALUES:
        raise invalid(f"{path}.values", f"must be 1 to {MAX_VALUES:,} values")
    kinds = {value.WhichOneof("kind") for value in message.values}
    if len(kinds) != 1 or not kinds <= {"string_value", "int_value"}:
        raise invalid(f"{path}.values", "must all have string_value, or all int_value")
    return tuple(
        _value(value, f"{path}.values[{index}]") for index, value in enumerate(message.values)
    )


def _range(name: str, message: search_pb2.FieldRange, path: str) -> FieldCondition:
    bounds = {
        bound: float(getattr(message, bound))
        for bound in ("gt", "gte", "lt", "lte")
        if message.HasField(bound)
    }
    if not bounds:
        raise invalid(path, "must have at least one of gt, gte, lt and lte")
    for bound, value in bounds.items():
        if not math.isfinite(value):
            raise invalid(f"{path}.{bound}", "must be a finite number")
    return FieldCondition(
        name,
        gt=bounds.get("gt"),
        gte=bounds.get("gte"),
        lt=bounds.get("lt"),
        lte=bounds.get("lte"),
    )

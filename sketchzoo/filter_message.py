"""Filters: the message that says which photos to consider, checked."""

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Any

from google.protobuf.message import Message

from sketchzoo.class_names import composed
from sketchzoo.qdrant import (
    AnyOf,
    FieldCondition,
    Filter,
    GeoBoundingBox,
    GeoPoint,
    GeoRadius,
    Range,
)
from sketchzoo.qdrant.filter import Test, Value
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
        folders=_folders(message.folders, f"{path}.folders"),
        seen_classes=_names(message.seen_classes, f"{path}.seen_classes"),
    )


def _folders(values: Sequence[str], path: str) -> tuple[str, ...]:
    if len(values) > MAX_VALUES:
        raise invalid(path, f"must be at most {MAX_VALUES:,} folders")
    folders = tuple(value.strip("/") for value in values)
    for index, folder in enumerate(folders):
        if not 0 < len(folder) <= MAX_TEXT:
            raise invalid(f"{path}[{index}]", f"must have 1 to {MAX_TEXT:,} characters beside /")
    return folders


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
            f"{path}.field", "must name a payload field, for instance licence or lens.maker"
        )
    kind = message.WhichOneof("condition")
    if kind is None:
        raise invalid(path, f"must have one of {', '.join(_TESTS)}")
    # `in` is a keyword: the field is not an attribute.
    test = _TESTS[kind](getattr(message, kind), f"{path}.{kind}")
    return FieldCondition(name, _composed(test) if name == "class" else test)


def _composed(test: Test) -> Test:
    match test:
        case str():
            return composed(test)
        case AnyOf():
            return AnyOf(tuple(_composed(value) for value in test.values))  # type: ignore[arg-type] # all of one type
        case _:
            return test


def _value(message: search_pb2.FieldValue, path: str) -> Value:
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


def _values(message: search_pb2.FieldValues, path: str) -> AnyOf:
    if not 1 <= len(message.values) <= MAX_VALUES:
        raise invalid(f"{path}.values", f"must be 1 to {MAX_VALUES:,} values")
    kinds = {value.WhichOneof("kind") for value in message.values}
    if len(kinds) != 1 or not kinds <= {"string_value", "int_value"}:
        raise invalid(f"{path}.values", "must all have string_value, or all int_value")
    values = (_value(value, f"{path}.values[{i}]") for i, value in enumerate(message.values))
    return AnyOf(tuple(values))  # type: ignore[arg-type] # all of one type, as just seen


def _range(message: search_pb2.FieldRange, path: str) -> Range:
    bounds = _bounds(message, path)
    for name, value in bounds.items():
        if not math.isfinite(value):
            raise invalid(f"{path}.{name}", "must be a finite number")
    return Range(**bounds)


def _datetime_range(message: search_pb2.DatetimeRange, path: str) -> Range:
    bounds = _bounds(message, path)
    for name, value in bounds.items():
        try:
            bounds[name] = value.ToDatetime(UTC)
        except (ValueError, OverflowError) as error:
            raise invalid(f"{path}.{name}", "must be a time of the years 1 to 9999") from error
    return Range(**bounds)


def _bounds(message: Message, path: str) -> dict[str, Any]:
    bounds = {each.name: value for each, value in message.ListFields()}
    if not bounds:
        raise invalid(path, "must have at least one of gt, gte, lt and lte")
    return bounds


def _radius(message: search_pb2.GeoRadius, path: str) -> GeoRadius:
    center = _point(message, "center", path)
    if not (message.radius > 0 and math.isfinite(message.radius)):
        raise invalid(f"{path}.radius", "must be above 0 metres")
    return GeoRadius(center, message.radius)


def _box(message: search_pb2.GeoBoundingBox, path: str) -> GeoBoundingBox:
    corners = _point(message, "top_left", path), _point(message, "bottom_right", path)
    try:
        return GeoBoundingBox(*corners)
    except ValueError as error:
        raise invalid(f"{path}.top_left", "must lie north of bottom_right") from error


def _point(
    message: search_pb2.GeoRadius | search_pb2.GeoBoundingBox, name: str, path: str
) -> GeoPoint:
    point = getattr(message, name)
    try:
        return GeoPoint(point.lat, point.lon)
    except ValueError as error:
        raise invalid(f"{path}.{name}", "must have lat -90 to 90 and lon -180 to 180") from error


_TESTS: dict[str, Callable[[Any, str], Test]] = {
    "equals": _value,
    "in": _values,
    "range": _range,
    "datetime_range": _datetime_range,
    "geo_radius": _radius,
    "geo_bounding_box": _box,
}

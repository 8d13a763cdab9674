"""Conditions: which photos a search considers, and the message that says so."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from sketchzoo.client import arguments
from sketchzoo.client.places import GeoBoundingBox, GeoPoint, GeoRadius
from sketchzoo.search.v1 import search_pb2

Value: TypeAlias = str | int | bool
_WHOLE = 2**63
_BOUNDS = ("gt", "gte", "lt", "lte")


@dataclass(frozen=True, slots=True)
class Range:
    """An interval of numbers or a span of times; at least one bound is given, all of one kind.

    A time without a zone counts as UTC, as those of cameras do.
    """

    gt: float | datetime | None = None
    gte: float | datetime | None = None
    lt: float | datetime | None = None
    lte: float | datetime | None = None

    def __post_init__(self) -> None:
        given = self.bounds
        if not given:
            raise ValueError("a Range needs at least one of gt, gte, lt and lte")
        times = [isinstance(bound, datetime) for bound in given.values()]
        if any(times) and not all(times):
            raise TypeError("a Range's bounds must be all numbers or all datetimes")
        for name, bound in given.items():
            object.__setattr__(self, name, _bound(f"Range's {name}", bound))

    @property
    def bounds(self) -> dict[str, Any]:
        """The bounds given, by name."""
        each = {name: getattr(self, name) for name in _BOUNDS}
        return {name: bound for name, bound in each.items() if bound is not None}


Condition: TypeAlias = Value | Sequence[str] | Sequence[int] | Range | GeoRadius | GeoBoundingBox
"""What a payload field is compared with."""
_Checked: TypeAlias = Value | tuple[Value, ...] | Range | GeoRadius | GeoBoundingBox


def _bound(name: str, bound: Any) -> float | datetime:
    if not isinstance(bound, datetime):
        return arguments.number(name, bound)
    return bound if bound.tzinfo is not None else bound.replace(tzinfo=UTC)


def conditions(where: Any) -> Mapping[str, _Checked]:
    """Check the conditions on payload fields; None are none."""
    if where is None:
        return {}
    if not isinstance(where, Mapping):
        raise TypeError(
            'where must be a dict of conditions, for instance {"year": 1999}, not '
            f"{type(where).__name__}"
        )
    return {
        arguments.text("where's field", name): _wanted(f"where[{name!r}]", wanted)
        for name, wanted in where.items()
    }


def filter_message(
    classes: Sequence[str] | None = (),
    excluded_classes: Sequence[str] | None = (),
    where: Mapping[str, Condition] | None = None,
    folders: Sequence[str] | None = (),
    seen_classes: Sequence[str] | None = (),
) -> search_pb2.Filter | None:
    """Return a filter's message, None for no condition at all."""
    message = search_pb2.Filter(
        classes=arguments.texts("classes", classes),
        excluded_classes=arguments.texts("excluded_classes", excluded_classes),
        folders=arguments.texts("folders", folders),
        seen_classes=arguments.texts("seen_classes", seen_classes),
    )
    for name, wanted in conditions(where).items():
        _fill(message.fields.add(field=name), wanted)
    return message if message.ByteSize() else None


def _wanted(name: str, wanted: Any) -> _Checked:
    if isinstance(wanted, Range | GeoRadius | GeoBoundingBox):
        return wanted
    if isinstance(wanted, Iterable) and not isinstance(wanted, str | bytes | bytearray | Mapping):
        return tuple(_value(name, value) for value in wanted)
    return _value(name, wanted)


def _value(name: str, value: Any) -> Value:
    # NumPy's bool is none of Python's.
    if isinstance(value, bool) or getattr(value, "dtype", None) == "bool":
        return bool(value)
    if isinstance(value, str):
        return arguments.text(name, value)
    if hasattr(value, "__index__"):
        return arguments.whole(name, value, -_WHOLE, _WHOLE - 1)
    raise TypeError(
        f"{name} must be a string, a whole number, a boolean or a list of them, a Range for "
        f"numbers with a point and for times, or an area, not {type(value).__name__}"
    )


def _fill(condition: search_pb2.FieldCondition, wanted: _Checked) -> None:
    match wanted:
        case Range():
            _fill_range(condition, wanted)
        case GeoRadius():
            _fill_point(condition.geo_radius.center, wanted.center)
            condition.geo_radius.radius = wanted.radius
        case GeoBoundingBox():
            _fill_point(condition.geo_bounding_box.top_left, wanted.top_left)
            _fill_point(condition.geo_bounding_box.bottom_right, wanted.bottom_right)
        case tuple():
            values = search_pb2.FieldValues(values=[_message(value) for value in wanted])
            # `in` is a keyword of Python's.
            getattr(condition, "in").CopyFrom(values)
        case _:
            condition.equals.CopyFrom(_message(wanted))


def _fill_range(condition: search_pb2.FieldCondition, wanted: Range) -> None:
    for name, bound in wanted.bounds.items():
        if isinstance(bound, datetime):
            getattr(condition.datetime_range, name).FromDatetime(bound)
        else:
            setattr(condition.range, name, bound)


def _fill_point(message: search_pb2.GeoPoint, point: GeoPoint) -> None:
    # Named even where both are 0, off Africa: a field that is left alone is not sent.
    message.SetInParent()
    message.lat, message.lon = point.lat, point.lon


def _message(value: Value) -> search_pb2.FieldValue:
    # A bool is an int of Python's: asked first.
    if isinstance(value, bool):
        return search_pb2.FieldValue(bool_value=value)
    if isinstance(value, int):
        return search_pb2.FieldValue(int_value=value)
    return search_pb2.FieldValue(string_value=value)

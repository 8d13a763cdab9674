"""Filters: which photos to consider, and the Qdrant filter that says so."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from qdrant_client import grpc as api

from sketchzoo.qdrant.photo import GeoPoint

Value = str | int | bool


@dataclass(frozen=True, slots=True)
class Range:
    """An interval of numbers, or a span of times with zones; at least one bound is given."""

    gt: float | datetime | None = None
    gte: float | datetime | None = None
    lt: float | datetime | None = None
    lte: float | datetime | None = None

    def __post_init__(self) -> None:
        kinds = {isinstance(bound, datetime) for bound in self.bounds.values()}
        if len(kinds) != 1:
            raise ValueError("give at least one bound of gt, gte, lt and lte, all of one kind")

    @property
    def bounds(self) -> dict[str, float | datetime]:
        """The bounds given, by name."""
        each = {name: getattr(self, name) for name in ("gt", "gte", "lt", "lte")}
        return {name: bound for name, bound in each.items() if bound is not None}


@dataclass(frozen=True, slots=True)
class GeoRadius:
    """The area within `radius` metres of a place."""

    center: GeoPoint
    radius: float

    def __post_init__(self) -> None:
        if not self.radius > 0:
            raise ValueError(f"radius must be above 0 metres, not {self.radius}")


@dataclass(frozen=True, slots=True)
class GeoBoundingBox:
    """The area between two corners; it crosses the 180th meridian where right is west of left."""

    top_left: GeoPoint
    bottom_right: GeoPoint

    def __post_init__(self) -> None:
        if self.top_left.lat < self.bottom_right.lat:
            raise ValueError("top_left must lie north of bottom_right")


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of several strings, or of several whole numbers."""

    values: tuple[str, ...] | tuple[int, ...]

    def __post_init__(self) -> None:
        kinds = {type(value) for value in self.values}
        if kinds not in ({str}, {int}):
            raise ValueError("give one or more strings, or one or more whole numbers")


Test = Value | AnyOf | Range | GeoRadius | GeoBoundingBox
"""What a payload field is compared with."""


@dataclass(frozen=True, slots=True)
class FieldCondition:
    """Holds for photos whose payload field equals a value, or lies in a set, a range or an area."""

    field: str
    test: Test

    def __post_init__(self) -> None:
        if not self.field:
            raise ValueError("field must name a payload field")

    def fill(self, message: api.FieldCondition) -> None:
        """Write the condition into Qdrant's message."""
        message.key = self.field
        _FILL[type(self.test)](message, self.test)


@dataclass(frozen=True, slots=True)
class Filter:
    """Holds for photos that meet all of its parts; an empty one holds for every photo.

    Of one of `classes` (named by people) and none of `excluded_classes`, seen by the model
    as one of `seen_classes`, in one of `folders` or below, and as `fields` say.
    """

    classes: tuple[str, ...] = ()
    excluded_classes: tuple[str, ...] = ()
    fields: tuple[FieldCondition, ...] = ()
    folders: tuple[str, ...] = ()
    seen_classes: tuple[str, ...] = ()

    def fill(self, message: api.Filter, *, excluded_ids: Sequence[str] = ()) -> None:
        """Write the filter into Qdrant's message; it stays empty where it holds for every photo."""
        for field, values in (
            ("class", self.classes),
            ("folders", self.folders),
            ("seen_class", self.seen_classes),
        ):
            if values:
                FieldCondition(field, AnyOf(values)).fill(message.must.add().field)
        for condition in self.fields:
            condition.fill(message.must.add().field)
        if self.excluded_classes:
            excluded = FieldCondition("class", AnyOf(self.excluded_classes))
            excluded.fill(message.must_not.add().field)
        if excluded_ids:
            ids = message.must_not.add().has_id.has_id
            for photo_id in excluded_ids:
                ids.add().uuid = photo_id


def _fill_string(message: api.FieldCondition, value: str) -> None:
    message.match.keyword = value


def _fill_integer(message: api.FieldCondition, value: int) -> None:
    message.match.integer = value


def _fill_boolean(message: api.FieldCondition, value: bool) -> None:  # noqa: FBT001 - a value
    message.match.boolean = value


def _fill_any(message: api.FieldCondition, wanted: AnyOf) -> None:
    for value in wanted.values:
        if isinstance(value, str):
            message.match.keywords.strings.append(value)
        else:
            message.match.integers.integers.append(value)


def _fill_range(message: api.FieldCondition, wanted: Range) -> None:
    for name, bound in wanted.bounds.items():
        if isinstance(bound, datetime):
            getattr(message.datetime_range, name).FromDatetime(bound)
        else:
            setattr(message.range, name, bound)


def _fill_radius(message: api.FieldCondition, wanted: GeoRadius) -> None:
    _fill_point(message.geo_radius.center, wanted.center)
    message.geo_radius.radius = wanted.radius


def _fill_box(message: api.FieldCondition, wanted: GeoBoundingBox) -> None:
    _fill_point(message.geo_bounding_box.top_left, wanted.top_left)
    _fill_point(message.geo_bounding_box.bottom_right, wanted.bottom_right)


def _fill_point(message: api.GeoPoint, point: GeoPoint) -> None:
    message.lat, message.lon = point.lat, point.lon


_FILL: dict[type, Callable[..., None]] = {
    str: _fill_string,
    int: _fill_integer,
    bool: _fill_boolean,
    AnyOf: _fill_any,
    Range: _fill_range,
    GeoRadius: _fill_radius,
    GeoBoundingBox: _fill_box,
}

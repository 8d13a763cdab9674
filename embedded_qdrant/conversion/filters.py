"""Filters: conditions on fields and ids, and what combines them."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import qdrant_edge as edge
from qdrant_client import grpc

from embedded_qdrant.conversion import ids
from embedded_qdrant.errors import engine_errors, serve_only, unserved, wrong_input


def to_engine(message: grpc.Filter) -> edge.Filter:
    """Return the engine's filter; INVALID_ARGUMENT for malformed conditions."""
    with engine_errors():
        return _filter(message)


def optional(
    owner: grpc.QueryPoints
    | grpc.QueryPointGroups
    | grpc.ScrollPoints
    | grpc.CountPoints
    | grpc.FacetCounts,
) -> edge.Filter | None:
    """Return the filter of a message that may have one."""
    return to_engine(owner.filter) if owner.HasField("filter") else None


def excluding(given: edge.Filter | None, point_ids: Iterable[ids.EngineId]) -> edge.Filter | None:
    """Return `given` without the points of `point_ids`."""
    excluded: set[edge.PointId] = {*point_ids}
    if not excluded:
        return given
    return edge.Filter(
        must=None if given is None else [given], must_not=[edge.HasIdCondition(excluded)]
    )


def _filter(message: grpc.Filter) -> edge.Filter:
    serve_only(message, ("must", "should", "must_not"))
    return edge.Filter(
        must=_conditions(message.must),
        should=_conditions(message.should),
        must_not=_conditions(message.must_not),
    )


def _conditions(messages: Iterable[grpc.Condition]) -> "list[edge.ConditionType] | None":
    return [_condition(message) for message in messages] or None


def _condition(message: grpc.Condition) -> "edge.ConditionType":
    kind = message.WhichOneof("condition_one_of")
    if kind is None:
        raise wrong_input("a filter's condition is empty")
    if kind not in _CONDITIONS:
        raise unserved(f"Condition.{kind}")
    return _CONDITIONS[kind](message)


def _field(message: grpc.Condition) -> edge.FieldCondition:
    condition = message.field
    serve_only(condition, ("key", *_FIELDS))
    for name, make in _FIELDS.items():
        if condition.HasField(name):
            asked: dict[str, Any] = {name.removeprefix("datetime_"): make(condition)}
            return edge.FieldCondition(key=condition.key, **asked)
    raise wrong_input(f"the condition on field `{condition.key}` says nothing")


def _match(message: grpc.FieldCondition) -> "edge.MatchType":
    kind = message.match.WhichOneof("match_value")
    if kind is None:
        raise wrong_input("a filter's match is empty")
    if kind not in _MATCHES:
        raise unserved(f"Match.{kind}")
    return _MATCHES[kind](message.match)


def _range(message: grpc.FieldCondition) -> edge.RangeFloat:
    given = message.range
    return edge.RangeFloat(
        gte=given.gte if given.HasField("gte") else None,
        gt=given.gt if given.HasField("gt") else None,
        lte=given.lte if given.HasField("lte") else None,
        lt=given.lt if given.HasField("lt") else None,
    )


def _datetime_range(message: grpc.FieldCondition) -> edge.RangeDateTime:
    given = message.datetime_range
    return edge.RangeDateTime(
        gte=given.gte.ToJsonString() if given.HasField("gte") else None,
        gt=given.gt.ToJsonString() if given.HasField("gt") else None,
        lte=given.lte.ToJsonString() if given.HasField("lte") else None,
        lt=given.lt.ToJsonString() if given.HasField("lt") else None,
    )


def _bounding_box(message: grpc.FieldCondition) -> edge.GeoBoundingBox:
    box = message.geo_bounding_box
    return edge.GeoBoundingBox(_place(box.top_left), _place(box.bottom_right))


def _radius(message: grpc.FieldCondition) -> edge.GeoRadius:
    return edge.GeoRadius(_place(message.geo_radius.center), message.geo_radius.radius)


def _place(message: grpc.GeoPoint) -> edge.GeoPoint:
    return edge.GeoPoint(message.lon, message.lat)


_CONDITIONS: dict[str, Callable[[grpc.Condition], "edge.ConditionType"]] = {
    "field": _field,
    "is_empty": lambda c: edge.IsEmptyCondition(c.is_empty.key),
    "is_null": lambda c: edge.IsNullCondition(c.is_null.key),
    "has_id": lambda c: edge.HasIdCondition({*ids.all_to_engine(c.has_id.has_id)}),
    "filter": lambda c: _filter(c.filter),
}
_FIELDS: dict[Any, Callable[[grpc.FieldCondition], Any]] = {
    "match": _match,
    "range": _range,
    "datetime_range": _datetime_range,
    "geo_bounding_box": _bounding_box,
    "geo_radius": _radius,
}
_MATCHES: dict[str, Callable[[grpc.Match], "edge.MatchType"]] = {
    "keyword": lambda m: edge.MatchValue(m.keyword),
    "integer": lambda m: edge.MatchValue(m.integer),
    # The engine takes Python's bool, which is an int, for a number; NumPy's is none.
    "boolean": lambda m: edge.MatchValue(np.bool_(m.boolean)),  # type: ignore[arg-type] # its stubs know bool only
    "keywords": lambda m: edge.MatchAny(list(m.keywords.strings)),
    "integers": lambda m: edge.MatchAny(list(m.integers.integers)),
    "text": lambda m: edge.MatchText(m.text),
    "prefix": lambda m: edge.MatchPrefix(m.prefix),
}

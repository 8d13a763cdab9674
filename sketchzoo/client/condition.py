"""Conditions: which photos a search considers, and the message that says so."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sketchzoo.client import arguments
from sketchzoo.search.v1 import search_pb2

Value: TypeAlias = str | int | bool
_WHOLE = 2**63


@dataclass(frozen=True, slots=True)
class Range:
    """An interval of numbers; at least one bound is given."""

    gt: float | None = None
    gte: float | None = None
    lt: float | None = None
    lte: float | None = None

    def __post_init__(self) -> None:
        given = {name: getattr(self, name) for name in ("gt", "gte", "lt", "lte")}
        if all(bound is None for bound in given.values()):
            raise ValueError("a Range needs at least one of gt, gte, lt and lte")
        for name, bound in given.items():
            if bound is not None:
                object.__setattr__(self, name, arguments.number(f"Range's {name}", bound))


def conditions(where: Any) -> Mapping[str, Value | tuple[Value, ...] | Range]:
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
    classes: Sequence[str] | None,
    excluded_classes: Sequence[str] | None,
    where: Mapping[str, Any] | None,
) -> search_pb2.Filter | None:
    """Return a filter's message, None for no condition at all."""
    message = search_pb2.Filter(
        classes=arguments.texts("classes", classes),
        excluded_classes=arguments.texts("excluded_classes", excluded_classes),
        fields=[_condition(name, wanted) for name, wanted in conditions(where).items()],
    )
    return message if message.ByteSize() else None


def _wanted(name: str, wanted: Any) -> Value | tuple[Value, ...] | Range:
    if isinstance(wanted, Range):
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
        f"{name} must be a string, a whole number, a boolean or a list of them, or a Range for "
        f"numbers with a point, not {type(value).__name__}"
    )


def _condition(name: str, wanted: Value | tuple[Value, ...] | Range) -> search_pb2.FieldCondition:
    condition = search_pb2.FieldCondition(field=name)
    if isinstance(wanted, Range):
        bounds = search_pb2.FieldRange(gt=wanted.gt, gte=wanted.gte, lt=wanted.lt, lte=wanted.lte)
        condition.range.CopyFrom(bounds)
    elif isinstance(wanted, tuple):
        values = search_pb2.FieldValues(values=[_message(value) for value in wanted])
        # `in` is a keyword of Python's.
        getattr(condition, "in").CopyFrom(values)
    else:
        condition.equals.CopyFrom(_message(wanted))
    return condition


def _message(value: Value) -> search_pb2.FieldValue:
    # A bool is an int of Python's: asked first.
    if isinstance(value, bool):
        return search_pb2.FieldValue(bool_value=value)
    if isinstance(value, int):
        return search_pb2.FieldValue(int_value=value)
    return search_pb2.FieldValue(string_value=value)

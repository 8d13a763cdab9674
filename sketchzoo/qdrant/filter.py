"""Filters: which photos to consider, and the Qdrant filter that says so."""

from collections.abc import Sequence
from dataclasses import dataclass

from qdrant_client import grpc as api

Value = str | int | bool


@dataclass(frozen=True, slots=True)
class FieldCondition:
    """Holds for photos whose payload field equals a value, is one of several, or lies in a range.

    Exactly one of `equals`, `one_of` and the range's bounds is given.
    """

    field: str
    equals: Value | None = None
    one_of: tuple[Value, ...] = ()
    gt: float | None = None
    gte: float | None = None
    lt: float | None = None
    lte: float | None = None

    def __post_init__(self) -> None:
        if not self.field:
            raise ValueError("field must name a payload field")
        kinds = (self.equals is not None, bool(self.one_of), self.has_range)
        if sum(kinds) != 1:
            raise ValueError(f"{self.field}: give one of equals, one_of and a range")
        if len({type(value) for value in self.one_of}) > 1:
            raise ValueError(f"{self.field}: one_of must hold values of one type")
        if any(isinstance(value, bool) for value in self.one_of):
            raise ValueError(f"{self.field}: one_of takes strings or whole numbers")

    @property
    def has_range(self) -> bool:
        """Whether a bound is given."""
        return any(bound is not None for bound in (self.gt, self.gte, self.lt, self.lte))

    def fill(self, message: api.FieldCondition) -> None:
        """Write the condition into Qdrant's message."""
        message.key = self.field
        if self.has_range:
            message.range.SetInParent()
            for name in ("gt", "gte", "lt", "lte"):
                if (bound := getattr(self, name)) is not None:
                    setattr(message.range, name, bound)
        elif self.one_of:
            _fill_any(message.match, self.one_of)
        elif isinstance(self.equals, bool):
            message.match.boolean = self.equals
        elif isinstance(self.equals, int):
            message.match.integer = self.equals
        elif self.equals is not None:
            message.match.keyword = self.equals


@dataclass(frozen=True, slots=True)
class Filter:
    """Holds for photos of one of `classes`, of none of `excluded_classes`, that meet `fields`."""

    classes: tuple[str, ...] = ()
    excluded_classes: tuple[str, ...] = ()
    fields: tuple[FieldCondition, ...] = ()

    def fill(self, message: api.Filter, *, excluded_ids: Sequence[str] = ()) -> None:
        """Write the filter into Qdrant's message; it stays empty where it holds for every photo."""
        if self.classes:
            _fill_classes(message.must.add().field, self.classes)
        for condition in self.fields:
            condition.fill(message.must.add().field)
        if self.excluded_classes:
            _fill_classes(message.must_not.add().field, self.excluded_classes)
        if excluded_ids:
            ids = message.must_not.add().has_id.has_id
            for photo_id in excluded_ids:
                ids.add().uuid = photo_id


def _fill_classes(message: api.FieldCondition, classes: tuple[str, ...]) -> None:
    message.key = "class"
    _fill_any(message.match, classes)


def _fill_any(match: api.Match, values: tuple[Value, ...]) -> None:
    # All of one type, as `FieldCondition` sees to.
    if strings := [value for value in values if isinstance(value, str)]:
        match.keywords.strings.extend(strings)
    else:
        match.integers.integers.extend(int(value) for value in values)

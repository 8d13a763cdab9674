"""Filters: which photos to consider, and the Qdrant filter that says so."""

from collections.abc import Sequence
from dataclasses import dataclass

from qdrant_client import models

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

    def to_qdrant(self) -> models.FieldCondition:
        """Return the condition as Qdrant takes it."""
        if self.has_range:
            bounds = models.Range(gt=self.gt, gte=self.gte, lt=self.lt, lte=self.lte)
            return models.FieldCondition(key=self.field, range=bounds)
        match: models.Match
        if self.equals is not None:
            match = models.MatchValue(value=self.equals)
        else:
            match = models.MatchAny(any=list(self.one_of))
        return models.FieldCondition(key=self.field, match=match)


@dataclass(frozen=True, slots=True)
class Filter:
    """Holds for photos of one of `classes`, of none of `excluded_classes`, that meet `fields`."""

    classes: tuple[str, ...] = ()
    excluded_classes: tuple[str, ...] = ()
    fields: tuple[FieldCondition, ...] = ()

    def to_qdrant(self, *, excluded_ids: Sequence[str] = ()) -> models.Filter | None:
        """Return the filter as Qdrant takes it; None where it would hold for every photo."""
        must: list[models.Condition] = [condition.to_qdrant() for condition in self.fields]
        must_not: list[models.Condition] = []
        if self.classes:
            must.insert(0, _is_one_of(self.classes))
        if self.excluded_classes:
            must_not.append(_is_one_of(self.excluded_classes))
        if excluded_ids:
            must_not.append(models.HasIdCondition(has_id=list(excluded_ids)))
        if not must and not must_not:
            return None
        return models.Filter(must=must or None, must_not=must_not or None)


def _is_one_of(classes: tuple[str, ...]) -> models.FieldCondition:
    match = models.MatchAny(any=list(classes))
    return models.FieldCondition(key="class", match=match)

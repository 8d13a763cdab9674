"""Groups: the best points of each value of a payload field, found as the server finds them.

Some queries for points that may fill all groups, each without the groups that are full and
the points that were seen, and then some for the groups that are not full yet.
Source: the server's lib/collection/src/grouping; it asks for no more points than all groups
hold, which makes a second query likely where a first one costs little more.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import qdrant_edge as edge

from embedded_qdrant.conversion.queries import Scoring
from embedded_qdrant.errors import engine_errors, unserved

Key = str | int
Group = tuple[Key, list[edge.ScoredPoint]]
_COLLECTING_ROUNDS = 5
_FILLING_ROUNDS = 5
# How many times the points that all groups hold are asked for, and how many more at most.
_CANDIDATES = 3
_MOST_SPARE = 64


class Grouping:
    """The groups of one request while they are gathered.

    Ask what `next_request` gives and `add` its answer until there is no further request;
    `best` is the answer then.
    """

    def __init__(
        self, scoring: Scoring, group_by: str, limit: int, group_size: int, *, nearer_is_less: bool
    ) -> None:
        if any(sign in group_by for sign in '[]"'):
            raise unserved("QueryPointGroups.group_by with brackets or quotes")
        with engine_errors():
            self._without = edge.IsEmptyCondition(group_by)
        self._scoring = scoring
        self._group_by = group_by
        self._limit = limit
        self._group_size = group_size
        self._sign = 1 if nearer_is_less else -1
        self._groups: dict[Key, list[edge.ScoredPoint]] = {}
        self._seen: set[Any] = set()
        held = limit * group_size
        self._candidates = min(_CANDIDATES * held, held + _MOST_SPARE)
        self._collecting = _COLLECTING_ROUNDS
        self._filling = _FILLING_ROUNDS

    def next_request(self) -> edge.QueryRequest | None:
        """Return what to ask next, None where all groups are full or enough was tried."""
        best = self.best()
        unfilled = [key for key, points in best if len(points) < self._group_size]
        if len(best) == self._limit and not unfilled:
            return None
        if self._collecting:
            self._collecting -= 1
            filled = [key for key, hits in self._groups.items() if len(hits) == self._group_size]
            restriction = edge.Filter(must=self._each(edge.MatchExcept, filled))
        elif self._filling and unfilled:
            self._filling -= 1
            restriction = edge.Filter(should=self._each(edge.MatchAny, unfilled))
        else:
            return None
        unseen = edge.Filter(
            must=[restriction],
            must_not=[self._without, edge.HasIdCondition(self._seen)],
        )
        return self._scoring.among(unseen).request(
            self._candidates,
            with_payload=edge.PayloadSelector.Include([self._group_by]),
        )

    def add(self, points: Sequence[edge.ScoredPoint]) -> None:
        """Take the answer to the last request."""
        if not points:
            if not self._collecting:
                self._filling = 0
            self._collecting = 0
        for point in points:
            self._seen.add(point.id)
            for key in _keys(point.payload, self._group_by):
                group = self._groups.setdefault(key, [])
                if len(group) < self._group_size:
                    group.append(point)

    def best(self) -> list[Group]:
        """Return the groups with the best points, and these, best first."""
        ordered = sorted(self._groups.items(), key=lambda group: self._sign * group[1][0].score)
        return ordered[: self._limit]

    def _each(self, match: Any, keys: Iterable[Key]) -> Any:
        """Return a condition on the keys that are texts, and one on those that are numbers."""
        keys = list(keys)
        kinds = ([key for key in keys if isinstance(key, kind)] for kind in (str, int))
        return [edge.FieldCondition(self._group_by, match=match(kind)) for kind in kinds if kind]


def _keys(payload: Any, group_by: str) -> Iterable[Key]:
    """Return the groups that a point belongs to: none if one of its values names no group."""
    value = payload
    for name in group_by.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    values = value if isinstance(value, list) else [value]
    return dict.fromkeys(values) if all(type(each) in (str, int) for each in values) else ()

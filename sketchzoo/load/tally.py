"""Tally: what became of calls."""

import math
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

_SHOWN = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
_OK = "OK"
NOT_SENT = "NOT_SENT"
"""In the place of a code: the call was due while as many as may be were under way."""


def _seconds() -> "array[float]":
    return array("d")


def quantile(values: "array[float]", share: float, count: int | None = None) -> float:
    """Return the value that a share of `count` values does not exceed (nearest rank).

    Of all by default; where `count` says that there are more, these are larger than any. 0 of
    none.
    """
    rank = math.ceil(round(share * (len(values) if count is None else count), 6))
    if not count and not values:
        return 0.0
    if rank > len(values):
        return math.inf
    return float(np.partition(np.frombuffer(values), max(0, rank - 1))[max(0, rank - 1)])


def quantiles(values: "array[float]") -> dict[str, float]:
    """Return percentiles and the largest by name, all 0 where there are no values."""
    if not values:
        return dict.fromkeys(_SHOWN, 0.0)
    ordered = np.sort(np.frombuffer(values))
    ranks = {name: math.ceil(round(share * len(ordered), 6)) for name, share in _SHOWN.items()}
    return {name: float(ordered[max(0, rank - 1)]) for name, rank in ranks.items()}


@dataclass(slots=True)
class Tally:
    """Seconds of calls, and how they ended; eight bytes a figure.

    `answered` counts from when a call was due, `exchanged` and `refused` from when it was sent,
    `late` is what lies between, of every call that was sent. `retry_after` is what refusals said.
    """

    codes: Counter[str] = field(default_factory=Counter)
    answered: "array[float]" = field(default_factory=_seconds)
    exchanged: "array[float]" = field(default_factory=_seconds)
    refused: "array[float]" = field(default_factory=_seconds)
    late: "array[float]" = field(default_factory=_seconds)
    retry_after: "array[float]" = field(default_factory=_seconds)

    def add_answer(self, due: float, sent: float, ended: float) -> None:
        """Count a call that was answered; three times of one clock."""
        self.codes[_OK] += 1
        self.answered.append(ended - due)
        self.exchanged.append(ended - sent)

    def add_refusal(self, code: str, seconds: float, retry_after: float | None) -> None:
        """Count a call that ended otherwise, so many seconds after it was sent."""
        self.codes[code] += 1
        self.refused.append(seconds)
        if retry_after is not None:
            self.retry_after.append(retry_after)

    @property
    def ok(self) -> int:
        """How many were answered."""
        return self.codes[_OK]

    @property
    def other(self) -> Mapping[str, int]:
        """How many were not, by code."""
        return {code: count for code, count in self.codes.most_common() if code != _OK}

    @property
    def total(self) -> int:
        """How many have ended, those that were never sent among them."""
        return self.codes.total()

    @property
    def sent(self) -> "Tally":
        """The same without calls that were not sent."""
        codes = {code: count for code, count in self.codes.items() if code != NOT_SENT}
        return replace(self, codes=Counter(codes))

    def within(self, share: float) -> float:
        """Return in which time so large a share of *all* calls was answered; infinite if never."""
        return quantile(self.answered, share, self.total)

    def as_json(self) -> dict[str, Any]:
        """Return counts, and times in seconds."""
        return {
            "codes": dict(self.codes),
            "refused_with_retry_info": len(self.retry_after),
            "retry_after": quantiles(self.retry_after),
            "answered": quantiles(self.answered),
            "exchanged": quantiles(self.exchanged),
            "refused": quantiles(self.refused),
            "late": quantiles(self.late),
        }

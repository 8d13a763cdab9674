"""Service level objectives, as they are written: `p99=200ms,errors=0.1%`."""

import math
import re
from dataclasses import dataclass

from sketchzoo.load.tally import Tally

_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,3})?)")
_TIME = re.compile(r"(\d+(?:\.\d+)?)(ms|s)")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)%")
ERRORS = "errors"
_WRITTEN = "write p99=200ms, p99.9=1s, errors=0.1% or several with commas between"


@dataclass(frozen=True, slots=True)
class Kept:
    """One objective beside what was measured: seconds, or a share of the calls."""

    name: str
    value: float
    bound: float

    @property
    def met(self) -> bool:
        """Whether the value is within its bound."""
        return self.value <= self.bound


@dataclass(frozen=True, slots=True)
class Slo:
    """Within how many seconds which share of all calls is to be answered, and how many may fail.

    A call that failed was answered within no time at all: `p99=200ms` allows one in a hundred,
    whether slow or failed, so that a server does not get better by refusing.
    """

    percentiles: tuple[tuple[str, float, float], ...] = ()
    """Name, share (0 to 1) and seconds of each."""
    errors: float | None = None
    """The share of calls that may end otherwise than OK."""

    def __post_init__(self) -> None:
        if not self.percentiles and self.errors is None:
            raise ValueError(f"states no objective: {_WRITTEN}")

    @classmethod
    def parse(cls, text: str) -> "Slo":
        """Read an objective; ValueError says what cannot be read and how it is written."""
        percentiles: dict[str, tuple[str, float, float]] = {}
        errors: float | None = None
        for part in text.split(","):
            name, _, bound = (each.strip().lower() for each in part.partition("="))
            if name in percentiles or (name == ERRORS and errors is not None):
                raise ValueError(f"{name} is stated twice")
            if name == ERRORS and (found := _SHARE.fullmatch(bound)):
                errors = float(found[1]) / 100
            elif (rank := _PERCENTILE.fullmatch(name)) and (found := _TIME.fullmatch(bound)):
                seconds = float(found[1]) * (1e-3 if found[2] == "ms" else 1)
                percentiles[name] = (name, float(rank[1]) / 100, seconds)
            else:
                raise ValueError(f"{part.strip()!r} cannot be read: {_WRITTEN}")
        return cls(tuple(percentiles.values()), errors)

    def judge(self, tally: Tally) -> list[Kept]:
        """Return each objective with what was measured of it."""
        kept = [
            Kept(name, tally.within(share), seconds) for name, share, seconds in self.percentiles
        ]
        if self.errors is not None:
            failed = (tally.total - tally.ok) / tally.total if tally.total else math.inf
            kept.append(Kept(ERRORS, failed, self.errors))
        return kept

    def __str__(self) -> str:
        stated = [f"{name}={seconds * 1e3:g}ms" for name, _, seconds in self.percentiles]
        if self.errors is not None:
            stated.append(f"errors={self.errors * 100:g}%")
        return ",".join(stated)

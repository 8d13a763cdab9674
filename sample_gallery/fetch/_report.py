"""What became of each photo, for people and for scripts."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a photo."""

    FETCHED = "fetched"
    KEPT = "kept"
    """It was there already, unchanged."""
    NOT_FOUND = "not_found"
    WRONG_HASH = "wrong_hash"
    """Not the bytes that the manifest or the first fetch names."""
    TOO_LARGE = "too_large"
    NOT_AN_IMAGE = "not_an_image"
    REFUSED = "refused"
    """A redirect to another scheme or without end, an answer that isn't acceptable."""
    FAILED = "failed"
    """The server or the network failed, each time it was tried."""
    OVER_BUDGET = "over_budget"
    """The run had taken as many bytes as it may."""


GOOD = (Outcome.FETCHED, Outcome.KEPT)


class PhotoError(Exception):
    """A photo that can't be had; `outcome` says which kind, the message why."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


@dataclass(slots=True)
class Report:
    """Counts by outcome, bytes taken, and each problem with its photo."""

    counts: Counter[Outcome] = field(default_factory=Counter)
    taken_bytes: int = 0
    """From the network, in this run."""
    problems: list[tuple[str, Outcome, str]] = field(default_factory=list)
    """Where, what and why."""

    @property
    def complete(self) -> bool:
        """Whether every photo is there."""
        return not self.problems

    def good(self, outcome: Outcome) -> None:
        """Count a photo that is there."""
        self.counts[outcome] += 1

    def bad(self, where: str, error: PhotoError) -> None:
        """Count a photo that isn't."""
        self.counts[error.outcome] += 1
        self.problems.append((where, error.outcome, str(error)))

    def as_json(self) -> dict[str, object]:
        """Return the report as plain values."""
        return {
            "complete": self.complete,
            "counts": {outcome.value: self.counts[outcome] for outcome in Outcome},
            "taken_bytes": self.taken_bytes,
            "problems": [
                {"where": where, "outcome": outcome.value, "why": why}
                for where, outcome, why in sorted(self.problems)
            ],
        }

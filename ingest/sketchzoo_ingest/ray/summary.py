"""Summaries: what became of photos, in numbers that add up."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Self

from sketchzoo.ignored import Ignored
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.outcome import Outcome, Reason, Refusal
from sketchzoo_ingest.tally import Tally


@dataclass(frozen=True)
class Summary:
    """What a partition came to, or several of them; counts may be negative as corrections."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    reasons: Counter[Reason] = field(default_factory=Counter)
    examples: dict[Reason, Refusal] = field(default_factory=dict)
    passed_over: Counter[Ignored] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    stage_seconds: Counter[str] = field(default_factory=Counter)
    retries: Counter[str] = field(default_factory=Counter)
    """Calls made again, by `part,code`."""
    unread: int = 0
    near_duplicates: int = 0
    bytes_read: int = 0

    @classmethod
    def of(cls, tally: Tally, metrics: IngestMetrics, retries: Counter[str]) -> Self:
        """Return what a tally and its metrics stand at."""
        return cls(
            Counter(tally.outcomes),
            Counter(tally.reasons),
            dict(tally.examples),
            Counter(tally.passed_over),
            Counter(tally.seen),
            Counter(metrics.stage_seconds),
            Counter(retries),
            tally.unread,
            tally.near_duplicates,
            tally.bytes_read,
        )

    @classmethod
    def sum(cls, summaries: Iterable["Summary"]) -> "Summary":
        """Add summaries up; of a reason's examples the first stands."""
        every = tuple(summaries)
        total = cls(
            unread=sum(each.unread for each in every),
            near_duplicates=sum(each.near_duplicates for each in every),
            bytes_read=sum(each.bytes_read for each in every),
        )
        for each in every:
            for name in _COUNTERS:
                # Unlike +, this keeps what is negative.
                getattr(total, name).update(getattr(each, name))
            for reason, example in each.examples.items():
                total.examples.setdefault(reason, example)
        return total

    @property
    def settled(self) -> int:
        """How many photos have met their outcome."""
        return self.outcomes.total()

    def to_json(self) -> str:
        """Return it as JSON."""
        told = {name: getattr(self, name) for name in (*_COUNTERS, *_NUMBERS)}
        examples = {reason: asdict(example) for reason, example in self.examples.items()}
        return json.dumps({**told, "examples": examples})

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote."""
        told = json.loads(text)
        return cls(
            Counter({Outcome(name): count for name, count in told["outcomes"].items()}),
            Counter({Reason(name): count for name, count in told["reasons"].items()}),
            {
                Reason(name): Refusal(**{**example, "reason": Reason(example["reason"])})
                for name, example in told["examples"].items()
            },
            Counter({Ignored(name): count for name, count in told["passed_over"].items()}),
            Counter(told["seen"]),
            Counter(told["stage_seconds"]),
            Counter(told["retries"]),
            told["unread"],
            told["near_duplicates"],
            told["bytes_read"],
        )


_NUMBERS = ("unread", "near_duplicates", "bytes_read")
_COUNTERS = ("outcomes", "reasons", "passed_over", "seen", "stage_seconds", "retries")

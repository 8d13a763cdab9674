"""The report of a run: a table for people, JSON for programs, an exit status for scripts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from sketchzoo.ignored import Ignored
from sketchzoo_ingest.outcome import Outcome, Reason, Refusal
from sketchzoo_ingest.sources import Classes
from sketchzoo_ingest.survey import Spared

# Places named in the table; the JSON report has them all.
_PLACES = 20
# Classes named of those that the model sees.
_SEEN = 5


class ExitStatus(IntEnum):
    """How a run ended, for scripts."""

    DONE = 0
    """All photos met their outcome; refused ones are counted."""
    USAGE = 2
    """The command line, a setting or a manifest's header was wrong; nothing was done."""
    TOO_MANY_REFUSED = 3
    """Done, but more were refused than `max_bad` allows, or no photo was found at all."""
    PART_AWAY = 4
    """The encoder or Qdrant stayed away or refused; run it again to go on."""
    INTERRUPTED = 130
    """SIGTERM or Ctrl-C; run it again to go on."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did."""

    status: ExitStatus
    sources: Sequence[str]
    class_from: Mapping[str, Classes] = field(default_factory=dict)
    """Where each source's classes come from, by its name."""
    model: str = ""
    fingerprint: str = ""
    collection: str = ""
    alias: str = ""
    replaced: str = ""
    published: bool = False
    dry_run: bool = False
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    reasons: Mapping[Reason, int] = field(default_factory=dict)
    examples: Mapping[Reason, Refusal] = field(default_factory=dict)
    """The first photo left out for each reason."""
    passed_over: Mapping[Ignored, int] = field(default_factory=dict)
    pruned: int = 0
    spared: Mapping[Spared, int] = field(default_factory=dict)
    prune_skipped: Mapping[str, str] = field(default_factory=dict)
    unread: int = 0
    """Photos known by their files' size and time, without reading."""
    near_duplicates: int = 0
    """Photos that are in the burst of another."""
    seen: Mapping[str, int] = field(default_factory=dict)
    """How many photos the model is sure to see what on, the most frequent first."""
    bytes_read: int = 0
    seconds: float = 0.0
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
    problem: str = ""

    @property
    def photos(self) -> int:
        """How many photos met their outcome."""
        return sum(self.outcomes.values())

    @property
    def photos_per_second(self) -> float:
        """Photos settled a second."""
        return self.photos / self.seconds if self.seconds else 0.0

    def to_json(self) -> str:
        """Return the report as JSON."""
        document: dict[str, Any] = {
            "status": self.status.name.lower(),
            "exit_status": int(self.status),
            "problem": self.problem,
            "sources": list(self.sources),
            "class_from": {
                name: {"from": str(classes.of), "why": classes.why}
                for name, classes in self.class_from.items()
            },
            "model": {"name": self.model, "fingerprint": self.fingerprint},
            "collection": self.collection,
            "alias": self.alias,
            "published": self.published,
            "replaced_collection": self.replaced,
            "dry_run": self.dry_run,
            "photos": {
                "total": self.photos,
                **{str(outcome): self.outcomes.get(outcome, 0) for outcome in Outcome},
            },
            "reasons": {
                str(reason): self.reasons[reason] for reason in Reason if self.reasons.get(reason)
            },
            "examples": {
                str(reason): {"origin": refusal.origin, "message": refusal.message}
                for reason, refusal in self.examples.items()
            },
            "passed_over": {str(kind): count for kind, count in self.passed_over.items()},
            "pruned": self.pruned,
            "spared": [
                {"place": spared.place, "why": spared.why, "photos": photos}
                for spared, photos in self._spared()
            ],
            "prune_skipped": dict(self.prune_skipped),
            "unread": self.unread,
            "near_duplicates": self.near_duplicates,
            "seen_classes": dict(self.seen),
            "bytes_read": self.bytes_read,
            "seconds": round(self.seconds, 3),
            "photos_per_second": round(self.photos_per_second, 2),
            "stage_seconds": {name: round(s, 3) for name, s in self.stage_seconds.items()},
        }
        return json.dumps(document, indent=2)

    def lines(self) -> list[tuple[str, str]]:
        """Return what happened as rows of a name and a value."""
        would = "would be " if self.dry_run else ""
        rows = [
            (f"{would}{outcome}" if outcome in _WRITES else str(outcome), f"{count}")
            for outcome in Outcome
            if (count := self.outcomes.get(outcome, 0)) or outcome is Outcome.WRITTEN
        ]
        rows += [
            (f"  {reason}", f"{self.reasons[reason]}{self._example(reason)}")
            for reason in Reason
            if self.reasons.get(reason)
        ]
        if self.unread:
            rows.append(("not read", f"{self.unread}, known by size and time"))
        if self.near_duplicates:
            rows.append(("near-duplicates", f"{self.near_duplicates}, each in another's burst"))
        if self.seen:
            rows.append(("seen", _top(self.seen)))
        if self.passed_over:
            rows.append(("passed over", _listed(self.passed_over)))
        rows += [("classes from", f"{c}: {name}") for name, c in self.class_from.items()]
        if self.pruned:
            rows.append((f"{would}pruned", f"{self.pruned}"))
        rows += [
            ("spared", f"{photos} {spared.place or 'single photos'}: {spared.why}")
            for spared, photos in self._spared()[:_PLACES]
        ]
        if (more := len(self.spared) - _PLACES) > 0:
            rows.append(("spared", f"{more} places more: --json names them"))
        rows += [("not pruned", f"{name}: {why}") for name, why in self.prune_skipped.items()]
        rows.append(("time", f"{self.seconds:.1f} s, {self.photos_per_second:.1f} photos/s"))
        if self.collection:
            rows.append(("collection", self.collection))
        if self.published:
            was = f", before {self.replaced}" if self.replaced else ""
            rows.append(("published", f"{self.alias} names {self.collection}{was}"))
        if self.problem:
            rows.append((self.status.name.lower(), self.problem))
        return rows

    def _spared(self) -> list[tuple[Spared, int]]:
        return sorted(self.spared.items(), key=lambda item: (-item[1], item[0].place))

    def _example(self, reason: Reason) -> str:
        refusal = self.examples.get(reason)
        return f", first {refusal.origin}: {refusal.message}" if refusal else ""


def _top(seen: Mapping[str, int]) -> str:
    named = [f"{name} {photos}" for name, photos in list(seen.items())[:_SEEN]]
    more = len(seen) - len(named)
    return ", ".join(named) + (f", {more} more" if more > 0 else "")


def _listed(counts: Mapping[Ignored, int]) -> str:
    return ", ".join(f"{kind.replace('_', ' ')} {count}" for kind, count in sorted(counts.items()))


_WRITES = (Outcome.WRITTEN, Outcome.UPDATED)

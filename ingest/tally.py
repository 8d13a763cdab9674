"""The tally: how many photos met which outcome, and which were left out for which reason."""

import csv
from collections import Counter
from collections.abc import Callable
from typing import TextIO

from ingest.metrics import IngestMetrics
from ingest.outcome import Outcome, Reason, Refusal

ERRORS_HEADER = ("origin", "uri", "class", "reason", "message")
# No source has this many files refused that are worth remembering one by one.
_MAX_PROTECTED = 1_000_000


class Tally:
    """Counts a run's photos; writes each refusal to `errors` (CSV) the moment it is known."""

    def __init__(self, metrics: IngestMetrics, errors: TextIO | None = None) -> None:
        self._metrics = metrics
        self._rows: Callable[[tuple[str, ...]], object] | None = None
        self._file = errors
        if errors is not None:
            self._rows = csv.writer(errors).writerow
            self._rows(ERRORS_HEADER)
        self.outcomes: Counter[Outcome] = Counter()
        self.reasons: Counter[Reason] = Counter()
        self.listed: Counter[str] = Counter()
        self.bytes_read = 0
        # What is left out for now may be read another day: pruning spares it.
        self.spared: set[str] = set()
        self.spared_folders: set[str] = set()
        self.spares_all = False

    @property
    def settled(self) -> int:
        """How many photos have met their outcome."""
        return self.outcomes.total()

    @property
    def refused_share(self) -> float:
        """The share of refused photos among those settled; 0 where there are none."""
        return self.outcomes[Outcome.REFUSED] / self.settled if self.settled else 0.0

    def count(self, outcome: Outcome, photos: int = 1) -> None:
        """Count photos that met an outcome."""
        if photos:
            self.outcomes[outcome] += photos
            self._metrics.photos.labels(outcome).inc(photos)

    def refuse(self, refusal: Refusal) -> None:
        """Count and note a photo that was left out."""
        self.count(refusal.reason.outcome)
        self.reasons[refusal.reason] += 1
        self._metrics.refused.labels(refusal.reason).inc()
        if refusal.reason.outcome is Outcome.REFUSED and refusal.reason is not Reason.NOT_FOUND:
            self._spare(refusal.uri)
        if self._rows is not None and self._file is not None:
            self._rows(
                (
                    refusal.origin,
                    refusal.uri,
                    refusal.class_name,
                    refusal.reason,
                    refusal.message,
                )
            )
            self._file.flush()

    def read(self, size: int) -> None:
        """Count bytes read."""
        self.bytes_read += size
        self._metrics.read_bytes.inc(size)

    def spares(self, uri: str) -> bool:
        """Tell whether what lies at a uri was left out, so that it may yet be there."""
        return (
            self.spares_all
            or uri in self.spared
            or any(uri.startswith(folder) for folder in self.spared_folders)
        )

    def _spare(self, uri: str) -> None:
        if uri.endswith("/"):
            self.spared_folders.add(uri)
        elif len(self.spared) < _MAX_PROTECTED:
            self.spared.add(uri)
        else:
            self.spares_all = True

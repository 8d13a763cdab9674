"""The tally: how many photos met which outcome, and which were left out for which reason."""

import csv
from collections import Counter
from typing import TextIO

from sketchzoo.ignored import Ignored
from sketchzoo.qdrant import Photo
from sketchzoo_ingest.feed import Listed
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.outcome import Outcome, Reason, Refusal, Settled
from sketchzoo_ingest.sources import Emptied, PassedOver
from sketchzoo_ingest.survey import Survey

ERRORS_HEADER = ("origin", "uri", "class", "reason", "message")


class RefusalsFile:
    """A CSV file with a row for each refusal, written the moment it is known."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._row = csv.writer(file).writerow
        self._row(ERRORS_HEADER)

    def add(self, refusal: Refusal) -> None:
        """Write a row."""
        where = (refusal.origin, refusal.uri, refusal.class_name)
        self._row((*where, refusal.reason, refusal.message))
        self._file.flush()


class Tally:
    """Counts a run's photos; writes each refusal to `refusals`."""

    def __init__(self, metrics: IngestMetrics, refusals: RefusalsFile | None = None) -> None:
        self._metrics = metrics
        self._refusals = refusals
        self.outcomes: Counter[Outcome] = Counter()
        self.reasons: Counter[Reason] = Counter()
        self.bytes_read = 0
        self.passed_over: Counter[Ignored] = Counter()
        self.examples: dict[Reason, Refusal] = {}
        self.survey = Survey()
        self.unread = 0
        """Photos whose files were known by size and time, and not read."""
        self.near_duplicates = 0
        self.seen: Counter[str] = Counter()

    @property
    def settled(self) -> int:
        """How many photos have met their outcome."""
        return self.outcomes.total()

    @property
    def refused_share(self) -> float:
        """The share of refused photos among those settled; 0 where there are none."""
        return self.outcomes[Outcome.REFUSED] / self.settled if self.settled else 0.0

    def settle(self, listed: Listed, settled: Settled) -> None:
        """Count a photo that met its outcome, and tell its feeder."""
        self.outcomes[settled.outcome] += 1
        self._metrics.photos.labels(settled.outcome).inc()
        listed.tell(settled)

    def keep(self, listed: Listed, outcome: Outcome, photo: Photo, replaced: str = "") -> None:
        """Count a photo that is in the collection, and tell its feeder what it replaced."""
        self.near_duplicates += photo.burst not in ("", photo.id)
        if photo.seen is not None:
            self.seen[photo.seen.class_name] += 1
        self.settle(listed, Settled(outcome, photo.id, replaced=replaced))

    def note(self, entry: Refusal | PassedOver | Emptied, listed: Listed) -> None:
        """Count and note what was listed and is no photo that was read."""
        match entry:
            case PassedOver():
                self.passed_over[entry.kind] += 1
            case Emptied():
                self.survey.emptied(entry.uri)
            case _:
                self.refuse(entry, listed)

    def refuse(self, refusal: Refusal, listed: Listed, photo_id: str = "") -> None:
        """Count and note a photo that was left out; a duplicate's id is that of the first."""
        self.reasons[refusal.reason] += 1
        self._metrics.refused.labels(refusal.reason).inc()
        self.examples.setdefault(refusal.reason, refusal)
        if refusal.reason.outcome is Outcome.REFUSED and refusal.uri:
            self.survey.unread(refusal)
        if self._refusals is not None:
            self._refusals.add(refusal)
        self.settle(listed, Settled(refusal.reason.outcome, photo_id, refusal))

    def read(self, size: int) -> None:
        """Count bytes read."""
        self.bytes_read += size
        self._metrics.read_bytes.inc(size)

"""The gauge: how far all of a job's partitions are together, as a tally tells it of one process."""

from collections import deque
from collections.abc import Mapping

from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.outcome import Outcome
from sketchzoo_ingest.ray.summary import Summary

# What is heard late of a partition that is done is left out; more are never under way at once.
_REMEMBERED = 100_000


class Gauge:
    """Adds up what is done and what is under way; shows it as metrics.

    Metrics only grow: what a killed worker had counted stays until it is counted again.
    """

    def __init__(self, metrics: IngestMetrics) -> None:
        self._metrics = metrics
        self._done = Summary()
        self._finished: deque[int] = deque(maxlen=_REMEMBERED)
        self._now = Summary()
        self._shown = Summary()
        self.partitions = 0
        self.total: int | None = None

    @property
    def settled(self) -> int:
        """How many photos have met their outcome."""
        return self._now.settled

    @property
    def outcomes(self) -> Mapping[Outcome, int]:
        """How many met which."""
        return self._now.outcomes

    def finish(self, number: int, summary: Summary) -> None:
        """Count a partition that ended."""
        self.partitions += 1
        self._finished.append(number)
        self.add(summary)

    def add(self, summary: Summary) -> None:
        """Count what is final."""
        self._done = Summary.sum((self._done, summary))
        self.look({})

    def look(self, running: Mapping[int, str]) -> None:
        """Take up how far the partitions under way are."""
        late = set(self._finished)
        under_way = [Summary.from_json(text) for n, text in running.items() if n not in late]
        self._now = Summary.sum((self._done, *under_way))
        self._show()

    def summary(self) -> Summary:
        """Return what all ended partitions came to."""
        return self._done

    def _show(self) -> None:
        metrics, now, shown = self._metrics, self._now, self._shown
        for outcome, count in (now.outcomes - shown.outcomes).items():
            metrics.photos.labels(outcome).inc(count)
        for reason, count in (now.reasons - shown.reasons).items():
            metrics.refused.labels(reason).inc(count)
        for call, count in (now.retries - shown.retries).items():
            metrics.retries.labels(*call.split(",")).inc(count)
        metrics.read_bytes.inc(max(0, now.bytes_read - shown.bytes_read))
        self._shown = Summary(
            outcomes=now.outcomes | shown.outcomes,
            reasons=now.reasons | shown.reasons,
            retries=now.retries | shown.retries,
            bytes_read=max(now.bytes_read, shown.bytes_read),
        )

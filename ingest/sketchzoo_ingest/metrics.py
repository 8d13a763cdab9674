"""Metrics of a run."""

import time
from collections import Counter as Sums
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from sketchzoo.telemetry import SECONDS_BUCKETS, build_info
from sketchzoo_ingest.outcome import Outcome, Reason

STAGES = ("list", "read", "lookup", "encode", "write")
# What is read when the page is: a queue and what it holds.
WATCHED = (
    ("read_queue", "chunks"),
    ("encode_queue", "photos"),
    ("write_queue", "photos"),
    ("buffer", "bytes"),
    ("changes_waiting", "paths"),
)


class IngestMetrics:
    """What Prometheus reads of a run while it lasts; every label's values are listed in code."""

    def __init__(self, registry: CollectorRegistry, *, of_service: bool = False) -> None:
        """Show no queues `of_service`, which has as many pipelines as galleries, and own gauges."""
        if not of_service:
            build_info(registry, "ingest")
        self._registry = registry
        self._of_service = of_service
        self._watched: dict[str, Gauge] = {}
        self.photos = Counter(
            "sketchzoo_ingest_photos_total",
            "Photos settled, by outcome.",
            ["outcome"],
            registry=registry,
        )
        self.refused = Counter(
            "sketchzoo_ingest_refused_total",
            "Photos left out, by reason.",
            ["reason"],
            registry=registry,
        )
        self.read_bytes = Counter(
            "sketchzoo_ingest_read_bytes_total", "Bytes of photos read.", registry=registry
        )
        self.removed = Counter(
            "sketchzoo_ingest_removed_total",
            "Photos deleted because their files were, while folders are watched.",
            registry=registry,
        )
        self.listings = Counter(
            "sketchzoo_ingest_listings_total",
            "Times that all sources were listed whole.",
            registry=registry,
        )
        self.retries = Counter(
            "sketchzoo_ingest_retries_total",
            "Calls made again, by the part called and the code of the failure.",
            ["part", "code"],
            registry=registry,
        )
        self._stages = Histogram(
            "sketchzoo_ingest_stage_seconds",
            "Seconds of a chunk in a stage, waiting for free space not counted.",
            ["stage"],
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self.stage_seconds: Sums[str] = Sums()
        for outcome in Outcome:
            self.photos.labels(outcome)
        for reason in Reason:
            self.refused.labels(reason)
        for stage in STAGES:
            self._stages.labels(stage)

    def watch(self, name: str, unit: str, size: Callable[[], float]) -> None:
        """Show a queue's size, or the bytes held, at the moment that the page is read.

        Raises:
            ValueError: `WATCHED` does not list it.

        """
        if (name, unit) not in WATCHED:
            raise ValueError(f"WATCHED must list {name}, {unit}: the metrics table is made of it")
        if self._of_service:
            return
        if name not in self._watched:
            self._watched[name] = Gauge(
                f"sketchzoo_ingest_{name}_{unit}",
                f"The {name.replace('_', ' ')}'s {unit} at the moment.",
                registry=self._registry,
            )
        # While a folder is watched, each run has queues of its own.
        self._watched[name].set_function(size)

    def retried(self, part: str, code: str) -> None:
        """Count a call made again."""
        self.retries.labels(part, code).inc()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage's work on one chunk."""
        start = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - start
            self._stages.labels(name).observe(seconds)
            # += on a Counter is not atomic, but all of this runs in the event loop's thread.
            self.stage_seconds[name] += seconds  # type: ignore[assignment] # counts seconds

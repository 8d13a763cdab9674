"""Metrics: what Prometheus learns of searches."""

from collections.abc import Sequence
from typing import Any, TypeVar

import grpc
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from search_service.load_shedding import LoadShedding
from search_service.timings import Timings
from sketchzoo.qdrant import ScoredPhoto
from sketchzoo.rpc import CallError
from sketchzoo.telemetry import SECONDS_BUCKETS, exemplar, show

# (1 + cosine) / 2 of a best hit seldom lies below 0.5.
_SCORE_BUCKETS = (0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 1.0)
# Classes come from the gallery, never from callers; a gallery of thousands is cut here.
_MAX_CLASS_LABELS = 256
_OTHER = "(other)"
M = TypeVar("M", Counter, Histogram)

_NOT_READY = (
    "away", "no_gallery", "model_mismatch", "denied", "unimplemented", "other",
)  # fmt: skip


class SearchMetrics:
    """The search service's own metrics in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._stages = Histogram(
            "sketchzoo_search_stage_seconds",
            "Seconds that answered searches spent in each stage; total is the whole call. "
            "Stages that a search skipped are not counted.",
            ["stage"],
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self._queries = Counter(
            "sketchzoo_search_queries_total",
            "Searches by the kind of their query and their status code.",
            ["kind", "code"],
            registry=registry,
        )
        self._top_score = Histogram(
            "sketchzoo_search_top_score",
            "Score of the best hit of searches' first pages, (1 + cosine) / 2.",
            buckets=_SCORE_BUCKETS,
            registry=registry,
        )
        self._empty = Counter(
            "sketchzoo_search_empty_total",
            "Searches whose first page was empty.",
            registry=registry,
        )
        self._cache = Counter(
            "sketchzoo_search_cache_total",
            "Embeddings asked for: hit (kept), joined (being made for another search), miss.",
            ["outcome"],
            registry=registry,
        )
        self._classes = Counter(
            "sketchzoo_search_class_hits_total",
            f"Hits by class; beyond {_MAX_CLASS_LABELS} classes as {_OTHER}.",
            ["class_name"],
            registry=registry,
        )
        self._thumbnails = Counter(
            "sketchzoo_search_thumbnails_total",
            "Thumbnails by where they came from: memory, disk, made (of the photo's file).",
            ["outcome"],
            registry=registry,
        )
        self._known_classes: set[str] = set()
        self._series: dict[tuple[Any, ...], Any] = {}
        self._ready = Gauge(
            "sketchzoo_search_ready",
            "1 while an encoder answers whose model the alias matches.",
            registry=registry,
            multiprocess_mode="livemin",
        )
        not_ready = Gauge(
            "sketchzoo_search_not_ready",
            "1 for the reason why searches cannot be answered, of these: "
            f"{', '.join(_NOT_READY)}; away is the encoder or Qdrant.",
            ["reason"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._not_ready = {reason: not_ready.labels(reason) for reason in _NOT_READY}
        self._encoders = Gauge(
            "sketchzoo_search_encoder_ready",
            "1 while an encoder answers, by the target that it was set by.",
            ["encoder"],
            registry=registry,
            multiprocess_mode="livemin",
        )
        self._places = Gauge(
            "sketchzoo_search_places",
            "Calls that may be under way at once, by kind.",
            ["kind"],
            registry=registry,
            multiprocess_mode="livemin",
        )
        self._taken = Gauge(
            "sketchzoo_search_places_taken",
            "Calls under way at the moment, by kind; at sketchzoo_search_places more are refused.",
            ["kind"],
            registry=registry,
            multiprocess_mode="livesum",
        )

    def searched(self, kind: str, code: str) -> None:
        """Count a search that ended."""
        self._of(self._queries, kind, code).inc()

    def answered(self, photos: Sequence[ScoredPhoto], timings: Timings, *, first: bool) -> None:
        """Observe an answer's stages and hits; `first` says that it is a first page."""
        example = exemplar()
        for stage, seconds in timings.stages():
            self._of(self._stages, stage).observe(seconds, example)
        if first and photos:
            self._top_score.observe(photos[0].score)
        elif first:
            self._empty.inc()
        for found in photos:
            self._of(self._classes, self._class_label(found.photo.class_name)).inc()

    def cached(self, outcome: str) -> None:
        """Count where an embedding came from: `hit`, `joined` or `miss`."""
        self._of(self._cache, outcome).inc()

    def thumbnail(self, outcome: str) -> None:
        """Count where a thumbnail came from: `memory`, `disk` or `made`."""
        self._of(self._thumbnails, outcome).inc()

    def ready(self, problem: CallError | None) -> None:
        """Tell whether searches can be answered, and why not."""
        self._ready.set(problem is None)
        found = None if problem is None else _reason(problem)
        for reason, gauge in self._not_ready.items():
            gauge.set(reason == found)

    def encoder(self, target: str, *, ready: bool) -> None:
        """Tell whether an encoder answers; targets come from the settings alone."""
        self._encoders.labels(target).set(ready)

    def watch(self, kind: str, admission: LoadShedding) -> None:
        """Show the places for calls of a kind, and those taken, when the page is read."""
        show(self._places.labels(kind), lambda: admission.places)
        show(self._taken.labels(kind), lambda: admission.held)

    def _of(self, metric: M, *labels: str) -> M:
        """Return a metric's series; its own look-up checks the labels' names each time."""
        found = self._series.get((metric, *labels))
        if found is None:
            found = self._series[metric, *labels] = metric.labels(*labels)
        return found

    def _class_label(self, name: str) -> str:
        if name not in self._known_classes:
            if len(self._known_classes) >= _MAX_CLASS_LABELS:
                return _OTHER
            self._known_classes.add(name)
        return name


def _reason(problem: CallError) -> str:
    """Return the reason's label: what the error says of itself, within the listed ones."""
    if problem.code is grpc.StatusCode.UNAVAILABLE:
        return "away"
    reason = problem.reason.lower()
    return reason if reason in _NOT_READY else "other"

"""Metrics of the collections; those of calls come with the server."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from embedded_qdrant.collection import Collection

# Callers choose the collections' names: past this many the rest is one label.
_MAX_LABELS = 20
_OTHERS = "(others)"
_BUILD_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500)
_GAUGES: tuple[tuple[str, str, Callable[[Collection], int]], ...] = (
    ("sketchzoo_qdrant_points", "Points stored.", lambda c: c.statistics.points),
    ("sketchzoo_qdrant_indexed_points", "Points in the index.", lambda c: c.statistics.indexed),
    ("sketchzoo_qdrant_segments", "Segments of the shard.", lambda c: c.statistics.segments),
    ("sketchzoo_qdrant_waiting_writes", "Writes that wait.", lambda c: c.waiting),
    (
        "sketchzoo_qdrant_journaled_writes",
        "Writes noted for the index build under way.",
        lambda c: c.journaled,
    ),
    ("sketchzoo_qdrant_index_building", "1 while an index is built.", lambda c: int(c.building)),
)


class CollectionMetrics(Collector):
    """Gauges read from the collections when the page is asked for, and the builds' metrics.

    The page is made in a thread of its own: it reads numbers that the event loop keeps and
    never calls the engine.
    """

    def __init__(
        self, registry: CollectorRegistry, collections: Callable[[], Iterable[Collection]]
    ) -> None:
        self._collections = collections
        self.build_seconds = Histogram(
            "sketchzoo_qdrant_index_build_seconds",
            "Seconds from an index build's start until its index is used.",
            buckets=_BUILD_BUCKETS,
            registry=registry,
        )
        self.builds = Counter(
            "sketchzoo_qdrant_index_builds",
            "Index builds ended, by outcome.",
            ["outcome"],
            registry=registry,
        )
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Give the gauges."""
        collections = list(self._collections())
        for name, text, read in _GAUGES:
            family = GaugeMetricFamily(name, text, labels=["collection"])
            for collection in collections[:_MAX_LABELS]:
                family.add_metric([collection.name], read(collection))
            if collections[_MAX_LABELS:]:
                family.add_metric([_OTHERS], sum(map(read, collections[_MAX_LABELS:])))
            yield family

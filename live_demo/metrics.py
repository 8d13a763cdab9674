"""Metrics of the gateway."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from sketchzoo.telemetry import SECONDS_BUCKETS


class LiveMetrics:
    """What the gateway counts; every label has a handful of values."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connections = Gauge(
            "sketchzoo_live_connections", "Pages connected.", registry=registry
        )
        self.searches = Counter(
            "sketchzoo_live_searches_total",
            "Searches answered, by status code.",
            ["code"],
            registry=registry,
        )
        self.search_seconds = Histogram(
            "sketchzoo_live_search_seconds",
            "Seconds from a page's request to its answer.",
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self.photos = Counter(
            "sketchzoo_live_photos_total",
            "Photos asked for: cached, unchanged, fetched or failed.",
            ["outcome"],
            registry=registry,
        )
        self.added = Counter(
            "sketchzoo_live_added_total",
            "Photos that were added: written, updated, unchanged or failed.",
            ["outcome"],
            registry=registry,
        )
        self.refused = Counter(
            "sketchzoo_live_refused_total",
            "What was refused or cut off: access, password, origin, connections, rate, message, "
            "image, adding or time.",
            ["reason"],
            registry=registry,
        )

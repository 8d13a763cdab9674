"""Metrics of calls to Qdrant."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from sketchzoo.telemetry import SECONDS_BUCKETS


class QdrantMetrics:
    """Seconds of calls, and what endpoints failed that others were asked for."""

    def __init__(self, registry: CollectorRegistry | None) -> None:
        self.seconds = Histogram(
            "sketchzoo_qdrant_call_seconds",
            "Seconds of calls to Qdrant as the caller sees them, by method and status code.",
            ["method", "code"],
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self.failures = Counter(
            "sketchzoo_qdrant_endpoint_failures",
            "Calls that an endpoint of Qdrant failed, or did not answer in its time, by endpoint "
            "and status code; another may have answered them.",
            ["endpoint", "code"],
            registry=registry,
        )

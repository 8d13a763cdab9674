"""Metrics: what Prometheus learns of the gallery service."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from sketchzoo.rpc import CallError
from sketchzoo_ingest.gallery_service.pending import Pending


class GalleryMetrics:
    """The gallery service's own metrics in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._answered = Counter(
            "sketchzoo_gallery_photos_total",
            "Photos answered by AddPhotos, by status code.",
            ["code"],
            registry=registry,
        )
        self.received_bytes = Counter(
            "sketchzoo_gallery_received_bytes_total",
            "Bytes of photos received.",
            registry=registry,
        )
        self.deleted = Counter(
            "sketchzoo_gallery_deleted_total", "Photos deleted.", registry=registry
        )
        self._pending = Gauge(
            "sketchzoo_gallery_pending",
            "What was taken and is not answered yet: photos, bytes.",
            ["what"],
            registry=registry,
        )
        self._ready = Gauge(
            "sketchzoo_gallery_ready", "1 while photos can be added, else 0.", registry=registry
        )

    def watch(self, pending: Pending) -> None:
        """Show what is under way when the page is read."""
        self._pending.labels("photos").set_function(lambda: pending.photos)
        self._pending.labels("bytes").set_function(lambda: pending.bytes)

    def answered(self, error: CallError | None) -> None:
        """Count a photo's answer."""
        self._answered.labels("OK" if error is None else error.code.name).inc()

    def ready(self, *, is_ready: bool) -> None:
        """Show whether photos can be added."""
        self._ready.set(is_ready)

"""The encoder's metrics; docs/encoder.md says which one tunes which setting."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from encoder_service.work import DropReason
from sketchzoo.images import Modality
from sketchzoo.telemetry import SECONDS_BUCKETS, show

_BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_REASONS: tuple[DropReason, ...] = ("cancelled", "deadline", "queue_full")


class EncoderMetrics:
    """Everything counted and timed from the queue to the model."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics with a part's registry."""
        self._registry = registry
        self.queue_seconds = Histogram(
            "sketchzoo_encoder_queue_seconds",
            "Timings an image waited for a worker and, in batches, for the model.",
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self.decode_seconds = Histogram(
            "sketchzoo_encoder_decode_seconds",
            "Timings to decode and prepare an image.",
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self.batch_size = Histogram(
            "sketchzoo_encoder_batch_size",
            "Images in a run of the model; the sum is every image that reached it.",
            buckets=_BATCH_BUCKETS,
            registry=registry,
        )
        inference = Histogram(
            "sketchzoo_encoder_inference_seconds",
            "Timings of a run of the model.",
            ["modality"],
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self.inference_seconds = {m: inference.labels(m.value) for m in Modality}
        self._images = Counter(
            "sketchzoo_encoder_images_total",
            "Images answered, by modality and by what became of them.",
            ["modality", "outcome"],
            registry=registry,
        )
        self._ok = {m: self._images.labels(m.value, "ok") for m in Modality}
        dropped = Counter(
            "sketchzoo_encoder_dropped_total",
            "Images that never reached the model, by reason.",
            ["reason"],
            registry=registry,
        )
        self._dropped = {reason: dropped.labels(reason) for reason in _REASONS}
        self.busy_seconds = Counter(
            "sketchzoo_encoder_busy_seconds_total",
            "Timings that workers were busy; its rate over sketchzoo_encoder_workers is how "
            "busy the encoder is.",
            registry=registry,
        )

    def watch(
        self, *, workers: int, busy: Callable[[], float], queue_length: Callable[[], float]
    ) -> None:
        """Register what is read when the page is."""
        Gauge(
            "sketchzoo_encoder_workers",
            "Threads that decode images and, with onnx, embed them.",
            registry=self._registry,
            multiprocess_mode="livesum",
        ).set(workers)
        busy_workers = Gauge(
            "sketchzoo_encoder_busy_workers",
            "Workers that hold an image.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        show(busy_workers, busy)
        waiting = Gauge(
            "sketchzoo_encoder_queue_length",
            "Images waiting for a worker.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        show(waiting, queue_length)

    def answered(self, modality: Modality) -> None:
        """Count an image that has its embedding."""
        self._ok[modality].inc()

    def refused(self, modality: Modality | None, outcome: str) -> None:
        """Count an image that has none, by reason; None is an image of no modality."""
        self._images.labels(modality.value if modality else "unspecified", outcome).inc()

    def dropped(self, reason: DropReason, images: int = 1) -> None:
        """Count images that were taken out of the way to the model."""
        self._dropped[reason].inc(images)

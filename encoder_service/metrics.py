"""The encoder's metrics; docs/encoder.md says which one tunes which setting."""

from collections.abc import Callable
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from encoder_service.work import DropReason
from sketchzoo.images import Modality
from sketchzoo.telemetry import SECONDS_BUCKETS, show

_BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
TEXT: Final = "text"
"""What a text is called where an image has its modality."""
Kind = Modality | Literal["text"]
_KINDS: tuple[Kind, ...] = (*Modality, TEXT)
_REASONS: tuple[DropReason, ...] = ("cancelled", "deadline", "queue_full")


class EncoderMetrics:
    """Everything counted and timed from the queue to the model."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics with a part's registry."""
        self._registry = registry
        self.queue_seconds = Histogram(
            "sketchzoo_encoder_queue_seconds",
            "Timings an image or text waited for a worker and, in batches, for the model.",
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
        self.inference_seconds = {kind: inference.labels(str(kind)) for kind in _KINDS}
        self._images = Counter(
            "sketchzoo_encoder_images_total",
            "Images and texts answered, by modality (of texts `text`) and by what became of them.",
            ["modality", "outcome"],
            registry=registry,
        )
        self._ok = {kind: self._images.labels(str(kind), "ok") for kind in _KINDS}
        dropped = Counter(
            "sketchzoo_encoder_dropped_total",
            "Images and texts that never reached the model, by reason.",
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
            "Threads that decode images and, with onnx, embed them; and texts.",
            registry=self._registry,
            multiprocess_mode="livesum",
        ).set(workers)
        busy_workers = Gauge(
            "sketchzoo_encoder_busy_workers",
            "Workers that hold an image or text.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        show(busy_workers, busy)
        waiting = Gauge(
            "sketchzoo_encoder_queue_length",
            "Images and texts waiting for a worker.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        show(waiting, queue_length)

    def answered(self, kind: Kind) -> None:
        """Count an image or text that has its embedding."""
        self._ok[kind].inc()

    def refused(self, kind: Kind | None, outcome: str) -> None:
        """Count an image or text that has none, by reason; None is an image of no modality."""
        self._images.labels(str(kind or "unspecified"), outcome).inc()

    def dropped(self, reason: DropReason, items: int = 1) -> None:
        """Count images and texts that were taken out of the way to the model."""
        self._dropped[reason].inc(items)

"""Limits: how much the pipeline does and holds at once."""

from dataclasses import dataclass, field

from sketchzoo.images import ImageLimits

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class PipelineLimits:
    """`IngestSettings` says what each of them means."""

    images: ImageLimits = field(default_factory=ImageLimits)
    chunk_photos: int = 64
    batch_size: int = 16
    batch_bytes: int = 8 * _MIB
    calls_in_flight: int = 3
    write_batch: int = 128
    buffer_bytes: int = 256 * _MIB
    read_threads: int = 2
    fetch_at_once: int = 8

    def __post_init__(self) -> None:
        for name in (
            "chunk_photos",
            "batch_size",
            "batch_bytes",
            "calls_in_flight",
            "write_batch",
            "read_threads",
            "fetch_at_once",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        # A chunk takes at most half, so that one is read while another is embedded.
        if self.buffer_bytes < 2 * self.images.max_bytes:
            raise ValueError(
                f"buffer_bytes must hold two photos of max_bytes ({self.images.max_bytes}), "
                f"not {self.buffer_bytes}"
            )

"""Limits: how much the pipeline does and holds at once."""

from dataclasses import dataclass, field, replace
from typing import Self

from sketchzoo.images import ImageLimits

_MOST_CALLS = 256
"""Calls under way at once, as the setting allows them."""

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class PipelineLimits:
    """`IngestSettings` says what each of them means."""

    images: ImageLimits = field(default_factory=ImageLimits)
    chunk_photos: int = 16
    batch_size: int = 16
    batch_bytes: int = 8 * _MIB
    calls_in_flight: int = 3
    write_batch: int = 128
    buffer_bytes: int = 64 * _MIB
    max_sent_bytes: int = 16 * _MIB - 64 * 1024
    read_threads: int = 2
    fetch_at_once: int = 8

    def __post_init__(self) -> None:
        for name in (
            "chunk_photos",
            "batch_size",
            "batch_bytes",
            "calls_in_flight",
            "write_batch",
            "buffer_bytes",
            "max_sent_bytes",
            "read_threads",
            "fetch_at_once",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")

    def for_processes(self, count: int) -> Self:
        """Return the limits for an encoder of so many processes: none of them is to wait.

        Two calls more than processes are under way then, where fewer were.
        """
        if count <= 1:
            return self
        calls = min(count + 2, _MOST_CALLS)
        return replace(self, calls_in_flight=max(self.calls_in_flight, calls))

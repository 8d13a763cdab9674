"""How much a fetch may take: of files, bytes, time and patience."""

from dataclasses import dataclass, field

from sketchzoo.fetch import FetchLimits

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one run."""

    max_files: int = 10_000
    """Rows that a manifest may have."""
    max_file_bytes: int = 32 * MIB
    max_total_bytes: int = 2048 * MIB
    """Bytes that one run may take from the network."""
    fetch: FetchLimits = field(
        default_factory=lambda: FetchLimits(seconds=180.0, attempts=4, at_once=4)
    )
    max_side: int = 1024
    """Photos with a longer side are made smaller."""

    def __post_init__(self) -> None:
        for name in ("max_files", "max_file_bytes", "max_total_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 64 <= self.max_side <= 4096:  # noqa: PLR2004 - stated in the message
            raise ValueError(f"max_side must be 64..4096 pixels, got {self.max_side}")

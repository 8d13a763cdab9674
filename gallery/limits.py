"""How much a fetch may take: of files, bytes, time and patience."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one run."""

    max_files: int = 10_000
    """Rows that a manifest may have."""
    max_file_bytes: int = 32 * MIB
    max_total_bytes: int = 2048 * MIB
    """Bytes that one run may take from the network."""
    at_once: int = 4
    """Files fetched at the same time."""
    attempts: int = 4
    """How often a file is tried in all."""
    max_redirects: int = 5
    connect_seconds: float = 10.0
    read_seconds: float = 20.0
    """Longest silence of a server that is sending."""
    file_seconds: float = 180.0
    """Longest time for one attempt at one file."""
    backoff_seconds: float = 0.5
    """Pause before the second attempt; it doubles with each further one."""
    max_wait_seconds: float = 60.0
    """Longest pause; a server that asks for more is left alone."""
    max_side: int = 1024
    """Photos with a longer side are made smaller."""

    def __post_init__(self) -> None:
        for name in ("max_files", "max_file_bytes", "max_total_bytes", "at_once", "attempts"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("connect_seconds", "read_seconds", "file_seconds"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        for name in ("max_redirects", "backoff_seconds", "max_wait_seconds"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}")
        if not 64 <= self.max_side <= 4096:  # noqa: PLR2004 - stated in the message
            raise ValueError(f"max_side must be 64..4096 pixels, got {self.max_side}")

"""How long a fetch may take, how often it is tried, and where it may lead."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """The bounds of fetching one file, and of how many are fetched at once."""

    seconds: float = 30.0
    """One file in all: names, connecting, redirects, header, body, attempts and pauses."""
    attempts: int = 3
    at_once: int = 8
    max_redirects: int = 5
    connect_seconds: float = 10.0
    read_seconds: float = 20.0
    """Longest silence of a server."""
    backoff_seconds: float = 0.5
    """Pause before the second attempt; it doubles with each further one."""
    max_wait_seconds: float = 60.0
    """Longest pause; a server that asks for more is left alone."""
    allow_private_addresses: bool = False
    """Whether this machine's and its network's own addresses may be fetched from."""

    def __post_init__(self) -> None:
        for name in ("seconds", "connect_seconds", "read_seconds"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        for name in ("attempts", "at_once"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("max_redirects", "backoff_seconds", "max_wait_seconds"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, not {getattr(self, name)}")

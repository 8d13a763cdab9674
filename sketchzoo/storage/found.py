"""What is known of a file without reading it."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Found:
    """What a store lists in a folder, or says of a file.

    `path` is a file's, or bucket and key. `size` is in bytes, None where the store does not say.
    """

    path: str
    is_folder: bool
    size: int | None
    modified_at: datetime | None

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


def time_of(seconds: float) -> datetime | None:
    """Return a file's time since 1970; None for one that no calendar has, as of a broken disk."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None

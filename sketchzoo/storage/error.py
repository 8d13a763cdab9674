"""What went wrong where bytes were to be read."""

from enum import StrEnum


class StorageReason(StrEnum):
    """Why bytes cannot be had; ingest's reasons have the same names."""

    NOT_FOUND = "not_found"
    NOT_A_FILE = "not_a_file"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    """It may be there: access is denied, a disk fails, a library is missing."""
    OUTSIDE = "outside"
    """It lies where this part may not read."""
    PRIVATE_ADDRESS = "private_address"
    FETCH_FAILED = "fetch_failed"
    """The store or the network failed, each time it was tried, or took too long."""


class StorageError(Exception):
    """Bytes cannot be had; `reason` says of which kind that is, the message why."""

    def __init__(self, reason: StorageReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def too_large(size: int, limit: int) -> StorageError:
    """Return the error of a file with too many bytes."""
    return StorageError(StorageReason.TOO_LARGE, f"has {size} bytes; at most {limit} are taken")

"""Reading photos that were sent: kept ones from the store, others by their uri's rules."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Self

from sketchzoo.fetch import FetchLimits
from sketchzoo.storage import Storage, StorageError, StorageReason
from sketchzoo.storage.local import path_of, read_file
from sketchzoo_ingest.outcome import Reason, RefusedError
from sketchzoo_ingest.sources import Candidate

_FILE = "file:"


class SentPhotos:
    """Reads candidates in threads; whose size is known is a kept file, any other lies at its uri.

    A file: uri is read below `roots` alone, links and all.
    """

    def __init__(
        self, roots: Sequence[Path], schemes: Collection[str], limits: FetchLimits
    ) -> None:
        """Raise `OSError` where a root is not there."""
        self._roots = tuple(root.resolve(strict=True) for root in roots)
        self._storage = Storage(schemes, limits)

    def __enter__(self) -> Self:
        self._storage.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._storage.__exit__(None, None, None)

    def read(self, candidate: Candidate, limit: int) -> bytes:
        """Return a photo's bytes.

        Raises:
            RefusedError: it can't be read, must not be, or has more than `limit` bytes.

        """
        try:
            if candidate.size is not None:
                return read_file(candidate.location, limit)
            if candidate.location.lower().startswith(_FILE):
                return read_file(self._below_root(candidate.location), limit)
            return self._storage.read(candidate.location, limit)
        except StorageError as error:
            raise RefusedError(Reason(error.reason.value), str(error)) from error

    def _below_root(self, uri: str) -> Path:
        outside = StorageError(
            StorageReason.OUTSIDE, "lies outside of this service's roots (--roots)"
        )
        try:
            path = path_of(uri).resolve(strict=True)
        except (OSError, ValueError, RuntimeError):
            # Whether it is there is nobody's business outside of the roots.
            raise outside from None
        if not any(path.is_relative_to(root) for root in self._roots):
            raise outside
        return path

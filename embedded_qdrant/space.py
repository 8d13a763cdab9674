"""Space: what is left of the file system that holds the storage.

The engine writes through memory maps of sparse files. A page that the file system has no
block for ends the process with SIGBUS, in the middle of a write, and nothing can catch it. So
writes stop while something is left.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from sketchzoo.rpc import exhausted

_MIB = 1024 * 1024
# A write goes to the log, to the vectors and payloads, and now and then to a new page of each.
_COPIES = 3
_RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Space:
    """The file system of `path`, of which `reserve_bytes` are kept free."""

    path: Path
    reserve_bytes: int

    def free(self) -> int:
        """Return the bytes that an ordinary user may still write."""
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def lacks(self, size: int) -> bool:
        """Tell whether `size` more bytes would take what is kept free."""
        return self.free() < self.reserve_bytes + size

    def require(self, size: int) -> None:
        """Refuse a write of `size` bytes that there is no room for.

        Raises:
            CallError: RESOURCE_EXHAUSTED, and nothing was written.

        """
        if self.lacks(_COPIES * size):
            raise exhausted(
                f"No space left on device: {self.free() // _MIB} MiB are free and "
                f"{self.reserve_bytes // _MIB} are kept so (min_free_bytes)",
                _RETRY_SECONDS,
            )

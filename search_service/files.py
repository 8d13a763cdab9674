"""Photos' files: only those below the gallery's roots, and only as they were ingested.

The roots are the operator's: settings, and on one machine the folders that ingest listed.

A uri comes from the gallery, which others may write: it is resolved, links and all,
and must lie below a root. What was opened must be the regular file that was meant, and
its content must have the SHA-256 that the photo was ingested with. So no uri, however
made, reads anything but a photo of the gallery.
"""

import hashlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from sketchzoo.gallery_roots import RootsFile
from sketchzoo.qdrant import Photo
from sketchzoo.rpc import CallError, not_found, precondition


class GalleryFiles:
    """Reads photos' files below `roots` and what `listed` lists, of at most `max_bytes`."""

    def __init__(
        self, roots: Sequence[Path], max_bytes: int, listed: RootsFile | None = None
    ) -> None:
        self._roots = tuple(root.resolve(strict=True) for root in roots)
        self._listed = listed
        self._max_bytes = max_bytes

    def read(self, photo: Photo) -> bytes:
        """Return a photo's file; blocks on the disk.

        Raises:
            CallError: FAILED_PRECONDITION, it lies outside of the roots or is too large;
                NOT_FOUND, it has gone or is not what was ingested.

        """
        path = self._resolve(photo.uri)
        try:
            content = self._read(path)
        except OSError as error:
            # The path is not told: only the uri is the caller's business.
            raise not_found(f"the photo's file has gone: {photo.uri}") from error
        if hashlib.sha256(content).hexdigest() != photo.sha256:
            raise not_found(f"the photo's file has changed since it was ingested: {photo.uri}")
        return content

    def _resolve(self, uri: str) -> Path:
        try:
            parts = urlsplit(uri)
        except ValueError as error:
            raise _outside(uri) from error
        if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
            raise precondition(
                "OUTSIDE_GALLERY", f"the photo is no file of this machine; it lies at {uri}"
            )
        try:
            named = Path(os.fsdecode(unquote_to_bytes(parts.path)))
            path = named.resolve(strict=True)
        except FileNotFoundError as error:
            # Told apart from `outside` only where a root may hold it.
            if self._holds(Path(os.path.normpath(named))):
                raise not_found(f"the photo's file has gone: {uri}") from error
            raise _outside(uri) from error
        except (OSError, ValueError, RuntimeError) as error:
            raise _outside(uri) from error
        if not self._holds(path):
            raise _outside(uri)
        return path

    def _holds(self, path: Path) -> bool:
        listed = self._listed.read() if self._listed else ()
        return any(path.is_relative_to(root) for root in (*self._roots, *listed))

    def _read(self, path: Path) -> bytes:
        # The path is resolved: a link in its last place was put there just now. A pipe
        # would block without O_NONBLOCK.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            known = os.fstat(descriptor)
            if not stat.S_ISREG(known.st_mode):
                raise FileNotFoundError(path)
            if known.st_size > self._max_bytes:
                raise precondition(
                    "TOO_LARGE",
                    f"the photo's file has {known.st_size} bytes; "
                    f"at most {self._max_bytes} are sent",
                )
            return file.read(self._max_bytes)


def _outside(uri: str) -> CallError:
    return precondition(
        "OUTSIDE_GALLERY",
        f"the photo lies outside of the gallery's roots: {uri}; start search with "
        "--gallery-roots and its folder",
    )

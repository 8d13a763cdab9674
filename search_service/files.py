"""Photos' files of this machine: only those below the gallery's roots.

The roots are the operator's: settings, and on one machine the folders that ingest listed.

A uri comes from the gallery, which others may write: it is resolved, links and all,
and must lie below a root. What was opened must be the regular file that was meant. With the
SHA-256 that `search_service/originals.py` asks of it, no uri, however made, reads anything but a
photo of the gallery.
"""

import os
import stat
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote_to_bytes, urlsplit

from sketchzoo.gallery_roots import RootsFile
from sketchzoo.rpc import CallError, NotFoundError, not_found, precondition


class GalleryFiles:
    """Reads photos' files below `roots`, what `listed` lists, and `store`, which may come later."""

    def __init__(
        self, roots: Sequence[Path], listed: RootsFile | None = None, store: Path | None = None
    ) -> None:
        resolved = [root.resolve(strict=True) for root in roots]
        self._roots = tuple(resolved if store is None else [*resolved, store.resolve()])
        self._listed = listed

    def check(self, uri: str) -> None:
        """Refuse a file outside of the roots; one that has gone lay where it was named.

        Raises:
            CallError: FAILED_PRECONDITION.

        """
        with suppress(NotFoundError):
            self.resolve(uri)

    def read(self, uri: str, most: int) -> bytes:
        """Return a file of at most `most` bytes; blocks on the disk.

        Raises:
            CallError: FAILED_PRECONDITION, it lies outside of the roots or is too large;
                NOT_FOUND, it has gone.

        """
        with self.open(uri, most) as file:
            try:
                return file.read(most)
            except OSError as error:
                raise _gone(uri) from error

    def open(self, uri: str, most: int) -> BinaryIO:
        """Open a file of at most `most` bytes; raises as `read`."""
        path = self.resolve(uri)
        try:
            return _open(path, most)
        except OSError as error:
            raise _gone(uri) from error

    def resolve(self, uri: str) -> Path:
        """Return a file's path, links followed; raises as `read`."""
        try:
            parts = urlsplit(uri)
        except ValueError as error:
            raise outside(uri) from error
        if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
            raise outside(uri)
        try:
            named = Path(os.fsdecode(unquote_to_bytes(parts.path)))
            path = named.resolve(strict=True)
        except FileNotFoundError as error:
            # Told apart from `outside` only where a root may hold it.
            if self._holds(Path(os.path.normpath(named))):
                raise _gone(uri) from error
            raise outside(uri) from error
        except (OSError, ValueError, RuntimeError) as error:
            raise outside(uri) from error
        if not self._holds(path):
            raise outside(uri)
        return path

    def _holds(self, path: Path) -> bool:
        listed = self._listed.read() if self._listed else ()
        return any(path.is_relative_to(root) for root in (*self._roots, *listed))


def _open(path: Path, most: int) -> BinaryIO:
    # The path is resolved: a link in its last place was put there just now. A pipe
    # would block without O_NONBLOCK.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with ExitStack() as undo:
        undo.callback(os.close, descriptor)
        known = os.fstat(descriptor)
        if not stat.S_ISREG(known.st_mode):
            raise FileNotFoundError(path)
        if known.st_size > most:
            raise precondition(
                "TOO_LARGE",
                f"the photo's file has {known.st_size} bytes; at most {most} are read",
            )
        undo.pop_all()
    return os.fdopen(descriptor, "rb")


def _gone(uri: str) -> CallError:
    # The path is not told: only the uri is the caller's business.
    return not_found(f"the photo's file has gone: {uri}")


def outside(uri: str, why: str = "") -> CallError:
    """Return why a photo is not read: it lies where the operator allows nothing."""
    return precondition(
        "OUTSIDE_GALLERY",
        f"the photo lies outside of the gallery's roots: {uri}; "
        + (why or "start search with --gallery-roots and its folder, or --gallery-uris"),
    )

"""Originals: photos' files wherever they lie, below what the operator allows.

Files of this machine go by `search_service/files.py`'s rules. Others, and members of tar files, are
read only below the uris that are set as roots, whatever a photo's uri says, and only as they were
ingested: their content has the SHA-256 that the gallery holds.
"""

import hashlib
import io
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from search_service.files import GalleryFiles, outside
from sketchzoo.fetch import FetchLimits
from sketchzoo.qdrant import Photo
from sketchzoo.rpc import CallError, not_found, precondition, unavailable
from sketchzoo.storage import Member, Storage, StorageError, StorageReason

_TAR = "tar+"
# What reads a scheme, and the extra that brings it.
_NEEDED = {
    "http": ("httpx", "ingest"),
    "https": ("httpx", "ingest"),
    "s3": ("s3fs", "s3"),
    "gs": ("gcsfs", "gs"),
}
T = TypeVar("T")
_GONE = (StorageReason.NOT_FOUND, StorageReason.NOT_A_FILE)


class Originals:
    """Reads photos' files; blocks, for threads. It is open while the context is.

    `uris` are what other uris than files' must begin with; `limits` hold for each fetch. Copies
    lie in the folder `copies`, without one in the system's for temporary files.

    Raises:
        OSError: the folder for copies cannot be made or written to.
        ValueError: a uri is none that can be read here; the message says what is missing.

    """

    def __init__(
        self,
        files: GalleryFiles,
        uris: Sequence[str],
        limits: FetchLimits | None = None,
        copies: Path | None = None,
    ) -> None:
        self._files = files
        self._copies = copies
        if copies is not None:
            copies.mkdir(mode=0o700, parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=copies).close()  # it can be written to
        self._roots = tuple(_root(uri) for uri in uris)
        schemes = {root.scheme for root in self._roots}
        self._storage = Storage({*schemes, "file"}, limits)
        self._open = ExitStack()
        for uri, root in zip(uris, self._roots, strict=True):
            module, extra = _NEEDED.get(root.scheme, ("fsspec", "s3"))
            if find_spec(module) is None:
                raise ValueError(f"{uri} needs {module}: pip install 'sketchzoo[{extra}]'")

    def is_near(self, photo: Photo) -> bool:
        """Tell whether a photo's bytes lie on this machine."""
        return _place(photo.uri).startswith("file:")

    def is_file(self, photo: Photo) -> bool:
        """Tell whether a photo is a file of this machine, which is opened without a copy."""
        return photo.uri.startswith("file:")

    def check(self, photo: Photo) -> None:
        """Refuse a photo that lies where nothing may be read.

        Raises:
            CallError: FAILED_PRECONDITION.

        """
        place = _place(photo.uri)
        if place.startswith("file:"):
            self._files.check(place)
        elif not any(_is_below(place, root) for root in self._roots):
            raise outside(photo.uri)

    def read(self, photo: Photo, most: int) -> bytes:
        """Return a photo's file of at most `most` bytes.

        Raises:
            CallError: FAILED_PRECONDITION, it lies outside of the roots, is too large or cannot
                be read; NOT_FOUND, it has gone or is not what was ingested; UNAVAILABLE, where
                it lies does not answer.

        """
        if self.is_file(photo):
            content = self._files.read(photo.uri, most)
        else:
            self.check(photo)
            content = self._ask(photo.uri, lambda uri: self._storage.read(uri, most))
        if hashlib.sha256(content).hexdigest() != photo.sha256:
            raise changed(photo)
        return content

    def open(self, photo: Photo, most: int, unwanted: Callable[[], bool]) -> BinaryIO:
        """Open a photo's file, or a copy on this machine's disk that nobody else sees.

        What is in it is not looked at. A copy is given up once it is `unwanted`.

        Raises:
            CallError: as `read`; UNAVAILABLE, it is unwanted, or no copy can be kept.

        """
        if self.is_file(photo):
            return self._files.open(photo.uri, most)
        self.check(photo)
        with ExitStack() as undo:
            try:
                copy = undo.enter_context(_Copy(self._copies, unwanted))
                self._ask(photo.uri, lambda uri: self._storage.copy(uri, copy, most))
                copy.seek(0)
            except OSError as error:
                why = f"no copy of the photo can be kept: {error.strerror}"
                raise unavailable("the search service", why) from error
            undo.pop_all()
        return copy

    def _ask(self, uri: str, ask: Callable[[str], T]) -> T:
        """Ask the storage for a photo; what it says is told as a call's error."""
        try:
            if uri.startswith(_TAR):
                member = Member.parse(uri)
                if member.container.startswith("file:"):
                    # What was looked at is read, wherever a link leads by now.
                    path = self._files.resolve(member.container)
                    uri = replace(member, container=path.as_uri()).uri
            return ask(uri)
        except ValueError as error:
            raise outside(uri) from error
        except StorageError as error:
            raise _told(error, uri) from error

    def __enter__(self) -> Self:
        self._open.enter_context(self._storage)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()


class _Copy(io.BufferedRandom):
    """A file without a name, whose writer gives up once it is `unwanted`."""

    def __init__(self, folder: Path | None, unwanted: Callable[[], bool]) -> None:
        made: Any = tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115 - see close
        super().__init__(made)
        self._unwanted = unwanted

    def write(self, content: Any, /) -> int:
        """Write, unless nobody wants it."""
        if self._unwanted():
            raise unavailable("the search service", "nobody waits for the photo any more")
        return super().write(content)


def changed(photo: Photo) -> CallError:
    """Return why a file is no photo: it is not what was ingested."""
    return not_found(f"the photo's file has changed since it was ingested: {photo.uri}")


def _place(uri: str) -> str:
    """Return where a photo's bytes lie: its uri, or that of the tar file that it is in."""
    if not uri.startswith(_TAR):
        return uri
    try:
        return Member.parse(uri).container
    except ValueError as error:
        raise outside(uri) from error


def _root(uri: str) -> SplitResult:
    try:
        root = urlsplit(uri)
    except ValueError as error:
        raise ValueError(f"{uri} is no uri") from error
    if not root.scheme or not root.netloc or root.scheme == "file" or root.query or root.fragment:
        raise ValueError(
            f"{uri} must look like s3://bucket/photos or https://host/photos; folders of this "
            "machine are gallery_roots"
        )
    return root


def _is_below(uri: str, root: SplitResult) -> bool:
    """Tell whether a uri lies at or below a root: no part of its path leads up again."""
    try:
        found = urlsplit(uri)
    except ValueError:
        return False
    if (found.scheme, found.netloc) != (root.scheme, root.netloc):
        return False
    # A bucket's keys are no paths of a web server's: nothing is unquoted to compare.
    plain = unquote(found.path)
    if "\\" in plain or {".", ".."} & set(plain.split("/")):
        return False
    return f"{found.path}/".startswith(f"{root.path.rstrip('/')}/")


def _told(error: StorageError, uri: str) -> CallError:
    if error.reason in _GONE:
        return not_found(f"the photo's file has gone: {uri}")
    if error.reason is StorageReason.FETCH_FAILED:
        return unavailable("the photo's store", f"{uri} {error}")
    if error.reason in (StorageReason.OUTSIDE, StorageReason.PRIVATE_ADDRESS):
        return outside(uri, str(error))
    reason = "TOO_LARGE" if error.reason is StorageReason.TOO_LARGE else "UNREADABLE"
    return precondition(reason, f"the photo's file {error}: {uri}")

"""Stores: buckets and whatever else fsspec has a filesystem for, reached by their uris.

Credentials, endpoints and regions come from the environment, as each store's own tools read
them; none is taken from a uri.
"""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO, TypeVar

from sketchzoo.fetch import FetchLimits
from sketchzoo.storage.error import StorageError, StorageReason, too_large
from sketchzoo.storage.found import Found, time_of

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}
"""The extra of ours that brings a scheme's library."""
_OWN = ("file", "local", "http", "https", "memory")
_PIECE = 8 * 1024 * 1024
_MODIFIED = ("LastModified", "last_modified", "updated", "mtime", "modified", "created")
Answer = TypeVar("Answer")


def scheme_of(uri: str) -> str:
    """Return a uri's scheme in lower case; empty where it has none."""
    scheme, colon, _ = uri.partition("://")
    return scheme.lower() if colon else ""


def path_in(uri: str) -> str:
    """Return a uri without its scheme: bucket and key."""
    return uri.partition("://")[2]


class Stores:
    """Reads and lists in several stores; each is opened when it is first asked, and kept.

    For threads, several at once. A call is given up after `limits.seconds`; within them the
    store's library tries again what may pass.
    """

    def __init__(self, limits: FetchLimits) -> None:
        self._limits = limits
        self._mutex = threading.Lock()
        self._open: dict[str, Any] = {}

    def check(self, uri: str) -> None:
        """Refuse a uri of no store that is known here, before anything is asked of it.

        Raises:
            StorageError: its scheme is nobody's, or the library for it is not installed.

        """
        self._store(scheme_of(uri))

    def read(self, uri: str, limit: int) -> bytes:
        """Return a file's bytes, at most `limit`.

        Raises:
            StorageError: it is not there, is larger, or could not be had.

        """
        content = self._part(uri, 0, limit + 1)
        if len(content) > limit:
            raise too_large(self.find(uri).size or len(content), limit)
        return content

    def read_part(self, uri: str, first: int, size: int) -> bytes:
        """Return `size` bytes of a file, or fewer where it ends.

        Raises:
            StorageError: it is not there or could not be had.

        """
        return self._part(uri, first, first + size) if size else b""

    def find(self, uri: str) -> Found:
        """Return what a store says of a file.

        Raises:
            StorageError: it is not there or could not be had.

        """
        return _found(self._call(uri, "info"))

    def entries(self, uri: str) -> list[Found]:
        """Return what lies right below a folder, in no order.

        Raises:
            StorageError: it could not be listed; NOT_FOUND where nothing begins so.

        """
        own = path_in(uri).strip("/")
        listed: list[dict[str, Any]] = self._call(uri, "ls", detail=True)
        found = (_found(each) for each in listed)
        # Some tools keep an empty object in a folder's place.
        return [each for each in found if each.path.strip("/") != own]

    def copy(self, uri: str, file: BinaryIO, limit: int) -> None:
        """Bring a file's bytes into a local one, piece by piece.

        Raises:
            StorageError: it is not there, has more than `limit` bytes, or could not be had.

        """
        size = self.find(uri).size
        if size is None:
            raise StorageError(StorageReason.UNREADABLE, "cannot be read: its size is not told")
        if size > limit:
            raise too_large(size, limit)
        for first in range(0, size, _PIECE):
            part = self._part(uri, first, min(first + _PIECE, size))
            if len(part) < min(_PIECE, size - first):
                raise StorageError(StorageReason.FETCH_FAILED, "became shorter while it was read")
            file.write(part)

    def _part(self, uri: str, first: int, end: int) -> bytes:
        try:
            content: bytes = self._call(uri, "cat_file", start=first, end=end)
        except StorageError as error:
            # No range of an empty file can be had.
            failed = error.reason is StorageReason.FETCH_FAILED
            if failed and first == 0 and self.find(uri).size == 0:
                return b""
            raise
        return content

    def _call(self, uri: str, method: str, **arguments: Any) -> Any:
        store = self._store(scheme_of(uri))
        if store.async_impl:
            arguments["timeout"] = self._limits.seconds
        return _translated(getattr(store, method), path_in(uri), **arguments)

    def _store(self, scheme: str) -> Any:
        with self._mutex:
            if scheme not in self._open:
                self._open[scheme] = _open(scheme, self._limits)
            return self._open[scheme]


def _open(scheme: str, limits: FetchLimits) -> Any:
    extra = EXTRAS.get(scheme)
    lacking = (
        f"cannot be read: install `sketchzoo[{extra}]` for {scheme}://"
        if extra
        else f"cannot be read: nothing here reads {scheme}://"
    )
    if scheme in _OWN:
        raise StorageError(StorageReason.UNREADABLE, lacking)
    try:
        import fsspec  # noqa: PLC0415 - only whoever has buckets needs it

        known = fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        raise StorageError(StorageReason.UNREADABLE, lacking) from error
    except ValueError as error:
        raise StorageError(StorageReason.UNREADABLE, f"{lacking} ({error})") from error
    options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
    if extra == "s3":
        options["config_kwargs"] = {
            "connect_timeout": limits.connect_seconds,
            "read_timeout": limits.read_seconds,
            "max_pool_connections": limits.at_once,
        }
    store = _translated(known, **options)
    if hasattr(store, "retries"):  # of buckets: how often a request is sent at most
        store.retries = limits.attempts
    return store


def _translated(do: Callable[..., Answer], *arguments: Any, **named: Any) -> Answer:
    """Call a store's library; what it raises is told in one way."""
    try:
        return do(*arguments, **named)
    except FileNotFoundError as error:
        raise StorageError(StorageReason.NOT_FOUND, "is not there") from error
    except IsADirectoryError as error:
        raise StorageError(StorageReason.NOT_A_FILE, "is not a file") from error
    except PermissionError as error:
        raise StorageError(
            StorageReason.UNREADABLE, f"cannot be read: access is denied ({_told(error)})"
        ) from error
    except TimeoutError as error:
        raise StorageError(StorageReason.FETCH_FAILED, "took too long to answer") from error
    except Exception as error:
        # Every store's library has errors of its own, and no base class in common.
        raise StorageError(
            StorageReason.FETCH_FAILED, f"cannot be fetched: {_told(error)}"
        ) from error


def _told(error: Exception) -> str:
    lines = list(_lines(str(error)))
    return lines[0][:300] if lines else type(error).__name__


def _lines(text: str) -> Iterator[str]:
    return (line.strip() for line in text.splitlines() if line.strip())


def _found(told: dict[str, Any]) -> Found:
    size = told.get("size")
    return Found(
        told["name"],
        told.get("type") == "directory",
        size if isinstance(size, int) else None,
        next(filter(None, (_time(told.get(name)) for name in _MODIFIED)), None),
    )


def _time(told: object) -> datetime | None:
    if isinstance(told, datetime):
        return told if told.tzinfo else told.replace(tzinfo=UTC)
    if isinstance(told, int | float) and not isinstance(told, bool):
        return time_of(told)
    try:
        when = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return None
    return when.replace(tzinfo=UTC) if when and not when.tzinfo else when

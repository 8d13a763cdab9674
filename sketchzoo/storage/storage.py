"""Reading by uri, whatever it leads to."""

import gzip
import time
import zlib
from collections.abc import Collection
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from sketchzoo.fetch import FetchLimits, Url
from sketchzoo.storage.error import StorageError, StorageReason, too_large
from sketchzoo.storage.local import open_file, path_of, read_file
from sketchzoo.storage.member import PREFIX, Member, container
from sketchzoo.storage.stores import Stores, scheme_of
from sketchzoo.storage.web import Web

SCHEMES = frozenset({"file", "http", "https", "s3", "gs"})
"""What is read where nobody says otherwise; members of tar files lie in one of them."""
_WEB = ("http", "https")
_PIECE = 1024 * 1024


class Storage:
    """Reads what uris name; to be entered before, and left for good.

    For threads, several at once: a call blocks. Urls are fetched by the project's own fetcher
    and its rules (public addresses alone, unless `limits` allow others); buckets by fsspec,
    where the extra that brings it is installed, with credentials from the environment.
    """

    def __init__(
        self, schemes: Collection[str] = SCHEMES, limits: FetchLimits | None = None
    ) -> None:
        """Read from `schemes` alone: what any uri leads to is the operator's to say."""
        self._schemes = frozenset(schemes)
        self._limits = limits or FetchLimits()
        self._opened = ExitStack()
        self.web = Web(self._limits)
        self.stores = Stores(self._limits)

    def __enter__(self) -> Self:
        self._opened.enter_context(self.web)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.close()

    def read(self, uri: str, limit: int) -> bytes:
        """Return the bytes that a uri names, at most `limit` of them.

        Raises:
            StorageError: there are none, there are more, or they could not be had.

        """
        self.check(uri)
        if uri.startswith(PREFIX):
            return self._member(Member.parse(uri), limit)
        if scheme_of(uri) in _WEB:
            return self.web.read(Url.parse(uri), limit)
        if scheme_of(uri) == "file":
            return read_file(path_of(uri), limit)
        return self.stores.read(uri, limit)

    def check(self, uri: str) -> None:
        """Refuse a uri that is none, or of a scheme that may not be read from.

        Raises:
            StorageError: OUTSIDE, it must not be read.

        """
        try:
            inner = container(uri)
            scheme = scheme_of(inner)
            if scheme in _WEB:
                Url.parse(inner)
            elif scheme == "file":
                path_of(inner)
        except ValueError as error:
            raise StorageError(StorageReason.OUTSIDE, f"is no usable uri: it {error}") from error
        if scheme not in self._schemes:
            raise StorageError(
                StorageReason.OUTSIDE,
                f"lies at {scheme or 'no'}://; read here: {', '.join(sorted(self._schemes))}",
            )

    def _member(self, member: Member, limit: int) -> bytes:
        if member.size > limit:
            raise too_large(member.size, limit)
        if member.container.endswith((".gz", ".tgz")):
            return self._unpacked(member)
        scheme = scheme_of(member.container)
        if scheme == "file":
            with open_file(path_of(member.container)) as file:
                file.seek(member.first)
                content = file.read(member.size)
        elif scheme in _WEB:
            raise StorageError(
                StorageReason.UNREADABLE, "lies in a tar file behind a url: no part of it is read"
            )
        else:
            content = self.stores.read_part(member.container, member.first, member.size)
        return _whole(content, member)

    def _unpacked(self, member: Member) -> bytes:
        """Read a member of a compressed tar file: all before it has to be unpacked."""
        if scheme_of(member.container) != "file":
            raise StorageError(
                StorageReason.UNREADABLE,
                "lies in a compressed tar file elsewhere: all before it would be fetched",
            )
        until = time.monotonic() + self._limits.seconds
        try:
            with open_file(path_of(member.container)) as packed, gzip.open(packed) as file:
                left = member.first
                while left and (skipped := file.read(min(left, _PIECE))):
                    left -= len(skipped)
                    if time.monotonic() > until:
                        raise StorageError(
                            StorageReason.FETCH_FAILED,
                            f"took over {self._limits.seconds:g} s to unpack what is before it",
                        )
                return _whole(file.read(member.size), member)
        except (OSError, EOFError, zlib.error) as error:
            raise StorageError(StorageReason.UNREADABLE, f"cannot be unpacked: {error}") from error


def _whole(content: bytes, member: Member) -> bytes:
    if len(content) < member.size:
        raise StorageError(StorageReason.NOT_FOUND, "is not there: its tar file is shorter now")
    return content

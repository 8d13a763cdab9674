"""Reading by uri, whatever it leads to."""

import gzip
import time
import zlib
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import BinaryIO, Self

from sketchzoo.fetch import FetchLimits, Part, Url
from sketchzoo.storage.copies import Copies, FileSink
from sketchzoo.storage.error import StorageError, StorageReason, too_large
from sketchzoo.storage.found import Found
from sketchzoo.storage.local import (
    find_file,
    open_file,
    path_of,
    read_file,
    read_part,
    read_pieces,
)
from sketchzoo.storage.member import PREFIX, Member, container, is_packed
from sketchzoo.storage.stores import Stores, scheme_of
from sketchzoo.storage.web import Web

SCHEMES = frozenset({"file", "http", "https", "s3", "gs"})
"""What is read where nobody says otherwise; members of tar files lie in one of them."""
_WEB = ("http", "https")
_PIECE = 1024 * 1024
# What is asked for at once of a member that lies elsewhere.
_PART = 8 * _PIECE


@dataclass(frozen=True, slots=True)
class CopyLimits:
    """The bounds of copying whole files: tar files and tables from elsewhere."""

    max_bytes: int = 16 * 1024**3
    """Disk that they take; a larger file is not copied."""
    seconds: float = 3600.0
    """One url in all; of a bucket's object each piece has the deadline of a read."""

    def __post_init__(self) -> None:
        if self.max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1, not {self.max_bytes}")
        if self.seconds <= 0:
            raise ValueError(f"seconds must be above 0, not {self.seconds}")


class Storage:
    """Reads what uris name; to be entered before, and left for good.

    For threads, several at once: a call blocks. Urls are fetched by the project's own fetcher
    and its rules (public addresses alone, unless `limits` allow others); buckets by fsspec,
    where the extra that brings it is installed, with credentials from the environment.
    """

    def __init__(
        self,
        schemes: Collection[str] = SCHEMES,
        limits: FetchLimits | None = None,
        copies: CopyLimits | None = None,
    ) -> None:
        """Read from `schemes` alone: what any uri leads to is the operator's to say."""
        copies = copies or CopyLimits()
        self._schemes = frozenset(schemes)
        self._limits = limits or FetchLimits()
        self._opened = ExitStack()
        self._web = Web(self._limits)
        self._copying = Web(replace(self._limits, seconds=copies.seconds))
        self._stores = Stores(self._limits)
        self._copies = Copies(self._bring, copies.max_bytes)

    def __enter__(self) -> Self:
        self._opened.enter_context(self._web)
        self._opened.enter_context(self._copying)
        self._opened.callback(self._copies.close)
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
            return self._web.read(Url.parse(uri), limit)
        if scheme_of(uri) == "file":
            return read_file(path_of(uri), limit)
        return self._stores.read(uri, limit)

    def copy(self, uri: str, file: BinaryIO, limit: int) -> None:
        """Bring the bytes that a uri names, at most `limit` of them, into a file by pieces.

        A url has the time of a read in all, of what lies in buckets each piece. The file may be
        half written where it fails.

        Raises:
            StorageError: as `read`.

        """
        self.check(uri)
        if uri.startswith(PREFIX):
            member = Member.parse(uri)
            if member.size > limit:
                raise too_large(member.size, limit)
            if is_packed(member.container):
                file.writelines(self._unpacked(member, _PIECE))
            else:
                file.writelines(map(self._part, _parts(member)))
        elif scheme_of(uri) in _WEB:
            self._web.fetch(Url.parse(uri), FileSink(file, limit))
        elif scheme_of(uri) == "file":
            file.writelines(read_pieces(path_of(uri), limit))
        else:
            self._stores.copy(uri, file, limit)

    def entries(self, uri: str) -> list[Found]:
        """Return what lies right below a folder of a bucket, in no order.

        Raises:
            StorageError: it could not be listed; NOT_FOUND where nothing begins so.

        """
        self.check(uri)
        return self._stores.entries(uri)

    def find(self, uri: str) -> Found | None:
        """Return what is known of a file without reading it; None where only reading tells.

        Raises:
            StorageError: it is not there or could not be asked for.

        """
        self.check(uri)
        if scheme_of(uri) in _WEB or uri.startswith(PREFIX):
            return None
        if scheme_of(uri) == "file":
            return find_file(path_of(uri))
        return self._stores.find(uri)

    def open(self, uri: str, *, unpacked: bool = False) -> BinaryIO:
        """Open a whole file, however large, to be read here and there.

        What lies elsewhere is copied first, to a temporary file that is kept for a while; so is
        what is `unpacked` (gzip). Whoever opens a file closes it.

        Raises:
            StorageError: it could not be had.

        """
        self.check(uri)
        if scheme_of(uri) == "file" and not unpacked:
            return open_file(path_of(uri))
        return self._copies.open(uri, unpacked=unpacked)

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

    def _bring(self, uri: str, file: BinaryIO, limit: int) -> None:
        if scheme_of(uri) in _WEB:
            self._copying.fetch(Url.parse(uri), FileSink(file, limit))
        else:
            self._stores.copy(uri, file, limit)

    def _member(self, member: Member, limit: int) -> bytes:
        if member.size > limit:
            raise too_large(member.size, limit)
        if is_packed(member.container):
            return b"".join(self._unpacked(member, member.size))
        return self._part(member)

    def _part(self, member: Member) -> bytes:
        scheme = scheme_of(member.container)
        if scheme == "file":
            content = read_part(path_of(member.container), member.first, member.size)
        elif scheme in _WEB:
            part = Part(member.first, member.size)
            self._web.fetch(Url.parse(member.container), part)
            content = bytes(part.content)
        else:
            content = self._stores.read_part(member.container, member.first, member.size)
        return _whole(content, member.size)

    def _unpacked(self, member: Member, size: int) -> Iterator[bytes]:
        """Read a member of a compressed tar file in pieces of a size.

        All before it has to be unpacked.
        """
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
                left = member.size
                while left:
                    piece = file.read(min(left, size))
                    left -= len(piece)
                    yield _whole(piece, min(left + len(piece), size))
        except (OSError, EOFError, zlib.error) as error:
            raise StorageError(StorageReason.UNREADABLE, f"cannot be unpacked: {error}") from error


def _parts(member: Member) -> Iterator[Member]:
    """Yield a member by parts, which are read one after the other."""
    for first in range(0, member.size, _PART):
        size = min(_PART, member.size - first)
        yield replace(member, first=member.first + first, size=size)


def _whole(content: bytes, size: int) -> bytes:
    if len(content) < size:
        raise StorageError(StorageReason.NOT_FOUND, "is not there: its tar file is shorter now")
    return content

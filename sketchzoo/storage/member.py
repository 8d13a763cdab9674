"""Members: files within a tar file, by uris of their own.

`tar+s3://bucket/shard-0.tar!/cat/a.jpg#bytes=1536-3583` names the member `cat/a.jpg` of the
tar file `s3://bucket/shard-0.tar`, and the bytes that it has in there (of a compressed
tar file: after unpacking), first and last as in HTTP's ranges. By them it is read without
what lies before it.
"""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, unquote

_FORM = re.compile(
    r"tar\+(?P<container>.+)!/(?P<name>[^!]+)#bytes=(?P<first>[0-9]{1,19})-(?P<last>[0-9]{1,19})",
    re.DOTALL,
)
PREFIX = "tar+"
_MOST_BYTES = 2**63
"""No file has more."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a tar file: `first` is its first byte's offset, `size` its length in bytes."""

    container: str
    name: str
    first: int
    size: int

    def __post_init__(self) -> None:
        if not self.container or not self.name:
            raise ValueError("container and name must not be empty")
        if self.first < 0 or self.size < 0:
            raise ValueError(f"first and size must not be negative: {self.first}, {self.size}")
        if self.first + self.size >= _MOST_BYTES:
            raise ValueError(f"first and size must be a file's: {self.first}, {self.size}")

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Read a member's uri.

        Raises:
            ValueError: it is none.

        """
        found = _FORM.fullmatch(uri)
        if found is None:
            raise ValueError(
                f"must look like tar+file:///a.tar!/b.jpg#bytes=512-1023, not {uri[:200]!r}"
            )
        first, last = int(found["first"]), int(found["last"])
        name = unquote(found["name"], errors="surrogateescape")
        return cls(found["container"], name, first, last + 1 - first)

    @property
    def uri(self) -> str:
        """The uri by which the member is read again."""
        last = self.first + self.size - 1
        return f"{root(self.container)}{quoted(self.name)}#bytes={self.first}-{last}"


def is_packed(container: str) -> bool:
    """Tell whether a tar file is compressed, by its uri."""
    return container.partition("?")[0].lower().endswith((".gz", ".tgz"))


def root(container: str) -> str:
    """Return what the uris of all members of a tar file begin with."""
    return f"{PREFIX}{container}!/"


def container(uri: str) -> str:
    """Return the uri of the file that holds the bytes of `uri`: itself, if it is no member's."""
    return Member.parse(uri).container if uri.startswith(PREFIX) else uri


def quoted(name: str) -> str:
    """Return a member's name as its uri has it."""
    return quote(name, errors="surrogateescape")

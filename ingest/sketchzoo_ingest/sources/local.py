"""Files on this machine: their uris and their bytes."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sketchzoo.storage import StorageError, local
from sketchzoo_ingest.outcome import Reason, RefusedError

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class UriPrefix:
    """Files below `folder` get uris that start with `uri` instead of `file:///folder`."""

    folder: Path
    uri: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `FOLDER=URI`, for instance `/data=https://photos.example.org`.

        Raises:
            ValueError: it does not look like that.

        """
        folder, equals, uri = text.partition("=")
        if not equals or not folder or "://" not in uri:
            raise ValueError(
                f"{text!r} must look like FOLDER=URI, for instance "
                "/data=https://photos.example.org/zoo"
            )
        return cls(Path(os.path.abspath(folder)), uri.rstrip("/"))  # noqa: PTH100 - see LocalUris


class LocalUris:
    """The uris of files: `file:///absolute/path`, or what a prefix makes of it."""

    def __init__(self, prefixes: Sequence[UriPrefix] = ()) -> None:
        # The longest folder is the nearest.
        self._prefixes = sorted(prefixes, key=lambda p: len(p.folder.parts), reverse=True)

    def of(self, path: str | Path) -> str:
        """Return a file's uri.

        Links are kept as they are: a uri says what the operator wrote, and `..` is
        taken out by name only.
        """
        whole = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links
        for prefix in self._prefixes:
            if whole.is_relative_to(prefix.folder):
                # as_uri quotes what a uri cannot hold, and bytes that are not UTF-8.
                rest = whole.as_uri().removeprefix(prefix.folder.as_uri().rstrip("/"))
                return prefix.uri + rest
        return whole.as_uri()


def read_file(path: str, limit: int) -> bytes:
    """Return a file's bytes, at most `limit` of them.

    Raises:
        RefusedError: it is gone, cannot be read, is no file, or is longer.

    """
    try:
        return local.read_file(path, limit)
    except StorageError as error:
        raise refused(error) from error


def refused(error: StorageError) -> RefusedError:
    """Return the refusal of a photo whose bytes cannot be had."""
    return RefusedError(Reason(error.reason), str(error))


def printable(path: str) -> str:
    """Return a path that every log, report and terminal can hold, whatever bytes it has."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)

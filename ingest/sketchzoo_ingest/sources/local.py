"""Files on this machine: their uris and their bytes."""

import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

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
        # Without O_NONBLOCK, opening a pipe would wait for a writer forever.
        with open(path, "rb", opener=_open_nonblocking) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise RefusedError(Reason.NOT_A_FILE, "is not a file")
            if found.st_size > limit:
                raise too_large(found.st_size, limit)
            content = file.read(limit + 1)
    except FileNotFoundError as error:
        raise RefusedError(Reason.NOT_FOUND, "is not there") from error
    except (IsADirectoryError, ValueError) as error:
        raise RefusedError(Reason.NOT_A_FILE, f"is not a file: {error}") from error
    except OSError as error:
        raise RefusedError(Reason.UNREADABLE, f"cannot be read: {error.strerror}") from error
    if len(content) > limit:
        raise too_large(len(content), limit)
    return content


def printable(path: str) -> str:
    """Return a path that every log, report and terminal can hold, whatever bytes it has."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def too_large(size: int, limit: int) -> RefusedError:
    """Return the error of a photo with too many bytes."""
    return RefusedError(Reason.TOO_LARGE, f"has {size} bytes; at most {limit} are taken")


def _open_nonblocking(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))

"""Places: where the photos of a manifest lie, and where they may.

Whoever wrote a manifest need not be trusted with more than its own folder: files and objects
lie below that, or below a root that the operator names. Urls lead to public addresses alone,
which the fetcher sees to.
"""

import os
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from sketchzoo.fetch.url import Url
from sketchzoo.storage import local, path_in, scheme_of

_WEB = ("http", "https")


class RowError(ValueError):
    """A row that cannot be used."""


class OutsideError(RowError):
    """A row whose file lies outside the folders that it may lie in."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file on this machine: its absolute path as written, and with links followed."""

    path: Path
    real: Path


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in a store, by its uri."""

    uri: str


Place = LocalFile | StoredFile | Url


class Places:
    """The folders that a manifest's photos may lie in, and the columns that say where they do.

    `folder` is the manifest's own, None where it lies elsewhere; `base` is then its folder's uri,
    that ends in a slash. `stores` are uris of folders in buckets.
    """

    def __init__(
        self,
        folder: Path | None,
        roots: Sequence[Path] = (),
        *,
        base: str = "",
        stores: Sequence[str] = (),
        columns: Sequence[str] = ("path", "url"),
    ) -> None:
        self.columns = tuple(columns)
        named = (*([folder] if folder else ()), *roots)
        self._folder = None if folder is None else _whole(folder)
        self._folders = [f"{_whole(root)}/" for root in named]
        self._roots = [os.path.realpath(root) for root in named]
        self._base = base
        self._stores = [f"{store.rstrip('/')}/" for store in (*stores, *([base] if base else ()))]

    def locate(self, cells: Mapping[str, str]) -> Place:
        """Return where a row's photo lies.

        Raises:
            OutsideError: below none of the folders where it may lie.
            RowError: it is said nowhere, or twice, or cannot be read.

        """
        said = {name: text for name in self.columns if (text := cells.get(name, ""))}
        if len(said) != 1:
            wanted = f"a {', a '.join(self.columns[:-1])} or a {self.columns[-1]}"
            raise RowError(f"must have {wanted}, and only one of them")
        [(column, text)] = said.items()
        if column == "path":
            return self._path(text)
        if column == "url" or scheme_of(text) in _WEB:
            return _url(text, column)
        if scheme_of(text) == "file":
            try:
                path = str(local.path_of(text))
            except ValueError as error:
                raise RowError(f"its {column} {error}") from error
            return self._local(path, text)
        if not scheme_of(text):
            raise RowError(
                f"its {column} must be a uri, such as s3://bucket/a.jpg, not {text[:200]!r}"
            )
        return self._stored(text)

    def folder_of(self, place: Place) -> str:
        """Return the folder that a photo lies in, below one where it may; else nothing."""
        if isinstance(place, LocalFile):
            above, inner = self._folders, f"{place.path.parent}/"
        elif isinstance(place, Url):
            above = [Url.parse(self._base).text] if scheme_of(self._base) in _WEB else []
            inner = place.text.rpartition("/")[0] + "/"
        else:
            above, inner = self._stores, place.uri.rpartition("/")[0] + "/"
        begins = [folder for folder in above if inner.startswith(folder)]
        folder = inner.removeprefix(max(begins, key=len)).rstrip("/") if begins else ""
        return unquote(folder) if isinstance(place, Url) else folder

    def _path(self, text: str) -> Place:
        if self._folder is not None or text.startswith("/"):
            return self._local(text, text)
        if scheme_of(self._base) in _WEB:
            return _url(self._base + quote(_inner(text), errors="surrogateescape"), "path")
        return self._stored(self._base + _inner(text))

    def _local(self, path: str, text: str) -> LocalFile:
        if "\0" in path:
            raise RowError(f"its path must be a file's, not {text[:200]!r}")
        # `..` is taken out by name: uri and file are the same one, whatever is a link.
        whole = _whole(os.path.join(self._folder or "/", path))  # noqa: PTH118 - of any bytes
        real = Path(os.path.realpath(whole))
        if not any(real.is_relative_to(root) for root in self._roots):
            raise OutsideError(
                f"its path must be a file under the manifest's own folder, not {text[:200]!r}"
            )
        return LocalFile(Path(whole), real)

    def _stored(self, uri: str) -> StoredFile:
        parts = path_in(uri).split("/")
        if not any(uri.startswith(store) for store in self._stores) or ".." in parts:
            raise OutsideError(
                f"its uri must be below the manifest's own folder, not {uri[:200]!r}"
            )
        try:
            uri.encode()
        except UnicodeEncodeError as error:
            raise RowError("has a key that is not UTF-8") from error
        return StoredFile(uri)


def _whole(path: str | Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links


def _inner(path: str) -> str:
    """Return a path below a folder, without `.` and `..`."""
    inner = posixpath.normpath(path)
    if inner.startswith(("..", "/")):
        raise OutsideError(f"its path must be under the manifest's own folder, not {path[:200]!r}")
    return inner


def _url(text: str, column: str) -> Url:
    try:
        return Url.parse(text)
    except ValueError as error:
        raise RowError(f"its {column} {error}") from error

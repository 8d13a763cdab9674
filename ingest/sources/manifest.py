"""A CSV manifest: a row per photo, with its path or url, its class and further columns."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

from ingest.outcome import Reason, Refusal, RefusedError
from ingest.sources.columns import Columns, check_names
from ingest.sources.fetch import Fetcher
from ingest.sources.local import LocalUris, read_file
from ingest.sources.source import Candidate, check_class

_OWN = ("path", "url", "class")


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    cells: Mapping[str, str]
    problem: str = ""

    def further(self) -> dict[str, str]:
        return {name: text for name, text in self.cells.items() if name not in _OWN}


class ManifestSource:
    """Lists the rows of a CSV file (RFC 4180, UTF-8, with a header) in their order.

    Each row has a `class` and either a `path`, relative to the manifest's own folder,
    or a `url` (http or https). All further columns become payload fields; a column's
    type is inferred from all of its rows.
    """

    # A manifest does not say which photos were in it once.
    root = None

    def __init__(
        self, path: Path, fetcher: Fetcher | None = None, uris: LocalUris | None = None
    ) -> None:
        """Read the header and all rows once, to learn the columns' types.

        Raises:
            ValueError: the file or its header cannot be used; the message says why.

        """
        self.name = str(path)
        self._path = path
        self._fetcher = fetcher or Fetcher()
        self._uris = uris or LocalUris()
        self._check_header()
        rows = self._rows()
        self._columns = Columns.infer(row.further() for row in rows if not row.problem)

    def candidates(self) -> Iterator[Candidate | Refusal]:
        """Yield a photo for each row."""
        for row in self._rows():
            origin = f"{self.name}:{row.line}"
            if row.problem:
                yield Refusal(origin, Reason.BAD_ROW, row.problem)
                continue
            try:
                yield self._candidate(row, origin)
            except RefusedError as error:
                yield Refusal(origin, error.reason, error.message)

    def read(self, candidate: Candidate, limit: int) -> bytes:
        """Return a photo's bytes, from its file or its url."""
        if _is_url(candidate.location):
            return self._fetcher.fetch(candidate.location, limit)
        return read_file(candidate.location, limit)

    def _candidate(self, row: _Row, origin: str) -> Candidate:
        class_name = check_class(row.cells["class"].strip())
        path, url = row.cells.get("path", "").strip(), row.cells.get("url", "").strip()
        if bool(path) == bool(url):
            raise RefusedError(Reason.BAD_ROW, "must have a path or a url, and not both")
        payload = self._columns.payload(row.further())
        if url:
            parts = _split(url)
            if parts not in ("http", "https"):
                raise RefusedError(Reason.BAD_ROW, f"its url must be http or https, not {url!r}")
            return Candidate(url, class_name, url, origin, payload=payload)
        whole = self._path.parent / path
        try:
            size = whole.stat().st_size
        except OSError:
            size = 0  # reading will say what is wrong
        return Candidate(self._uris.of(whole), class_name, str(whole), origin, size, payload)

    def _check_header(self) -> None:
        try:
            with self._open() as file:
                header = next(csv.reader(file), [])
        except (OSError, csv.Error) as error:
            raise ValueError(f"{self._path} cannot be read as CSV: {error}") from error
        names = [name.strip() for name in header]
        if "class" not in names or not {"path", "url"} & set(names):
            raise ValueError(
                f"{self._path} must start with a header that names `class` and `path` or `url`, "
                f"not {', '.join(map(repr, names)) or 'nothing'}"
            )
        own = [name for name in names if name in _OWN]
        if len(own) != len(set(own)):
            raise ValueError(f"{self._path}: a column of {', '.join(own)} is there twice")
        try:
            check_names(name for name in names if name not in _OWN)
        except ValueError as error:
            raise ValueError(f"{self._path}: {error}") from error
        self._names = names

    def _open(self) -> TextIO:
        # Bytes that are not UTF-8 spoil their own row only.
        return self._path.open(newline="", encoding="utf-8-sig", errors="surrogateescape")

    def _rows(self) -> Iterator[_Row]:
        with self._open() as file:
            reader = csv.reader(file, strict=True)
            next(reader)
            while True:
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield _Row(reader.line_num, {}, f"is not CSV: {error}")
                    continue
                if cells:
                    yield self._row(reader.line_num, cells)

    def _row(self, line: int, cells: list[str]) -> _Row:
        if len(cells) != len(self._names):
            return _Row(line, {}, f"has {len(cells)} cells; the header has {len(self._names)}")
        row = dict(zip(self._names, cells, strict=True))
        try:
            # A path may hold any bytes, as files' names do.
            "".join(text for name, text in row.items() if name != "path").encode()
        except UnicodeEncodeError:
            return _Row(line, {}, "is not UTF-8")
        return _Row(line, row)


def _is_url(location: str) -> bool:
    return _split(location) in ("http", "https")


def _split(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.scheme if parts.hostname else ""

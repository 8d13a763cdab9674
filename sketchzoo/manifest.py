"""Manifests: CSV files with a row for each photo, its path or url and its class.

What is wrong with one row is that row's: whoever reads a manifest decides whether the
others stand. A row's file lies below the manifest's own folder, or one that the operator
names: whoever wrote the manifest need not be trusted with more.
"""

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from sketchzoo.fetch.url import Url

WHERE = ("path", "url")
# Whole lines and rows are held in memory. A cell may be as long as csv's own limit, 131,072.
_MAX_LINE = 1024 * 1024
_MAX_ROW = 4 * _MAX_LINE


class ManifestError(ValueError):
    """A manifest that cannot be used; the message names it and says why."""


class RowError(ValueError):
    """A row that cannot be used."""


class OutsideError(RowError):
    """A row whose file lies outside the folders that it may lie in."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row by its columns, trimmed; `problem` says why it has none that can be used.

    `line` is the one that it ends on.
    """

    line: int
    cells: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file on this machine: its absolute path as written, and with links followed."""

    path: Path
    real: Path


class Manifest:
    """A CSV file (RFC 4180, UTF-8, with a header), read as often as its rows are asked for."""

    def __init__(
        self, path: Path, *, required: Sequence[str] = ("class",), roots: Sequence[Path] = ()
    ) -> None:
        """Read the header. Files may lie below the manifest's folder and below `roots`.

        Raises:
            ManifestError: the file or its header cannot be used.

        """
        self.path = path
        folder = path.parent
        self._folder = os.path.abspath(folder)  # noqa: PTH100 - resolve() would follow links
        self._roots = [os.path.realpath(root) for root in (folder, *roots)]
        try:
            with self._open() as file:
                header = next(csv.reader(_Lines(file)), [])
            "".join(header).encode()
        except (OSError, UnicodeEncodeError, csv.Error, RowError) as error:
            raise ManifestError(f"{path} can't be read as a UTF-8 CSV file: {error}") from error
        self.columns = tuple(name.strip() for name in header)
        missing = [name for name in required if name not in self.columns]
        if missing or not set(WHERE) & set(self.columns):
            raise ManifestError(
                f"{path} lacks the column {', '.join(missing) or 'url (or path)'}: it must start "
                f"with a header that names {', '.join(f'`{name}`' for name in required)} and "
                f"`path` or `url`, not {', '.join(map(repr, self.columns)) or 'nothing'}"
            )
        for number, name in enumerate(self.columns):
            if name in self.columns[:number]:
                raise ManifestError(f"{path}: the column {name!r} is there twice")

    def rows(self) -> Iterator[Row]:
        """Yield the rows in their order, those that cannot be used among them.

        So is a file that can be read no further: it may have gone since its header was read.
        """
        line = 0
        try:
            with self._open() as file:
                lines = _Lines(file)
                for row in self._parsed(lines):
                    line = row.line
                    yield row
        except OSError as error:
            yield Row(line + 1, problem=f"cannot be read: {error.strerror}")

    def locate(self, row: Row) -> LocalFile | Url:
        """Return where a row's photo lies.

        Raises:
            OutsideError: below none of the folders where it may lie.
            RowError: it has no path and no url, both, or one that is none.

        """
        path, url = (row.cells.get(name, "") for name in WHERE)
        if bool(path) == bool(url):
            raise RowError("must have a path or a url, and not both")
        if url:
            try:
                return Url.parse(url)
            except ValueError as error:
                raise RowError(f"its url {error}") from error
        if "\0" in path:
            raise RowError(f"its path must be a file's, not {path[:200]!r}")
        # `..` is taken out by name: uri and file are the same one, whatever is a link.
        whole = os.path.abspath(os.path.join(self._folder, path))  # noqa: PTH100, PTH118 - as above
        real = Path(os.path.realpath(whole))
        if not any(real.is_relative_to(root) for root in self._roots):
            raise OutsideError(
                f"its path must be a file under the manifest's own folder, not {path[:200]!r}"
            )
        return LocalFile(Path(whole), real)

    def _open(self) -> TextIO:
        # Bytes that are not UTF-8 spoil their own row only.
        return self.path.open(newline="", encoding="utf-8-sig", errors="surrogateescape")

    def _parsed(self, lines: "_Lines") -> Iterator[Row]:
        reader = csv.reader(lines, strict=True)
        next(reader, None)
        while True:
            lines.begin_row()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, RowError) as error:
                yield Row(lines.number, problem=f"is not CSV: {error}")
                continue
            if cells:
                yield self._row(lines.number, cells)

    def _row(self, line: int, cells: list[str]) -> Row:
        if len(cells) != len(self.columns):
            return Row(line, problem=f"has {len(cells)} cells; the header has {len(self.columns)}")
        row = {name: text.strip() for name, text in zip(self.columns, cells, strict=True)}
        try:
            # A path may hold any bytes, as files' names do.
            "".join(text for name, text in row.items() if name != "path").encode()
        except UnicodeEncodeError:
            return Row(line, problem="is not UTF-8")
        return Row(line, row)


class _Lines:
    """A file's lines, counted; one that is too long is dropped, and the next can be read."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._row = 0
        self.number = 0

    def begin_row(self) -> None:
        """Count the length of a new row."""
        self._row = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._file.readline(_MAX_LINE)
        if not line:
            raise StopIteration
        self.number += 1
        self._row += len(line)
        if len(line) == _MAX_LINE and not line.endswith(("\n", "\r")):
            self._drop_rest()
            raise RowError(f"its line has over {_MAX_LINE:,} characters")
        if self._row > _MAX_ROW:
            raise RowError(f"it has over {_MAX_ROW:,} characters")
        return line

    def _drop_rest(self) -> None:
        while (rest := self._file.readline(_MAX_LINE)) and not rest.endswith(("\n", "\r")):
            pass

"""Manifests: CSV files with a row for each photo, its path or url and its class.

What is wrong with one row is that row's: whoever reads a manifest decides whether the
others stand. A row's file lies below the manifest's own folder, or one that the operator
names: whoever wrote the manifest need not be trusted with more.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, TextIO

from sketchzoo.places import Place, Places, RowError

# Whole lines and rows are held in memory. A cell may be as long as csv's own limit, 131,072.
_MAX_LINE = 1024 * 1024
_MAX_ROW = 4 * _MAX_LINE


class ManifestError(ValueError):
    """A manifest that cannot be used; the message names it and says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row by its columns, trimmed; `problem` says why it has none that can be used.

    `line` is the one that it ends on.
    """

    line: int
    cells: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


class Manifest:
    """A CSV file (RFC 4180, UTF-8, with a header), read as often as its rows are asked for."""

    def __init__(
        self,
        path: Path | str,
        *,
        required: Sequence[str] = ("class",),
        roots: Sequence[Path] = (),
        places: Places | None = None,
        opening: Callable[[], BinaryIO] | None = None,
    ) -> None:
        """Read the header. Files may lie below the manifest's folder and below `roots`.

        `places` says otherwise where its photos may lie, and in which columns that stands;
        `opening` how the file is opened that `path` is only the name of.

        Raises:
            ManifestError: the file or its header cannot be used.

        """
        self._opening = opening or partial(_opened, Path(path))
        self._places = places or Places(Path(path).parent, roots)
        try:
            with self._open() as file:
                header = next(csv.reader(_Lines(file)), [])
            "".join(header).encode()
        except (OSError, UnicodeEncodeError, csv.Error, RowError) as error:
            raise ManifestError(f"{path} can't be read as a UTF-8 CSV file: {error}") from error
        self.columns = tuple(name.strip() for name in header)
        missing = [name for name in required if name not in self.columns]
        where = self._places.columns
        if missing or not set(where) & set(self.columns):
            lacking = missing or [" or ".join(sorted(where, reverse=True))]
            wanted = [f"`{name}`" for name in required] + [" or ".join(f"`{w}`" for w in where)]
            raise ManifestError(
                f"{path} lacks the column {', '.join(lacking)}: it must start "
                f"with a header that names {' and '.join(wanted)}, "
                f"not {', '.join(map(repr, self.columns)) or 'nothing'}"
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
            yield Row(line + 1, problem=f"cannot be read: {error.strerror or error}")

    def locate(self, row: Row) -> Place:
        """Return where a row's photo lies.

        Raises:
            OutsideError: below none of the folders where it may lie.
            RowError: it is said nowhere, or twice, or cannot be read.

        """
        return self._places.locate(row.cells)

    def _open(self) -> TextIO:
        # Bytes that are not UTF-8 spoil their own row only.
        file = self._opening()
        return io.TextIOWrapper(file, newline="", encoding="utf-8-sig", errors="surrogateescape")

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


def _opened(path: Path) -> BinaryIO:
    return path.open("rb")


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

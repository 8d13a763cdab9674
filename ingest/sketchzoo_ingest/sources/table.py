"""Tables: rows of columns, from CSV or Parquet."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sketchzoo.manifest import Manifest, Row
from sketchzoo.places import Places
from sketchzoo_ingest.sources.columns import Columns
from sketchzoo_ingest.sources.named import NAMES


@dataclass(frozen=True, slots=True)
class Line:
    """A row: its values by column, without those that are empty.

    `number` is what people find it by. `problem` says why it has none that can be used.
    """

    number: int
    values: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


class Table(Protocol):
    """Rows that can be read as often as they are asked for."""

    @property
    def columns(self) -> Sequence[str]:
        """Its columns' names."""

    def lines(self) -> Iterator[Line]:
        """Yield the rows in their order."""


class CsvTable:
    """A CSV manifest; the types of its own columns are inferred from all of its rows."""

    def __init__(self, manifest: Manifest, places: Places) -> None:
        self._manifest = manifest
        self._others = {*places.columns, *NAMES}
        self.columns = manifest.columns
        rows = manifest.rows()
        self._columns = Columns.infer(self._own(row) for row in rows if not row.problem)

    def lines(self) -> Iterator[Line]:
        """Yield the rows, read anew."""
        for row in self._manifest.rows():
            if row.problem:
                yield Line(row.line, problem=row.problem)
                continue
            try:
                own = self._columns.payload(self._own(row))
            except ValueError as error:
                yield Line(row.line, problem=str(error))
                continue
            yield Line(row.line, {**{n: t for n, t in row.cells.items() if t}, **own})

    def _own(self, row: Row) -> dict[str, str]:
        return {name: text for name, text in row.cells.items() if name not in self._others}

"""Parquet: a table whose columns have types."""

import math
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, BinaryIO, Protocol

import structlog

from sketchzoo_ingest.sources.columns import MAX_CHARACTERS
from sketchzoo_ingest.sources.named import NAMES
from sketchzoo_ingest.sources.table import Line

log = structlog.get_logger()
# Rows held at once; pages are read from the file as they are needed.
_BATCH = 1024
_PANDAS = "__index_level_"  # the index of a frame that was written with it
_BUFFER = 1024 * 1024
_INT64 = range(-(2**63), 2**63)


class Opening(Protocol):
    """Opens the file, as often as it is read."""

    def __call__(self) -> BinaryIO:
        """Return the file, to be closed by whoever asked."""


class ParquetTable:
    """Rows read some at a time: numbers, truth values, texts, times and lists of texts.

    Columns of other types are left out, and the log says which.
    """

    def __init__(self, name: str, openings: Sequence[Opening]) -> None:
        """Read the schema, of several files that of the first.

        Raises:
            ValueError: it is no Parquet file, or nothing here reads them.

        """
        self._name = name
        self._openings = openings
        try:
            import pyarrow as pa  # noqa: PLC0415 - only whoever has such tables needs it
            from pyarrow import parquet  # noqa: PLC0415 - the same
        except ImportError as error:
            raise ValueError(f"{name} cannot be read: install `sketchzoo[parquet]`") from error
        self._arrow, self._parquet = pa, parquet
        try:
            with openings[0]() as file:
                schema = parquet.read_schema(file)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{name} can't be read as a Parquet file: {error}") from error
        if len(set(schema.names)) < len(schema.names):
            raise ValueError(f"{name}: a column is there twice")
        self.columns = tuple(
            field.name
            for field in schema
            if not field.name.startswith(_PANDAS)
            and (field.name in NAMES or self._is_value(field.type))
        )
        if left := [name for name in schema.names if name not in self.columns]:
            log.warning("columns left out", source=name, columns=left, reason="no payload's types")

    def lines(self) -> Iterator[Line]:
        """Yield the rows, read anew; a file that can be read no further ends with a problem."""
        number = 0
        for opening in self._openings:
            try:
                with (
                    opening() as source,
                    self._parquet.ParquetFile(
                        source, buffer_size=_BUFFER, pre_buffer=False
                    ) as file,
                ):
                    for batch in file.iter_batches(_BATCH, columns=list(self.columns)):
                        for row in self._exact(batch).to_pylist():
                            number += 1
                            yield _line(number, row)
            except (self._arrow.ArrowException, OSError, ValueError, OverflowError) as error:
                number += 1
                yield Line(number, problem=f"cannot be read: {error}")

    def _exact(self, batch: Any) -> Any:
        """Return a batch whose times have whole microseconds: Python's have no more digits."""
        for at, field in enumerate(batch.schema):
            if self._arrow.types.is_timestamp(field.type) and field.type.unit == "ns":
                whole = self._arrow.timestamp("us", field.type.tz)
                batch = batch.set_column(at, field.name, batch.column(at).cast(whole, safe=False))
        return batch

    def _is_value(self, kind: Any) -> bool:
        types = self._arrow.types
        if types.is_dictionary(kind) or types.is_list(kind) or types.is_large_list(kind):
            kind = kind.value_type
            return bool(types.is_string(kind) or types.is_large_string(kind))
        return any(
            check(kind)
            for check in (
                types.is_string,
                types.is_large_string,
                types.is_string_view,
                types.is_boolean,
                types.is_integer,
                types.is_floating,
                types.is_decimal,
                types.is_date,
                types.is_timestamp,
            )
        )


def _line(number: int, row: dict[str, Any]) -> Line:
    values: dict[str, Any] = {}
    for name, value in row.items():
        if _characters(value) > MAX_CHARACTERS:
            return Line(number, problem=f"has a {name} of over {MAX_CHARACTERS:,} characters")
        if name in NAMES:
            values[name] = value
            continue
        if isinstance(value, int) and value not in _INT64:
            return Line(number, problem=f"has a {name} that no machine counts in: {value}")
        values[name] = _value(value)
    return Line(number, {name: value for name, value in values.items() if value not in (None, "")})


def _characters(value: Any) -> int:
    if isinstance(value, list):
        return sum(len(text) for text in value if isinstance(text, str))
    return len(value) if isinstance(value, str) else 0


def _value(value: Any) -> Any:
    """Return what a payload may hold; what is no number has none."""
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list):
        return [text for text in value if text] or None
    return value

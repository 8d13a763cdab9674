"""Records: what became of a partition's photos, a Parquet file each; the job's checkpoint."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import fsspec
import pyarrow as pa
from fsspec.implementations.local import LocalFileSystem
from pyarrow import compute, parquet

from sketchzoo.qdrant import Photo
from sketchzoo_ingest.outcome import Outcome, Reason, Refusal
from sketchzoo_ingest.ray.summary import Summary
from sketchzoo_ingest.tally import ERRORS_HEADER

SCHEMA = pa.schema(
    [
        ("position", pa.int32()),
        ("outcome", pa.string()),
        ("photo_id", pa.binary(16)),
        ("origin", pa.string()),
        ("uri", pa.string()),
        ("class", pa.string()),
        ("reason", pa.string()),
        ("message", pa.string()),
        # The photo as this partition lists it, where it was or is to be written.
        ("photo", pa.string()),
        ("is_held_back", pa.bool_()),
        # The photo that had its uri until now.
        ("replaced", pa.string()),
    ]
)
EMPTIED = "emptied"
"""Among the outcomes: a folder that is there and holds no photo."""
KEPT = (Outcome.WRITTEN, Outcome.UPDATED, Outcome.UNCHANGED)
"""Outcomes of photos that are in the collection."""
LETTERS = pa.schema([(name, pa.string()) for name in ERRORS_HEADER])


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one entry, by its position in its partition."""

    position: int
    outcome: str
    photo_id: str = ""
    origin: str = ""
    uri: str = ""
    class_name: str = ""
    reason: str = ""
    message: str = ""
    photo: Photo | None = None
    is_held_back: bool = False
    replaced: Photo | None = None

    def values(self) -> dict[str, Any]:
        """Return the row's columns."""
        return {
            "position": self.position,
            "outcome": self.outcome,
            "photo_id": UUID(self.photo_id).bytes if self.photo_id else None,
            "origin": self.origin,
            "uri": self.uri,
            "class": self.class_name,
            "reason": self.reason,
            "message": self.message,
            "photo": _written(self.photo),
            "is_held_back": self.is_held_back,
            "replaced": _written(self.replaced),
        }

    @classmethod
    def of(cls, values: dict[str, Any]) -> "Row":
        """Read a row's columns."""
        return cls(
            values["position"],
            values["outcome"],
            str(UUID(bytes=values["photo_id"])) if values["photo_id"] else "",
            values["origin"],
            values["uri"],
            values["class"],
            values["reason"],
            values["message"],
            _read(values["photo"]),
            values["is_held_back"],
            _read(values["replaced"]),
        )

    def refusal(self) -> Refusal:
        """Return why its photo was left out."""
        return Refusal(self.origin, Reason(self.reason), self.message, self.uri, self.class_name)

    def letter(self) -> dict[str, str]:
        """Return it as a dead letter."""
        told = (self.origin, self.uri, self.class_name, self.reason, self.message)
        return dict(zip(ERRORS_HEADER, told, strict=True))


class Records:
    """A job's records, in a folder of its own on a disk or in a bucket.

    A record is there whole or not at all, and a partition's number has one: done again, it
    takes the place of the one before.
    """

    def __init__(self, folder: str) -> None:
        """Take a path or a uri that fsspec knows.

        Raises:
            ValueError: nothing here reads such uris.

        """
        try:
            self._store, self._folder = fsspec.url_to_fs(folder)
        except ImportError as error:
            raise ValueError(f"{folder} cannot be written: {error}") from error
        self._is_local = isinstance(self._store, LocalFileSystem)

    def prepare(self) -> None:
        """Make the folder; OSError where that cannot be."""
        self._store.makedirs(self._folder, exist_ok=True)

    def find(self, number: int, version: str) -> Summary | None:
        """Return a partition's summary if it is done."""
        try:
            with self._store.open(self._path(number), "rb") as file:
                told = parquet.read_schema(file).metadata or {}
        except FileNotFoundError:
            return None
        return Summary.from_json(told[b"summary"]) if told[b"version"].decode() == version else None

    def write(self, number: int, version: str, rows: Sequence[Row], summary: Summary) -> None:
        """Write a partition's record."""
        schema = SCHEMA.with_metadata({"version": version, "summary": summary.to_json()})
        table = pa.Table.from_pylist([row.values() for row in rows], schema)
        sink = pa.BufferOutputStream()
        parquet.write_table(table, sink, compression="zstd")
        self._put(self._path(number), sink.getvalue().to_pybytes())

    def table(self, number: int, columns: Sequence[str]) -> Any:
        """Return columns of a partition's rows, as Arrow's table."""
        with self._store.open(self._path(number), "rb") as file:
            return parquet.read_table(file, columns=list(columns))

    def rows(self, number: int, wanted: Any = None) -> Iterator[Row]:
        """Yield a partition's rows in the order of its listing; those `wanted` of its table."""
        table = self.table(number, SCHEMA.names)
        if wanted is not None:
            table = table.filter(wanted(table))
        return map(Row.of, table.sort_by("position").to_pylist())

    def rows_of(self, number: int, ids: Collection[bytes]) -> Iterator[Row]:
        """Yield a partition's rows of photos with these ids that are in the collection."""

        def wanted(table: Any) -> Any:
            return compute.and_(
                compute.is_in(table["photo_id"], pa.array(list(ids), pa.binary(16))),
                compute.is_in(table["outcome"], pa.array(KEPT)),
            )

        return self.rows(number, wanted)

    def clear(self) -> None:
        """Delete the records: the job has come to its end."""
        for ending in ("", ".*.part"):  # what a killed worker had begun, too
            for path in self._store.glob(f"{self._folder}/*.record.parquet{ending}"):
                self._store.rm_file(path)

    def _path(self, number: int) -> str:
        return f"{self._folder}/{number:09}.record.parquet"

    def _put(self, path: str, content: bytes) -> None:
        if not self._is_local:
            self._store.pipe_file(path, content)  # stores show no half of an object
            return
        part = f"{path}.{uuid4().hex}.part"
        self._store.pipe_file(part, content)
        self._store.mv(part, path)


def _written(photo: Photo | None) -> str | None:
    return None if photo is None else json.dumps(photo.to_payload())


def _read(text: str | None) -> Photo | None:
    return None if text is None else Photo.from_payload(json.loads(text))

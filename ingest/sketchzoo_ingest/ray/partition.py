"""A partition on its way: its entries in order, and what became of each."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from sketchzoo.rpc import CallError
from sketchzoo_ingest.feed import Listed
from sketchzoo_ingest.outcome import Outcome, Refusal, Settled
from sketchzoo_ingest.ray.records import EMPTIED, Row
from sketchzoo_ingest.ray.writing import PartitionCollection
from sketchzoo_ingest.sources import Candidate, Emptied, Entry, Source
from sketchzoo_ingest.sources.section import Section, entries


class Partition:
    """Yields a section's entries, and notes what it is told of them."""

    def __init__(self, source: Source, section: Section) -> None:
        self._source = source
        self._section = section
        self._rows: list[Row] = []
        self._replaced: dict[int, str] = {}

    def listed(self) -> Iterator[Listed]:
        """Yield the entries; called in a thread."""
        for position, entry in enumerate(entries(self._source, self._section)):
            if isinstance(entry, Emptied):
                self._rows.append(Row(position, EMPTIED, uri=entry.uri))
            yield Listed(entry, self._source, partial(self._told, position, entry))

    def rows(self, collection: PartitionCollection) -> list[Row]:
        """Return what became of all entries, with what the collection holds back."""
        return [self._completed(row, collection) for row in self._rows]

    def _told(self, position: int, entry: Entry, told: Settled | CallError) -> None:
        if isinstance(told, CallError) or not isinstance(entry, Candidate | Refusal):
            return
        refusal = told.refusal
        self._rows.append(
            Row(
                position,
                told.outcome,
                told.photo_id,
                entry.origin,
                entry.uri,
                entry.class_name,
                refusal.reason if refusal else "",
                refusal.message if refusal else "",
            )
        )
        if told.replaced:
            self._replaced[position] = told.replaced

    def _completed(self, row: Row, collection: PartitionCollection) -> Row:
        key = row.photo_id
        replaced = collection.replaced.get(self._replaced.get(row.position, ""))
        if row.outcome == Outcome.WRITTEN:
            return replace(row, photo=collection.written.get(key), replaced=replaced)
        if row.outcome == Outcome.UPDATED:
            held = collection.held_back.get(key)
            return replace(row, photo=held, is_held_back=held is not None, replaced=replaced)
        return row

"""Closing: what can only be decided when all partitions are done.

Photos that several list, moved or replaced ones, bursts, what is gone, and the dead letters.
Everything here may be done twice: a job that ends on the way does it again.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Self
from uuid import UUID

import fsspec
import pyarrow as pa
from pyarrow import compute, parquet

from sketchzoo.qdrant import Photo, PhotoWriter, connect, photo_id
from sketchzoo.rpc import CallError
from sketchzoo.telemetry import configure_logs
from sketchzoo_ingest.collection import QdrantCollection
from sketchzoo_ingest.outcome import Outcome
from sketchzoo_ingest.prune import Pruned, prune, skipped
from sketchzoo_ingest.publication import withheld
from sketchzoo_ingest.ray.claims import claims, kept_ids, unclaimed
from sketchzoo_ingest.ray.folding import folded
from sketchzoo_ingest.ray.plan import Plan
from sketchzoo_ingest.ray.records import EMPTIED, LETTERS, Records, Row
from sketchzoo_ingest.ray.summary import Summary
from sketchzoo_ingest.retry import RetryPolicy
from sketchzoo_ingest.survey import Survey

_LETTERS_AT_ONCE = 10_000
_WRITES_AT_ONCE = 8


@dataclass(frozen=True)
class Closed:
    """What closing a job came to; `problem` tells which part stayed away."""

    correction: Summary = field(default_factory=Summary)
    pruned: Pruned = field(default_factory=Pruned)
    prune_skipped: dict[str, str] = field(default_factory=dict)
    problem: str = ""


def close(plan: Plan, partitions: int, counted: Summary) -> Closed:
    """Close a job of so many partitions, in a process of the cluster."""
    settings = plan.settings
    configure_logs("ingest", level=settings.log_level, form=settings.log_format)
    try:
        return asyncio.run(_close(plan, partitions, counted))
    except CallError as error:
        return Closed(problem=str(error))


async def _close(plan: Plan, partitions: int, counted: Summary) -> Closed:
    records = Records(plan.records)
    retry = RetryPolicy(plan.settings.retry_seconds, asyncio.Event())
    async with _writer(plan) as writer:
        collection = QdrantCollection(writer, plan.collection, retry)
        closing = _Closing(records, partitions, collection)
        correction = await closing.settle(counted.settled)
        with _Letters(plan.letters) as file:
            for row in closing.letters():
                file.add(row)
        total = Summary.sum((counted, correction))
        pruned, skips = Pruned(), dict[str, str]()
        if plan.settings.prune or plan.settings.prune_empty:
            why_not = withheld(total.outcomes, plan.settings.max_bad)
            pruned, skips = await _prune(
                plan, records, partitions, writer=writer, retry=retry, why_not=why_not
            )
        return Closed(correction, pruned, skips)


@asynccontextmanager
async def _writer(plan: Plan) -> AsyncIterator[PhotoWriter]:
    connection = connect(plan.settings)
    try:
        yield PhotoWriter(connection, plan.settings.gallery, plan.settings.collection_options())
    finally:
        await connection.close()


class _Closing:
    def __init__(self, records: Records, partitions: int, collection: QdrantCollection) -> None:
        self._records = records
        self._partitions = partitions
        self._collection = collection
        self._duplicates: list[Row] = []

    async def settle(self, photos: int) -> Summary:
        """Bring every photo to what it is in the order of the listing; return what to add."""
        corrections = [Summary()]
        standing: dict[str, Photo] = {}
        contested: set[str] = set()
        for claim in claims(self._records, self._partitions, photos):
            key = claim.first.photo_id
            contested.add(key)
            self._duplicates += claim.duplicates
            corrections.append(claim.correction())
            there = (await self._collection.known([key])).get(key)
            photo = claim.first.photo
            if photo is not None and there is not None and photo.uri != there.uri:
                # What only the collection knows.
                photo = replace(photo, burst=there.burst, seen=there.seen)
                await self._collection.set_payload(photo)
                there = photo
            if there is not None and claim.is_new:
                standing[key] = there
        await self._apply(contested)
        near = 0
        writes = _Writes(self._collection)
        async for photo in folded(self._records, self._partitions, self._collection, standing):
            near += photo.burst != photo.id
            await writes.add(photo)
        await writes.finish()
        corrections.append(Summary(near_duplicates=near))
        return Summary.sum(corrections)

    async def _apply(self, contested: set[str]) -> None:
        """Write what partitions held back, and delete what was replaced and is nowhere."""
        replaced: dict[bytes, Photo] = {}
        writes = _Writes(self._collection)
        for number in range(self._partitions):
            for row in self._records.rows(number, _matters):
                if row.is_held_back and row.photo is not None and row.photo_id not in contested:
                    await writes.add(row.photo)
                if row.replaced is not None:
                    replaced[UUID(row.replaced.id).bytes] = row.replaced
        await writes.finish()
        for key in unclaimed(self._records, self._partitions, list(replaced)):
            await self._collection.delete_at(replaced[key])

    def letters(self) -> Iterator[Row]:
        """Yield what was left out, in the order of the listing; then others' duplicates."""
        for number in range(self._partitions):
            yield from self._records.rows(
                number, lambda table: compute.not_equal(table["reason"], "")
            )
        yield from self._duplicates


def _matters(table: Any) -> Any:
    return compute.or_(table["is_held_back"], compute.is_valid(table["replaced"]))


class _Writes:
    """Payloads that are written a few at once."""

    def __init__(self, collection: QdrantCollection) -> None:
        self._collection = collection
        self._under_way: set[asyncio.Task[None]] = set()

    async def add(self, photo: Photo) -> None:
        if len(self._under_way) >= _WRITES_AT_ONCE:
            await self._wait(asyncio.FIRST_COMPLETED)
        self._under_way.add(asyncio.create_task(self._collection.set_payload(photo)))

    async def finish(self) -> None:
        if self._under_way:
            await self._wait(asyncio.ALL_COMPLETED)

    async def _wait(self, until: str) -> None:
        done, self._under_way = await asyncio.wait(self._under_way, return_when=until)
        for task in done:
            task.result()


class _Letters:
    """A Parquet file of dead letters, there when it is whole."""

    def __init__(self, path: str) -> None:
        self._opened = fsspec.open(path, "wb")
        self._rows: list[dict[str, str]] = []

    def __enter__(self) -> Self:
        self._file = self._opened.open()
        self._writer = parquet.ParquetWriter(self._file, LETTERS, compression="zstd")
        return self

    def add(self, row: Row) -> None:
        """Write a letter."""
        self._rows.append(row.letter())
        if len(self._rows) == _LETTERS_AT_ONCE:
            self._flush()

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._writer.close()
        self._file.close()

    def _flush(self) -> None:
        self._writer.write_table(pa.Table.from_pylist(self._rows, LETTERS))
        self._rows = []


async def _prune(
    plan: Plan,
    records: Records,
    partitions: int,
    *,
    writer: PhotoWriter,
    retry: RetryPolicy,
    why_not: str,
) -> tuple[Pruned, dict[str, str]]:
    survey = Survey()
    seen: set[bytes] = set()
    for number in range(partitions):
        for row in records.rows(number):
            if row.outcome == EMPTIED:
                survey.emptied(row.uri)
            elif row.outcome == Outcome.REFUSED:
                if row.uri:
                    survey.unread(row.refusal())
            else:
                survey.read(row.uri)
        seen.update(kept_ids(records, number).to_pylist())
    with plan.storage() as storage:
        sources = plan.sources(storage)
    skips = skipped(sources, survey)
    roots = [source.root for source in sources if source.root is not None]
    if not roots:
        return Pruned(), skips
    pruned = await prune(
        writer,
        plan.collection,
        roots=roots,
        has_seen=lambda sha256: UUID(photo_id(sha256)).bytes in seen,
        survey=survey,
        emptied=plan.settings.prune_empty,
        withheld=why_not,
        retry=retry,
        dry_run=False,
    )
    return pruned, skips

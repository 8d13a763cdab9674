"""The intake: takes what a feed has, tells what is unchanged, and reads the rest."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sketchzoo.qdrant import Photo
from sketchzoo.rpc import CallError
from sketchzoo_ingest.budget import ByteBudget
from sketchzoo_ingest.collection import Collection
from sketchzoo_ingest.feed import Feed, Listed
from sketchzoo_ingest.limits import PipelineLimits
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.outcome import Refusal
from sketchzoo_ingest.reading import Reading, ReadPhoto
from sketchzoo_ingest.sources import Candidate, Emptied, PassedOver
from sketchzoo_ingest.tally import Tally

# Entries taken from the feed and looked up by their uris at once.
_LOOKED_UP = 256
# Files of so many bytes in all are read by one trip to a thread, which costs as much as
# reading a small one.
_TRIP_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A candidate whose file is the one that the collection has under its uri, and its photo."""

    candidate: Candidate
    known: Photo


Looked = ReadPhoto | Unchanged | Refusal | PassedOver | Emptied
"""What a listed entry has become."""


@dataclass(frozen=True, slots=True)
class Item:
    """What became of an entry on its way to being settled; `before` had its uri until now."""

    listed: Listed
    found: Looked
    before: Photo | None = None


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Entries that travel together; `reserved` is how many bytes their pictures may have."""

    entries: tuple[Listed, ...]
    known: Mapping[str, Photo]
    reserved: int


class Intake:
    """Reads several chunks at once, and hands them on in the order of the feed.

    What is there goes on at once: a chunk ends where the feed has no more for the moment.
    The bytes of the pictures are acquired from the budget; who takes a photo from it
    releases them. When `stop` is set, nothing more is taken. With `verify` every file is
    read, also one whose size and time say that it is unchanged.
    """

    def __init__(
        self,
        *,
        collection: Collection,
        reading: Reading,
        tally: Tally,
        metrics: IngestMetrics,
        budget: ByteBudget,
        limits: PipelineLimits,
        stop: asyncio.Event,
        verify: bool,
        endless: bool,
    ) -> None:
        self._collection = collection
        self._reading = reading
        self._tally = tally
        self._metrics = metrics
        self._budget = budget
        self._limits = limits
        self._stop = stop
        self._verify = verify
        self._endless = endless
        self._readers = ThreadPoolExecutor(limits.read_threads, "read")
        self._fetchers = ThreadPoolExecutor(limits.fetch_at_once, "fetch")
        self._chunks: asyncio.Queue[asyncio.Task[list[Item]] | None] = asyncio.Queue(
            limits.read_threads + 2
        )
        metrics.watch("read_queue", "chunks", self._chunks.qsize)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for pool in (self._readers, self._fetchers):
            pool.shutdown(cancel_futures=True)

    async def run(self, feed: Feed, group: asyncio.TaskGroup) -> None:
        """Take from the feed; start a task of the group for each chunk as space allows."""
        while not self._stop.is_set():
            listed = await feed.next(_LOOKED_UP)
            if listed is None:
                break
            known = await self._known(listed)
            if known is None:
                continue
            for chunk in self._chunked(listed, known):
                if self._stop.is_set() and not self._endless:
                    break
                await self._budget.acquire(chunk.reserved)
                await self._chunks.put(group.create_task(self._look(chunk)))
        await self._chunks.put(None)

    async def chunks(self) -> AsyncIterator[list[Item]]:
        """Yield what became of the feed's entries, in its order."""
        while (task := await self._chunks.get()) is not None:
            yield await task

    async def _known(self, listed: Sequence[Listed]) -> Mapping[str, Photo] | None:
        uris = [each.entry.uri for each in listed if isinstance(each.entry, Candidate)]
        try:
            with self._metrics.stage("lookup"):
                return await self._collection.by_uri(list(dict.fromkeys(uris))) if uris else {}
        except CallError as error:
            if not self._endless:
                raise
            for each in listed:
                each.tell(error)
            return None

    def _chunked(self, listed: Sequence[Listed], known: Mapping[str, Photo]) -> Iterator[_Chunk]:
        """Cut entries into chunks of so many photos to read, and about half the budget."""
        entries: list[Listed] = []
        photos = reserved = 0
        for each in listed:
            entry = each.entry
            to_read = isinstance(entry, Candidate) and not self._is_unchanged(entry, known)
            size = self._reading.reserved(entry) if to_read and isinstance(entry, Candidate) else 0
            full = photos == self._limits.chunk_photos
            if entries and to_read and (full or reserved + size > self._limits.buffer_bytes // 2):
                yield _Chunk(tuple(entries), known, reserved)
                entries, photos, reserved = [], 0, 0
            entries.append(each)
            photos += to_read
            reserved += size
        if entries:
            yield _Chunk(tuple(entries), known, reserved)

    def _is_unchanged(self, candidate: Candidate, known: Mapping[str, Photo]) -> bool:
        photo = known.get(candidate.uri)
        return (
            not self._verify
            and photo is not None
            and candidate.modified_at is not None
            and (photo.bytes, photo.modified_at) == (candidate.size, candidate.modified_at)
        )

    async def _look(self, chunk: _Chunk) -> list[Item]:
        items: list[Item | None] = [self._unread(each, chunk.known) for each in chunk.entries]
        missing = [place for place, item in enumerate(items) if item is None]
        if missing:
            with self._metrics.stage("read"):
                read = await self._read([chunk.entries[place] for place in missing])
            photos = [each for each in read if isinstance(each, ReadPhoto)]
            self._budget.correct(chunk.reserved, sum(len(each.picture) for each in photos))
            self._tally.read(sum(each.photo.bytes for each in photos))
            for place, found in zip(missing, read, strict=True):
                listed = chunk.entries[place]
                items[place] = Item(listed, found, chunk.known.get(listed.candidate.uri))
        return [item for item in items if item is not None]

    def _unread(self, listed: Listed, known: Mapping[str, Photo]) -> Item | None:
        """Return what an entry is without reading it; None where it is to be read."""
        entry = listed.entry
        if not isinstance(entry, Candidate):
            return Item(listed, entry)
        if self._is_unchanged(entry, known):
            return Item(listed, Unchanged(entry, known[entry.uri]))
        return None

    async def _read(self, entries: Sequence[Listed]) -> list[ReadPhoto | Refusal]:
        def read(part: Sequence[Listed]) -> list[ReadPhoto | Refusal]:
            return [self._reading.read(each) for each in part]

        loop = asyncio.get_running_loop()
        trips = [
            loop.run_in_executor(self._fetchers if is_remote else self._readers, read, part)
            for is_remote, part in _trips(entries)
        ]
        return [found for part in await asyncio.gather(*trips) for found in part]


def _trips(entries: Sequence[Listed]) -> Iterator[tuple[bool, list[Listed]]]:
    """Yield what a thread reads at once: several small files, or a single url."""
    part: list[Listed] = []
    size = 0
    for each in entries:
        more = each.candidate.size or 0
        if part and (each.candidate.is_remote or size + more > _TRIP_BYTES):
            yield False, part
            part, size = [], 0
        if each.candidate.is_remote:
            yield True, [each]
            continue
        part.append(each)
        size += more
    if part:
        yield False, part

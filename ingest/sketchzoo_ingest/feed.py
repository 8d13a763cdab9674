"""Feeds: where the pipeline takes photos from, and who is told what became of each."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from types import TracebackType
from typing import Protocol, Self

from sketchzoo.rpc import CallError
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.outcome import Settled
from sketchzoo_ingest.sources import Candidate, Entry, Source

Told = Callable[[Settled | CallError], None]
ToldOf = Callable[[Entry, Settled | CallError], None]


class Reader(Protocol):
    """What reads a photo's bytes: a source."""

    def read(self, candidate: Candidate, limit: int) -> bytes:
        """Return a photo's bytes; called in threads, several at once.

        Raises:
            RefusedError: it cannot be read, or has more than `limit` bytes.

        """


def _nobody(settled: Settled | CallError) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of a listing, what reads it, and who is told what became of it.

    A photo's feeder is told once, in the event loop's thread: its outcome, or, of an endless
    feed, that a part stayed away, so that nothing became of it yet.
    """

    entry: Entry
    reader: Reader
    tell: Told = _nobody

    @property
    def candidate(self) -> Candidate:
        """The entry, of which only a photo that is to be read is asked."""
        if not isinstance(self.entry, Candidate):
            raise TypeError(f"{self.entry} is no candidate")
        return self.entry


class Feed(Protocol):
    """Photos, one after the other."""

    async def next(self, most: int) -> Sequence[Listed] | None:
        """Return what is there, at least one and at most so many; None at the end."""


class Listing:
    """A finite feed: entries as they are listed; a context."""

    def __init__(self, entries: Iterator[Listed], metrics: IngestMetrics) -> None:
        self._entries = entries
        self._metrics = metrics
        self._thread = ThreadPoolExecutor(1, "list")
        self._ahead: Future[list[Listed]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.shutdown(cancel_futures=True)

    async def next(self, most: int) -> Sequence[Listed] | None:
        """Return the next entries, listed in a thread, and begin with those after."""
        ahead = self._ahead or self._thread.submit(self._take, most)
        with self._metrics.stage("list"):
            taken = await asyncio.wrap_future(ahead)
        self._ahead = self._thread.submit(self._take, most) if taken else ahead
        return taken or None

    def _take(self, most: int) -> list[Listed]:
        return list(islice(self._entries, most))


def entries_of(sources: Sequence[Source], tell: ToldOf | None = None) -> Iterator[Listed]:
    """Yield what sources list, one source after the other; `tell` hears what became of photos."""
    for source in sources:
        for entry in source.candidates():
            told = _nobody if tell is None else partial(tell, entry)
            yield Listed(entry, source, told)


class Inbox:
    """An endless feed: what is put in goes on at once, and together with what waits beside it."""

    def __init__(self, limit: int) -> None:
        self._queue: asyncio.Queue[Listed | None] = asyncio.Queue(limit)

    @property
    def waiting(self) -> int:
        """How many photos wait."""
        return self._queue.qsize()

    async def put(self, listed: Listed) -> None:
        """Put a photo in; waits while the inbox is full."""
        await self._queue.put(listed)

    async def close(self) -> None:
        """Let the feed end behind what was put in; nothing may be put in after."""
        await self._queue.put(None)

    async def next(self, most: int) -> Sequence[Listed] | None:
        """Return what is there; waits for the first."""
        taken: list[Listed] = []
        while not taken or (len(taken) < most and not self._queue.empty()):
            one = await self._queue.get()
            if one is None:
                self._queue.put_nowait(None)
                return taken or None
            taken.append(one)
        return taken

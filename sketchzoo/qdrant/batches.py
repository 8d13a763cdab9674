"""Batches: queries that come while others are under way go together in the next call.

A call costs its two ends as much as several queries; a lone query waits for nothing
(docs/adr/0082-queries-in-batches.md).
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import grpc
from qdrant_client import grpc as api

from sketchzoo.qdrant.connection import QdrantConnection, remaining
from sketchzoo.qdrant.errors import PART, CollectionNotFoundError
from sketchzoo.rpc import CallError, deadline_exceeded, exhausted
from sketchzoo.rpc.errors import MessageTooLargeError, part_failed

# How long what comes beside a call waits for it to end, to go together. A server with many cores
# answers the next call beside it, so that a long one must not hold up others.
_PATIENCE_SECONDS = 0.005
# Calls of a collection under way at once.
_ABREAST = 8
# Queries of a call, and hits that they may find together; what comes as one stays one.
_MAX_QUERIES = 64
_MAX_HITS = 2_000
_MAX_WAITING = 1_024
# What one query of a call can be to blame for.
_OWN_FAULTS = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT)

Hits = Sequence[api.ScoredPoint]


@dataclass(slots=True, eq=False)
class _Asked:
    """Queries that came together, until when they are wanted, and who waits for their hits.

    `context` has the request id and the trace of who asks.
    """

    queries: Sequence[api.QueryPoints]
    deadline: float | None
    answer: asyncio.Future[list[Hits]] = field(default_factory=asyncio.Future)
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    call: "_Call | None" = None

    @property
    def hits(self) -> int:
        """How many hits the queries may find."""
        return sum(query.limit for query in self.queries)

    def fail(self, error: Exception) -> None:
        """Answer with an error, unless nobody waits any more."""
        if not self.answer.done():
            self.answer.set_exception(error)


@dataclass(slots=True, eq=False)
class _Call:
    """What goes together, and the task that asks it."""

    asked: Sequence[_Asked]
    task: asyncio.Task[None]

    def leave(self) -> None:
        """Give it up where nobody waits for it any more."""
        if all(each.answer.done() for each in self.asked):
            self.task.cancel()


@dataclass(slots=True)
class _Line:
    """How many of a collection's calls are under way, and what comes next."""

    collection: str
    under_way: int = 0
    waiting: deque[_Asked] = field(default_factory=deque)
    overdue: asyncio.TimerHandle | None = None

    def take(self) -> list[_Asked]:
        """Take what goes together in the next call."""
        taken: list[_Asked] = []
        queries = hits = 0
        while self.waiting:
            each = self.waiting[0]
            queries, hits = queries + len(each.queries), hits + each.hits
            if taken and (queries > _MAX_QUERIES or hits > _MAX_HITS):
                break
            self.waiting.popleft()
            if not each.answer.done():
                taken.append(each)
        return taken


class QueryBatches:
    """Asks Qdrant queries, those that wait for the same collection in one call."""

    def __init__(self, connection: QdrantConnection) -> None:
        self._connection = connection
        self._lines: dict[str, _Line] = {}

    async def ask(
        self, collection: str, queries: Sequence[api.QueryPoints], deadline: float | None
    ) -> list[Hits]:
        """Return each query's hits, in order; one that fails fails those asked with it here.

        `deadline` is in `time.monotonic()` seconds. Who is cancelled leaves those beside it
        their call.

        Raises:
            CallError: as from a call of its own; RESOURCE_EXHAUSTED where too many wait.

        """
        line = self._lines.setdefault(collection, _Line(collection))
        if not line.under_way:
            line.under_way += 1
            try:
                return await self._call(collection, queries, deadline)
            finally:
                self._ended(line)
        if len(line.waiting) >= _MAX_WAITING:
            raise exhausted(f"too many queries wait for {PART}", 1.0)
        asked = _Asked(queries, deadline)
        line.waiting.append(asked)
        self._watch(line)
        try:
            async with asyncio.timeout(remaining(deadline)):
                return await asked.answer
        except TimeoutError as error:
            raise deadline_exceeded(f"waiting for {PART}") from error
        finally:
            if asked.call is not None:
                asked.call.leave()
            else:
                # Who has left takes no place of those that wait.
                with suppress(ValueError):
                    line.waiting.remove(asked)

    def _watch(self, line: _Line) -> None:
        """Have what waits sent in a moment, whether or not the calls before it have ended."""
        if line.waiting and line.overdue is None:
            loop = asyncio.get_running_loop()
            line.overdue = loop.call_later(_PATIENCE_SECONDS, self._overdue, line)

    def _overdue(self, line: _Line) -> None:
        line.overdue = None
        if line.under_way < _ABREAST:
            self._next(line)

    def _ended(self, line: _Line) -> None:
        line.under_way -= 1
        self._next(line)
        if not line.under_way:
            self._lines.pop(line.collection, None)

    def _next(self, line: _Line) -> None:
        """Send together what waits."""
        asked = line.take()
        if line.overdue is not None:
            line.overdue.cancel()
            line.overdue = None
        self._watch(line)
        if not asked:
            return
        line.under_way += 1
        # As the first of them: its request id and its trace go along.
        task = asyncio.create_task(self._send(line.collection, asked), context=asked[0].context)
        task.add_done_callback(lambda _: self._ended(line))
        call = _Call(asked, task)
        for each in asked:
            each.call = call

    async def _send(self, collection: str, asked: Sequence[_Asked]) -> None:
        deadlines = [each.deadline for each in asked if each.deadline is not None]
        longest = max(deadlines) if len(deadlines) == len(asked) else None
        queries = [query for each in asked for query in each.queries]
        try:
            hits = iter(await self._call(collection, queries, longest))
        except CallError as error:
            if len(asked) > 1 and _may_be_of_one(error):
                # By halves it is found who is to blame.
                half = len(asked) // 2
                await asyncio.gather(
                    self._send(collection, asked[:half]), self._send(collection, asked[half:])
                )
                return
            for each in asked:
                each.fail(error.again())
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            for each in asked:
                each.fail(error)
        else:
            for each in asked:
                found = [next(hits) for _ in each.queries]
                if not each.answer.done():
                    each.answer.set_result(found)

    async def _call(
        self, collection: str, queries: Sequence[api.QueryPoints], deadline: float | None
    ) -> list[Hits]:
        request = api.QueryBatchPoints(collection_name=collection, query_points=queries)
        answer: api.QueryBatchResponse = await self._connection.ask(
            "Points/QueryBatch", request, remaining(deadline)
        )
        if len(answer.result) != len(queries):
            raise part_failed(
                PART, f"it answered {len(answer.result)} results to {len(queries)} queries"
            )
        return [each.result for each in answer.result]


def _may_be_of_one(error: CallError) -> bool:
    """Tell whether one query may be to blame for what failed all of a call."""
    if isinstance(error, CollectionNotFoundError):
        return False
    return error.code in _OWN_FAULTS or isinstance(error, MessageTooLargeError)

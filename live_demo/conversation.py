"""A conversation: a page's live search, from a drawing until it rests.

It holds a stream of the search service no longer than it is of use. Streams end of
themselves, too: their connection has an age, and an idle one makes room for others. The question
that met such an end is asked once more on another stream, unseen by the page.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio

from live_demo.searcher import PART, Searcher
from sketchzoo.rpc import CallError, deadline_exceeded, from_rpc_error
from sketchzoo.rpc.errors import StreamEndedError
from sketchzoo.search.v1 import search_pb2
from sketchzoo.telemetry import span, traceparent

# A page that has not drawn for so long gives its stream back.
_REST_SECONDS = 5.0

Tell = Callable[[search_pb2.LiveSearchResponse, float | None], Awaitable[None]]


@dataclass(slots=True)
class Newest:
    """Holds a page's newest request; an older one that nobody took is forgotten."""

    _request: search_pb2.LiveSearchRequest | None = None
    _there: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, request: search_pb2.LiveSearchRequest) -> None:
        """Leave a request, in the place of one still there."""
        self._request = request
        self._there.set()

    async def wait(self) -> None:
        """Wait until there is a request."""
        await self._there.wait()

    def take(self) -> search_pb2.LiveSearchRequest | None:
        """Take the request, if there is one."""
        self._there.clear()
        request, self._request = self._request, None
        return request

    def put_back(self, request: search_pb2.LiveSearchRequest) -> None:
        """Leave a request that was taken, unless there is a newer one."""
        if self._request is None:
            self.put(request)


class Conversation:
    """Asks what a page wants newest and tells it what the service answers.

    `tell` gets each answer, with the seconds it took where it is the newest's.
    """

    def __init__(self, searcher: Searcher, newest: Newest, tell: Tell, seconds: float) -> None:
        self._searcher = searcher
        self._newest = newest
        self._tell = tell
        self._seconds = seconds
        self._asked_at = 0.0
        # The span of the drawing that has no answer yet.
        self._span = ExitStack()
        self._asked: search_pb2.LiveSearchRequest | None = None
        self._was_answered = False

    @property
    def pending(self) -> int | None:
        """The sequence that has no answer yet."""
        return None if self._asked is None else self._asked.sequence

    async def run(self) -> None:
        """Go on until the page rests, or the conversation breaks, which a `CallError` says."""
        while True:
            self._was_answered = False
            try:
                await self._stream()
            except CallError as error:
                if self._asked is None and isinstance(error, StreamEndedError):
                    return
                # A service that is away breaks the next one before it has answered.
                away = error.code is grpc.StatusCode.UNAVAILABLE
                if self._asked is None or not (away and self._was_answered):
                    raise
                self._newest.put_back(self._asked)
                self._asked = None
            else:
                return

    async def _stream(self) -> None:
        """Go on until one stream breaks or is of no use any more."""
        call = self._searcher.live()
        reading = asyncio.ensure_future(call.read())
        waiting = asyncio.ensure_future(self._newest.wait())
        try:
            while True:
                done, _ = await asyncio.wait(
                    {reading, waiting}, timeout=self._left(), return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    if self._asked is None:
                        return
                    raise deadline_exceeded(f"waiting for {PART}")
                if waiting in done:
                    await self._ask(call)
                    waiting = asyncio.ensure_future(self._newest.wait())
                if reading in done:
                    response = reading.result()
                    if not isinstance(response, search_pb2.LiveSearchResponse):
                        raise await _ended(call)
                    reading = asyncio.ensure_future(call.read())
                    await self._answered(response)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, PART) from error
        except asyncio.InvalidStateError as error:
            # Written to after it broke.
            raise await _ended(call) from error
        finally:
            self._span.close()
            call.cancel()
            waiting.cancel()
            reading.cancel()
            await asyncio.gather(waiting, reading, return_exceptions=True)

    async def _ask(self, call: Any) -> None:
        request = self._newest.take()
        if request is not None:
            self._span.close()
            self._span.enter_context(span("live/drawing", "server"))
            request.traceparent = traceparent() or ""
            self._asked = request
            self._asked_at = time.monotonic()
            try:
                async with asyncio.timeout(self._seconds):
                    await call.write(request)
            except TimeoutError as error:
                raise deadline_exceeded(f"asking {PART}") from error

    async def _answered(self, response: search_pb2.LiveSearchResponse) -> None:
        seconds = None
        self._was_answered = True
        if response.sequence == self.pending:
            self._asked = None
            self._span.close()
            seconds = time.monotonic() - self._asked_at
        await self._tell(response, seconds)

    def _left(self) -> float:
        if self._asked is None:
            return _REST_SECONDS
        return max(0.0, self._asked_at + self._seconds - time.monotonic())


async def _ended(call: Any) -> CallError:
    """Return the error that a call ended with; ending well is one, too."""
    code = await call.code()
    if code is grpc.StatusCode.OK:
        return CallError(grpc.StatusCode.UNAVAILABLE, f"{PART} ended the conversation")
    error = grpc.aio.AioRpcError(
        code,
        await call.initial_metadata(),
        await call.trailing_metadata(),
        await call.details(),
        None,
    )
    return from_rpc_error(error, PART)

"""The drawings of a live search, over as many streams as it takes.

A server ends streams in good order: a connection comes of age, an idle stream makes room for
others. The drawing that has no answer yet, or else the next one, then opens another stream.
A stream that was of no use is not followed by another: the service is away.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any

import grpc

from sketchzoo.rpc.errors import IDLE, from_call
from sketchzoo.search.v1 import search_pb2

Request = search_pb2.LiveSearchRequest


class Progress:
    """Which drawing has no answer yet, and until when there is time."""

    def __init__(self, timeout: float | None) -> None:
        self.unanswered: Request | None = None
        self._end = None if timeout is None else time.monotonic() + timeout
        self._was_answered = False
        # gRPC's thread takes drawings while the caller's takes answers.
        self._lock = threading.Lock()

    def remaining(self) -> float | None:
        """Return the seconds that the next stream may last; None without an end."""
        self._was_answered = False
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    def taken(self, request: Request) -> None:
        """Note that a drawing is the newest."""
        with self._lock:
            self.unanswered = request

    def answered(self, sequence: int) -> None:
        """Note that a drawing, and with it all before it, needs no answer any more."""
        with self._lock:
            self._was_answered = True
            if self.unanswered is not None and sequence >= self.unanswered.sequence:
                self.unanswered = None

    def goes_on(self, error: Any) -> bool:
        """Tell whether another stream may follow one that a failed call has ended."""
        told = from_call(error)
        away = told.code is grpc.StatusCode.UNAVAILABLE
        return away and (self._was_answered or told.reason == IDLE)


class Drawings:
    """Drawings that threads take: gRPC's for a stream, the caller's for the next stream's first."""

    def __init__(self, requests: Iterable[Request], progress: Progress) -> None:
        self._requests = iter(requests)
        self._progress = progress
        self._lock = threading.Lock()
        self._stream = 0
        # What taking one raised in gRPC's thread; a stream ends with it.
        self.error: Exception | None = None

    def first(self) -> Request | None:
        """Return what the next stream begins with, waiting for it; None after the last."""
        with self._lock:
            # From here on an older stream's thread, which may have waited for a drawing as
            # well, takes no more.
            self._stream += 1
            return self._progress.unanswered or self._take()

    def over(self, first: Request) -> Iterator[Request]:
        """Yield the requests of one stream."""
        stream, request = self._stream, first
        while True:
            yield request
            with self._lock:
                if stream != self._stream:
                    return
                try:
                    taken = self._take()
                except Exception as error:  # noqa: BLE001 - raised where the answers are awaited
                    self.error = error
                    return
            if taken is None:
                return
            request = taken

    def _take(self) -> Request | None:
        taken = next(self._requests, None)
        if taken is not None:
            self._progress.taken(taken)
        return taken


class AsyncDrawings:
    """The same for asyncio: a task of its own takes drawings, one ahead; close it."""

    def __init__(self, requests: AsyncIterable[Request], progress: Progress) -> None:
        self._progress = progress
        self._lock = asyncio.Lock()
        self._stream = 0
        self._ahead: asyncio.Queue[Request | None] = asyncio.Queue(1)
        self.error: Exception | None = None
        # gRPC cancels what waits for a stream's next request; the caller's iterator lives on.
        self._taking = asyncio.create_task(self._take_all(requests))

    async def first(self) -> Request | None:
        """Return what the next stream begins with, waiting for it; None after the last."""
        async with self._lock:
            self._stream += 1
            return self._progress.unanswered or await self._take()

    async def over(self, first: Request) -> AsyncIterator[Request]:
        """Yield the requests of one stream."""
        stream, request = self._stream, first
        while True:
            yield request
            async with self._lock:
                taken = await self._take() if stream == self._stream else None
            if taken is None:
                return
            request = taken

    async def close(self) -> None:
        """Take no more."""
        self._taking.cancel()
        await asyncio.wait([self._taking])

    async def _take(self) -> Request | None:
        request = await self._ahead.get()
        if request is None:
            self._ahead.put_nowait(None)  # for whoever asks next
        else:
            self._progress.taken(request)
        return request

    async def _take_all(self, requests: AsyncIterable[Request]) -> None:
        try:
            async for request in requests:
                await self._ahead.put(request)
        except Exception as error:  # noqa: BLE001 - raised where the answers are awaited
            self.error = error
        await self._ahead.put(None)

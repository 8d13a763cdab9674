"""Live search: answers to a drawing while it is drawn.

Of one stream at most one search is under way: a newer drawing cancels it, and with it
the calls to the encoder and to Qdrant. What is read ahead is gRPC's flow control window
and one message here, so a caller who draws faster than searches run costs no memory.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

from sketchzoo.rpc import CallError, invalid, parsed
from sketchzoo.search.v1 import search_pb2

Answer = Callable[[search_pb2.LiveSearchRequest], Awaitable[search_pb2.SearchResponse]]


async def answer_drawings(
    requests: AsyncIterator[bytes], answer: Answer
) -> AsyncGenerator[search_pb2.LiveSearchResponse, None]:
    """Yield the answer to each drawing that was not overtaken by a newer one.

    Raises:
        CallError: INVALID_ARGUMENT; the stream holds what is no LiveSearchRequest.

    """
    newest = -1
    reading: asyncio.Task[bytes | None] | None = asyncio.create_task(_next(requests))
    searching: asyncio.Task[search_pb2.LiveSearchResponse] | None = None
    try:
        while reading is not None or searching is not None:
            tasks = {task for task in (reading, searching) if task is not None}
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if searching is not None and searching.done():
                response = await searching
                searching = None
                yield response
            if reading is not None and reading.done():
                content = await reading
                if content is None:
                    reading = None
                    continue
                reading = asyncio.create_task(_next(requests))
                request = parsed(content, search_pb2.LiveSearchRequest.FromString)
                if request.sequence <= newest:
                    yield _refused(
                        request.sequence, invalid("sequence", f"must rise; {newest} came before")
                    )
                    continue
                newest = request.sequence
                await _cancel(searching)
                searching = asyncio.create_task(_answer(request, answer))
    finally:
        await _cancel(searching)
        await _cancel(reading)


async def _next(requests: AsyncIterator[bytes]) -> bytes | None:
    return await anext(requests, None)


async def _answer(
    request: search_pb2.LiveSearchRequest, answer: Answer
) -> search_pb2.LiveSearchResponse:
    try:
        response = await answer(request)
    except CallError as error:
        return _refused(request.sequence, error)
    return search_pb2.LiveSearchResponse(sequence=request.sequence, response=response)


def _refused(sequence: int, error: CallError) -> search_pb2.LiveSearchResponse:
    return search_pb2.LiveSearchResponse(sequence=sequence, status=error.status())


async def _cancel(task: "asyncio.Task[Any] | None") -> None:
    if task is None:
        return
    task.cancel()
    # Not `await task`: that could not tell its cancellation from this one's own.
    await asyncio.wait([task])
    if not task.cancelled():
        # It had ended already; what it ended with is not wanted any more.
        task.exception()

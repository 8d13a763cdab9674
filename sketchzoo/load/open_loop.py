"""The open loop: each call begins when it is due, whatever became of those before it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache
from typing import Any

import grpc.aio
from google.rpc import error_details_pb2, status_pb2

from sketchzoo.load.tally import NOT_SENT, Tally
from sketchzoo.rpc.durations import seconds

Call = Callable[[int], Awaitable[Any]]
"""Makes the call of a number."""


async def open_loop(
    call: Call, offsets: Iterable[float], tally: Tally, *, most_under_way: int
) -> None:
    """Begin a call at each of the offsets, seconds from now; return when all have ended.

    Waiting counts: a call's time begins when it was due, so that neither a server that stands
    still nor a client that is behind hides the calls that would have been made meanwhile
    ("coordinated omission", G. Tene). One that is due while `most_under_way` are under way is not
    made, and counted as NOT_SENT. Where it is cancelled, calls under way are cancelled and not
    counted.
    """
    under_way = 0

    async def one(index: int, due: float) -> None:
        nonlocal under_way
        try:
            await call_once(call, index, due, tally)
        finally:
            under_way -= 1

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for index, offset in enumerate(offsets):
            due = start + offset
            # Also when it is late: answers that have come must not wait for calls to be sent.
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if under_way >= most_under_way:
                tally.codes[NOT_SENT] += 1
                continue
            under_way += 1
            group.create_task(one(index, due))


async def call_once(call: Call, index: int, due: float, tally: Tally) -> float | None:
    """Make one call; return the seconds until it may be repeated where it was refused."""
    sent = time.perf_counter()
    # A timer may be half a millisecond early.
    due = min(due, sent)
    tally.late.append(sent - due)
    try:
        await call(index)
    except grpc.aio.AioRpcError as error:
        # A refusal's time is the server's: from the sending, whenever that was due.
        pause = _retry_seconds(error)
        tally.add_refusal(error.code().name, time.perf_counter() - sent, pause)
        return pause
    tally.add_answer(due, sent, time.perf_counter())
    return None


def _retry_seconds(error: grpc.aio.AioRpcError) -> float | None:
    """Return what the answer's RetryInfo says, None where it has none."""
    trailing: Any = error.trailing_metadata() or ()
    return _pause(dict(trailing).get("grpc-status-details-bin") or b"")


# Refusals are alike, and reading them costs the client's core.
@lru_cache(maxsize=1000)
def _pause(details: bytes) -> float | None:
    for detail in status_pb2.Status.FromString(details).details:
        found: Any = error_details_pb2.RetryInfo()
        if detail.Unpack(found):
            return seconds(found.retry_delay)
    return None

"""Stages: workers that take from one queue until it ends."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def items(queue: "asyncio.Queue[T | None]") -> AsyncIterator[T]:
    """Yield what a queue gets until its None, which is left there for the next worker."""
    while (item := await queue.get()) is not None:
        yield item
    queue.put_nowait(None)


def waiting(queue: "asyncio.Queue[T | None]") -> T | None:
    """Take what waits in a queue; None where nothing does or the queue has ended."""
    if queue.empty():
        return None
    item = queue.get_nowait()
    if item is None:
        queue.put_nowait(None)
    return item


async def in_parallel(workers: int, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `work` as several tasks; return when all have ended, fail when one fails."""
    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())


def first_failure(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first failure of a group, however deep it lies."""
    failure: BaseException = group
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure

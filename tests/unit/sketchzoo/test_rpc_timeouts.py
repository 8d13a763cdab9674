"""Timeouts: many waits over one timer, and limits around what a task awaits."""

import asyncio

import pytest

from sketchzoo.rpc.timeouts import Limit, Timeouts


async def test_waits_run_out_in_turn_and_those_that_ended_do_not() -> None:
    """Each after its own time, whatever became of the others."""
    timeouts = Timeouts(0.02)
    found: list[str] = []
    over = asyncio.Event()
    timeouts.start(lambda: found.append("first"))
    ended = timeouts.start(lambda: found.append("ended"))
    await asyncio.sleep(0)
    timeouts.start(over.set)
    ended.end()
    ended.end()
    await asyncio.wait_for(over.wait(), 5)
    assert found == ["first"]


async def test_a_wait_after_a_rest_runs_out_too() -> None:
    """The timer, let go when nothing waited, is set again."""
    timeouts = Timeouts(0.001)
    for _ in range(3):
        over = asyncio.Event()
        timeouts.start(over.set)
        await asyncio.wait_for(over.wait(), 5)


async def test_a_wait_may_be_started_by_one_that_runs_out() -> None:
    """As a message does whose room is asked for a second time."""
    timeouts = Timeouts(0.001)
    over = asyncio.Event()
    timeouts.start(lambda: timeouts.start(over.set) and None)
    await asyncio.wait_for(over.wait(), 5)


async def test_what_ended_is_not_kept() -> None:
    """A hundred thousand calls in a deadline's time leave nothing behind."""
    timeouts = Timeouts(60)
    for _ in range(1000):
        timeouts.start(lambda: None).end()
    assert not timeouts._waits


async def test_a_limit_that_passes_by_ends_what_is_awaited() -> None:
    """TimeoutError, and the task goes on uncancelled."""
    limit = Limit()
    asyncio.get_running_loop().call_soon(limit.pass_by)
    with pytest.raises(TimeoutError), limit:
        await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()
    await asyncio.sleep(0)


async def test_a_limit_leaves_others_cancelling_alone() -> None:
    """A caller who goes at the same moment ends the task as cancelled, not as too late."""
    limits: list[Limit] = []

    async def wait() -> None:
        limits.append(Limit())
        with limits[0]:
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    limits[0].pass_by()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_limit_that_never_passes_by_lets_errors_through() -> None:
    """What is raised inside is what is seen."""
    with pytest.raises(ValueError, match="inside"), Limit():
        raise ValueError("inside")

"""What the watchdog takes for a model that runs no more."""

import asyncio
import contextlib

import pytest

from encoder_service.watchdog import Watchdog


async def test_a_run_without_an_answer_is_noticed() -> None:
    """A device that hangs says nothing: the time it was given says it."""
    watchdog = Watchdog(0.05)
    watchdog.began()
    async with asyncio.timeout(20):
        assert await watchdog.watch() == "a run of the model has had no answer for 0.05 s"


async def test_runs_that_end_are_no_reason() -> None:
    """However many there are, and whatever they end with."""
    watchdog = Watchdog(0.05)
    watching = asyncio.create_task(watchdog.watch())
    for _ in range(40):
        run = watchdog.began()
        await asyncio.sleep(0.005)
        watchdog.ended(run)
    assert not watching.done()
    watchdog.broke("in the end it does")
    assert await watching == "in the end it does"


async def test_a_stopped_process_has_lost_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """After SIGSTOP or a laptop's sleep the clock has gone on: the run gets its time still."""
    watchdog = Watchdog(10)
    watchdog.began()
    watching = asyncio.create_task(watchdog.watch())
    await asyncio.sleep(0)
    clock = asyncio.get_running_loop().time
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: clock() + 3600)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(watching), 0.05)
    assert not watching.done()
    watching.cancel()


async def test_the_first_reason_counts() -> None:
    """What fails after a failure is its consequence, whoever hears of it."""
    watchdog = Watchdog()
    watchdog.broke("the cause")
    watchdog.broke("a consequence")
    assert await watchdog.watch() == "the cause"


def test_a_time_of_nothing_is_refused() -> None:
    """Every run would hang."""
    with pytest.raises(ValueError, match="timeout_seconds must be above 0"):
        Watchdog(0)

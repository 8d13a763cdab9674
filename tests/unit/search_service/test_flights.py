"""Work that callers share."""

import asyncio

import pytest

from search_service.flights import SingleFlight


async def test_callers_share_one_piece_of_work() -> None:
    """Two callers at one time get the result of one run; a later one runs anew."""
    runs = 0

    async def work() -> int:
        nonlocal runs
        runs += 1
        await asyncio.sleep(0)
        return runs

    flights: SingleFlight[str, int] = SingleFlight()
    assert await asyncio.gather(flights.run("k", work), flights.run("k", work)) == [1, 1]
    assert await flights.run("k", work) == 2
    assert not flights.under_way("k")


async def test_all_callers_hear_of_a_failure() -> None:
    """What the work raises, every caller gets; the next caller tries again."""

    async def work() -> int:
        await asyncio.sleep(0)
        raise ValueError("no")

    flights: SingleFlight[str, int] = SingleFlight()
    results = await asyncio.gather(
        flights.run("k", work), flights.run("k", work), return_exceptions=True
    )
    assert [type(result) for result in results] == [ValueError, ValueError]
    with pytest.raises(ValueError, match="no"):
        await flights.run("k", work)


async def test_the_last_caller_who_leaves_ends_the_work() -> None:
    """One of two may go; when the other goes too, the work is cancelled."""
    ended: list[str] = []
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    flights: SingleFlight[str, None] = SingleFlight()
    callers = [asyncio.create_task(flights.run("k", work)) for _ in range(2)]
    await started.wait()
    callers[0].cancel()
    await asyncio.wait([callers[0]])
    assert ended == []
    callers[1].cancel()
    await asyncio.wait([callers[1]])
    await asyncio.sleep(0)
    assert ended == ["cancelled"]
    assert not flights.under_way("k")


async def test_a_caller_after_the_last_left_gets_work_of_his_own() -> None:
    """Work that is being cancelled is not joined."""
    runs = 0

    async def work() -> int:
        nonlocal runs
        runs += 1
        await asyncio.sleep(60 if runs == 1 else 0)
        return runs

    flights: SingleFlight[str, int] = SingleFlight()
    first = asyncio.create_task(flights.run("k", work))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    assert await flights.run("k", work) == 2

"""The hand-over: answers reach the event loop, several at a wake-up where more waits."""

import asyncio
import threading

import pytest

from encoder_service import handover
from encoder_service.handover import HandOver


async def _wake_ups(call: str) -> int:
    """Count how often the loop was woken for a script of p (put), f (flush), and o (overdue)."""
    loop = asyncio.get_running_loop()
    futures = [loop.create_future() for _ in range(call.count("p"))]
    waiting = iter(futures)
    over = HandOver(3, lambda: True)
    woken = 0
    real = loop.call_soon_threadsafe

    def work() -> None:
        nonlocal woken
        for step in call:
            if step == "p":
                over.put(next(waiting))
            elif step == "f":
                over.flush()
            else:
                over.flush_overdue()

    def count(*arguments: object) -> object:
        nonlocal woken
        woken += 1
        return real(*arguments)  # type: ignore[arg-type] # as it came

    loop.call_soon_threadsafe = count  # type: ignore[method-assign] # to count
    try:
        # The loop stands still meanwhile, as it does while it is busy.
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        loop.call_soon_threadsafe = real  # type: ignore[method-assign]
    if call.endswith(("f", "ppp")):
        await asyncio.wait_for(asyncio.gather(*futures), 5)
    return woken


async def test_answers_wait_for_one_another_while_more_waits() -> None:
    """Three with one wake-up, and none before."""
    assert await _wake_ups("pp") == 0
    assert await _wake_ups("ppp") == 1


async def test_a_worker_with_nothing_to_do_hands_over_what_is_held() -> None:
    """Before it waits; where nothing is held the loop is left in peace."""
    assert await _wake_ups("ppf") == 1
    assert await _wake_ups("f") == 0


async def test_a_loop_that_has_been_woken_is_not_woken_again() -> None:
    """Until it has come: it then takes all that is there."""
    assert await _wake_ups("pppppp") == 1
    assert await _wake_ups("pfpfpf") == 1


async def test_an_answer_waits_no_longer_than_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it goes without the next one."""
    assert await _wake_ups("po") == 0
    monkeypatch.setattr(handover, "_SECONDS", 0.0)
    assert await _wake_ups("po") == 1


async def test_an_answer_goes_at_once_where_nothing_waits() -> None:
    """A lone call pays nothing."""
    future = asyncio.get_running_loop().create_future()
    over = HandOver(3, lambda: False)
    threading.Thread(target=over.put, args=(future,)).start()
    await asyncio.wait_for(future, 5)


async def test_a_future_that_has_ended_is_passed_over() -> None:
    """Its call was cancelled meanwhile; the others have their answers."""
    loop = asyncio.get_running_loop()
    gone, waiting = loop.create_future(), loop.create_future()
    over = HandOver(2, lambda: True)
    gone.cancel()
    over.put(gone)
    over.put(waiting)
    await asyncio.wait_for(waiting, 5)

"""The budget of bytes."""

import asyncio

import pytest

from sketchzoo_ingest.budget import ByteBudget


async def test_waits_for_space() -> None:
    """What would go over the limit waits until enough was released."""
    budget = ByteBudget(10)
    await budget.acquire(6)
    waiting = asyncio.create_task(budget.acquire(7))
    await asyncio.sleep(0)
    budget.release(2)
    await asyncio.sleep(0)
    assert not waiting.done()
    budget.release(1)
    await waiting
    assert budget.held == 10


async def test_too_large_passes_alone() -> None:
    """What is larger than the budget passes when nothing is held, rather than never."""
    budget = ByteBudget(10)
    await budget.acquire(1)
    waiting = asyncio.create_task(budget.acquire(100))
    await asyncio.sleep(0)
    assert not waiting.done()
    budget.release(1)
    await waiting
    assert budget.held == 100


async def test_reservation_is_corrected() -> None:
    """A reservation becomes what was read, be it less or more, and lets others in."""
    budget = ByteBudget(10)
    await budget.acquire(10)
    waiting = asyncio.create_task(budget.acquire(5))
    await asyncio.sleep(0)
    budget.correct(10, 4)
    await waiting
    budget.correct(5, 8)
    assert budget.held == 12


def test_refuses_nonsense() -> None:
    """A budget of nothing, and giving back more than is held, are mistakes."""
    with pytest.raises(ValueError, match="at least 1"):
        ByteBudget(0)
    with pytest.raises(ValueError, match="0 are held"):
        ByteBudget(1).release(1)

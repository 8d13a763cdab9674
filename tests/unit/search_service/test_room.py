"""Room for files in memory, in the order in which they come."""

import asyncio

import pytest

from search_service.room import Room


async def holding(room: Room, size: int, begun: list[int], end: asyncio.Event) -> None:
    async with room.hold(size):
        begun.append(size)
        await end.wait()


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_more_than_fits_waits_for_its_turn() -> None:
    """Who comes first is served first; a small one does not pass a large one by."""
    room, begun, end = Room(10), [], asyncio.Event()
    tasks = [asyncio.create_task(holding(room, size, begun, end)) for size in (4, 8, 1)]
    await settled()
    assert begun == [4]
    end.set()
    await asyncio.gather(*tasks)
    assert begun == [4, 8, 1]
    assert room.held == 0


async def test_what_is_larger_than_all_comes_alone() -> None:
    """It is not refused: it waits until nothing else is there, and others wait for it."""
    room, begun, end = Room(10), [], asyncio.Event()
    first = asyncio.create_task(holding(room, 50, begun, end))
    second = asyncio.create_task(holding(room, 1, begun, end))
    await settled()
    assert begun == [50]
    end.set()
    await asyncio.gather(first, second)


@pytest.mark.parametrize("when", ["waiting", "just then", "let in"])
async def test_who_leaves_gives_its_room_to_others(when: str) -> None:
    """Cancelled while it waits, as others leave, or at the very moment when it is let in."""
    room, begun, end = Room(10), [], asyncio.Event()
    first = asyncio.create_task(holding(room, 10, begun, end))
    await settled()
    leaving = asyncio.create_task(holding(room, 9, begun, asyncio.Event()))
    last = asyncio.create_task(holding(room, 2, begun, end))
    await settled()
    if when == "let in":
        end.set()
        await first
    if when == "just then":
        end.set()
    leaving.cancel()
    end.set()
    await asyncio.gather(first, last)
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert room.held == 0

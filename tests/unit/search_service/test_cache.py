"""The cache and the sharing of work."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_service.cache import LruCache, SingleFlight


def cache(entries: int = 3, size: int = 100) -> LruCache[str, bytes]:
    return LruCache(entries, size, len)


def test_keeps_what_was_used_last() -> None:
    """The entry used longest ago makes room."""
    kept = cache()
    for key in "abc":
        kept.put(key, b"x")
    assert kept.get("a") == b"x"
    kept.put("d", b"x")
    assert kept.get("b") is None
    assert [kept.get(key) for key in "acd"] == [b"x"] * 3


def test_stays_within_its_bytes() -> None:
    """A large value pushes several small ones out; a too large one is not kept."""
    kept = cache(entries=10)
    for key in "abc":
        kept.put(key, bytes(30))
    kept.put("d", bytes(60))
    assert [key for key in "abcd" if kept.get(key) is not None] == ["c", "d"]
    assert kept.bytes == 90
    kept.put("e", bytes(101))
    assert kept.get("e") is None


def test_an_entry_replaced_counts_once() -> None:
    """Putting a key twice keeps the second value's bytes only."""
    kept = cache()
    kept.put("a", bytes(50))
    kept.put("a", bytes(10))
    assert (kept.bytes, len(kept)) == (10, 1)


def test_no_entries_keep_nothing() -> None:
    """A cache of 0 entries is off."""
    kept = cache(entries=0)
    kept.put("a", b"x")
    assert kept.get("a") is None


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 60))))
def test_its_limits_always_hold(puts: list[tuple[str, int]]) -> None:
    """Whatever is put, entries and bytes stay within their limits, and bytes add up."""
    kept = cache()
    for key, size in puts:
        kept.put(key, bytes(size))
        values = [value for each in "abcdef" if (value := kept.get(each)) is not None]
        assert len(values) == len(kept) <= 3
        assert sum(map(len, values)) == kept.bytes <= 100


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
    assert len(flights) == 0


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

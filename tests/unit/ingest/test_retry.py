"""Trying calls again."""

import asyncio
import time

import grpc
import pytest

from sketchzoo.rpc import CallError, exhausted, invalid, unavailable
from sketchzoo.rpc.errors import MessageTooLargeError
from sketchzoo_ingest.retry import RetryPolicy


class Call:
    def __init__(self, *failures: CallError) -> None:
        self.failures = list(failures)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return "done"


def policy(seconds: float = 30.0, stop: asyncio.Event | None = None) -> RetryPolicy:
    def note(part: str, code: str) -> None:
        retried.append(code)

    return RetryPolicy(seconds, stop or asyncio.Event(), note)


retried: list[str] = []


@pytest.fixture(autouse=True)
def _forget() -> None:
    retried.clear()


async def test_tries_again_until_done() -> None:
    """UNAVAILABLE and RESOURCE_EXHAUSTED are tried again, and counted by code."""
    call = Call(unavailable("x", "y"), exhausted("full", 0.01))
    assert await policy().call("x", call) == "done"
    assert retried == ["UNAVAILABLE", "RESOURCE_EXHAUSTED"]


async def test_waits_as_long_as_asked() -> None:
    """RetryInfo says how long to wait at least."""
    start = time.monotonic()
    await policy().call("x", Call(exhausted("full", 0.2)))
    assert time.monotonic() - start >= 0.2


async def test_what_cannot_pass_is_raised_at_once() -> None:
    """Errors that trying again cannot mend are raised after one call."""
    for error in (
        invalid("x", "is wrong"),
        MessageTooLargeError(grpc.StatusCode.RESOURCE_EXHAUSTED, "too large (9 vs. 8)"),
    ):
        call = Call(error, error)
        with pytest.raises(CallError) as raised:
            await policy().call("x", call)
        assert raised.value is error
        assert call.calls == 1


async def test_the_time_ends() -> None:
    """When the time is used up, the last failure is raised."""
    call = Call(*[unavailable("x", str(i)) for i in range(1000)])
    with pytest.raises(CallError, match="UNAVAILABLE"):
        await policy(0.5).call("x", call)
    assert 2 <= call.calls < 10


async def test_nothing_is_tried_again_after_stop() -> None:
    """Once the run is to stop, a failure is final, even in the middle of a pause."""
    stop = asyncio.Event()
    call = Call(exhausted("full", 5.0), exhausted("full", 5.0), exhausted("full", 5.0))
    calling = asyncio.create_task(policy(stop=stop).call("x", call))
    await asyncio.sleep(0.05)
    stop.set()
    async with asyncio.timeout(4):
        with pytest.raises(CallError):
            await calling
    assert call.calls == 2

"""Retries: what tenacity is told of when to try again, and until when.

A failure that says when to come back has it as `retry_after`, in seconds: a call's RetryInfo
(google/rpc/error_details.proto), an HTTP answer's Retry-After.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from tenacity import RetryCallState, wait_exponential
from tenacity.wait import wait_base

_SHORTEST_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class WaitAsAsked(wait_base):
    """Waits as long as the failure asks, or else `first` seconds, doubled with each attempt.

    What was asked grows by `growth` with each further attempt. No pause is longer than
    `longest`. Each is longer by up to the share `jitter`, so that calls refused together do not
    come back together.
    """

    first: float = 0.1
    longest: float = 5.0
    growth: float = 1.0
    jitter: float = 0.5

    def __call__(self, retry_state: RetryCallState) -> float:
        """Return the seconds to wait."""
        asked = getattr(failure(retry_state), "retry_after", None)
        if asked is None:
            seconds = float(wait_exponential(self.first, self.longest)(retry_state))
        else:
            seconds = asked * self.growth ** (retry_state.attempt_number - 1)
        seconds = min(self.longest, max(_SHORTEST_SECONDS, seconds))
        return seconds * random.uniform(1, 1 + self.jitter)  # noqa: S311 - no secret


def failure(retry_state: RetryCallState) -> BaseException | None:
    """Return what the last attempt failed with."""
    return retry_state.outcome.exception() if retry_state.outcome else None


def count_from_first_failure(retry_state: RetryCallState) -> None:
    """Count the time from the first failure, however long that attempt took (`after`)."""
    if retry_state.attempt_number == 1 and retry_state.outcome_timestamp is not None:
        retry_state.start_time = retry_state.outcome_timestamp


def sleeping_until(event: asyncio.Event) -> Callable[[float], Awaitable[None]]:
    """Return what sleeps, and wakes early when the event is set (`sleep`)."""

    async def sleep(seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)

    return sleep

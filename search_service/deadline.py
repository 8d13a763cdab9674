"""Deadlines: until when a call's work makes sense, shared out between its steps."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from sketchzoo.rpc import deadline_exceeded

# The most of the remaining time that is kept for the query while the encoder works.
_RESERVED_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of the monotonic clock, in seconds."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """Return the deadline `seconds` from now."""
        return cls(time.monotonic() + seconds)

    def has_passed(self) -> bool:
        """Tell whether no time is left."""
        return time.monotonic() >= self.at

    def remaining(self, where: str) -> float:
        """Return the seconds left.

        Raises:
            CallError: DEADLINE_EXCEEDED; none is left. `where` says what was going on.

        """
        seconds = self.at - time.monotonic()
        if seconds <= 0:
            raise deadline_exceeded(where)
        return seconds

    @asynccontextmanager
    async def bounding(self, where: str) -> AsyncIterator[None]:
        """End what is awaited in the context at the deadline; raises as `remaining`."""
        try:
            async with asyncio.timeout(self.remaining(where)):
                yield
        except TimeoutError as error:
            raise deadline_exceeded(where) from error

    def for_encoder(self, reserve_seconds: float) -> float:
        """Return the seconds that the encoder may take, so that some are left for Qdrant."""
        seconds = self.remaining("preparing the query")
        return seconds - min(reserve_seconds, seconds * _RESERVED_SHARE)

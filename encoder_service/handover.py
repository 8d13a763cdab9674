"""The hand-over: what workers have ended, back to the event loop, several at a wake-up.

A wake-up costs the loop most of what a call costs it: its code and data have left the caches
since the last one, and the second answer of the same wake-up finds them there. While more
waits for the workers than they are about to take, an answer therefore waits for the next.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

# For so long an answer waits for the next one, and no image is decoded for longer meanwhile.
_SECONDS = 0.01


class HandOver:
    """Ends futures of one event loop from other threads."""

    def __init__(self, most: int, more_waits: Callable[[], bool]) -> None:
        """Wake the loop for `most` at a time while `more_waits`, at once where nothing does."""
        self._most = most
        self._more_waits = more_waits
        self._ended: deque[asyncio.Future[None]] = deque()
        self._since = 0.0
        # Whether the loop has been woken and has not come yet.
        self._is_woken = False

    def put(self, future: "asyncio.Future[None]") -> None:
        """Hand a future over, now or with the next ones."""
        if not self._ended:
            self._since = time.monotonic()
        self._ended.append(future)
        if len(self._ended) >= self._most or not self._more_waits():
            self.flush()

    def flush(self) -> None:
        """Wake the loop where something is held: its thread is about to wait."""
        if self._is_woken:
            return
        try:
            loop = self._ended[0].get_loop()
        except IndexError:  # nothing is held, or the loop has just come
            return
        self._is_woken = True
        loop.call_soon_threadsafe(self._end)

    def flush_overdue(self) -> None:
        """Wake the loop where an answer has waited long enough."""
        if self._ended and time.monotonic() - self._since >= _SECONDS:
            self.flush()

    def _end(self) -> None:
        # First of all: what is put from here on may have been missed, and wakes anew.
        self._is_woken = False
        while self._ended:
            future = self._ended.popleft()
            if not future.done():
                future.set_result(None)

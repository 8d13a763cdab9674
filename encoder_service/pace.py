"""Pace: how many images the encoder gets through, of late, when it has enough of them."""

import math
import threading
import time
from collections.abc import Callable

_MEMORY_SECONDS = 1.0
_WEIGHT = 0.1
_LEAST = 0.005
_MOST = 10.0


class Pace:
    """A moving average of wall-clock seconds an image, while images wait for workers.

    Workers, batches and lanes all run side by side: only the clock on the wall tells what they
    come to together, and only while none of them lacks work.
    """

    def __init__(self, seconds: float = 0.02, clock: Callable[[], float] = time.monotonic) -> None:
        """Start from a guess, until the first images tell better."""
        self.seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._since: float | None = None
        self._measured = False

    def guess(self, seconds: float) -> None:
        """Take what one more image took of all workers' time, until a queue shows the pace."""
        if not self._measured:
            self.seconds += _WEIGHT * (seconds - self.seconds)

    def passed(self, images: int, *, waiting: bool) -> None:
        """Note that images are through; `waiting` tells whether others wait for a worker."""
        now = self._clock()
        with self._lock:
            if self._since is not None and images and now > self._since:
                self._learn(now - self._since, images)
            if self._since is None or images:
                self._since = now
            if not waiting:
                self._since = None

    def wait(self, images: int) -> float:
        """Estimate the seconds until `images` waiting ones are through; 5 ms to 10 s."""
        return min(_MOST, max(_LEAST, images * self.seconds))

    def _learn(self, seconds: float, images: int) -> None:
        """Weigh a stretch by its length, and the first one fully."""
        weight = 1 - math.exp(-seconds / _MEMORY_SECONDS) if self._measured else 1.0
        self.seconds += weight * (seconds / images - self.seconds)
        self._measured = True

"""How a decode is given up: unwanted, over its time, or for what its file is."""

import time
from collections.abc import Callable
from typing import Literal

_LOOK_SECONDS = 0.01
"""How often a decode looks whether it may go on."""

Reason = Literal["not_an_image", "too_large", "too_slow", "truncated", "empty"]


class ImageError(ValueError):
    """The bytes are no image that can be used; the message says why.

    `reason` is one of a few words, fit for a metric's label or a report's row.
    """

    def __init__(self, message: str, reason: Reason) -> None:
        super().__init__(message)
        self.reason = reason


class GivenUpError(Exception):
    """Nobody wants the image any more; nothing is said of the image."""


class Watch:
    """Watches one decode: over its time, or unwanted, it is to end. For the thread that made it.

    The time is the thread's own on a core: on a busy machine an image is not to blame for
    what others take.
    """

    def __init__(self, max_seconds: float, unwanted: Callable[[], bool] | None = None) -> None:
        """Allow `max_seconds` from now; `unwanted` tells whether nobody waits any more."""
        self._max_seconds = max_seconds
        self._unwanted = unwanted
        self._until = time.thread_time() + max_seconds
        self._next = time.monotonic() + _LOOK_SECONDS

    def check(self) -> None:
        """Return at once if the decode may go on; cheap enough to be asked a million times.

        Raises:
            ImageError: it has taken too long.
            GivenUpError: nobody wants it any more.

        """
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _LOOK_SECONDS
        if self._unwanted is not None and self._unwanted():
            raise GivenUpError
        if time.thread_time() > self._until:
            raise ImageError(
                f"takes more than {self._max_seconds:g} s to decode; save it anew", "too_slow"
            )

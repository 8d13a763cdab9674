"""Limits: how large an image may be, how long it may take, and how a decode is given up."""

import time
from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """How large an image may be and how long it may take.

    Its file in bytes, its sides in pixels, and the seconds of one core that decoding it
    may take, waiting not counted.
    """

    max_bytes: int = 8 * 1024 * 1024
    max_side: int = 4096
    max_seconds: float = 2.0

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_side"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not self.max_seconds > 0:
            raise ValueError(f"max_seconds must be above 0, not {self.max_seconds}")


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

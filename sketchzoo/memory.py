"""Memory: what was freed goes back to the system."""

import ctypes
from functools import cache
from typing import Any


def give_back_freed() -> None:
    """Have the C library give back what was freed of late; it would keep it for later.

    After something large: it takes some milliseconds. Without glibc nothing happens.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Any:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return None

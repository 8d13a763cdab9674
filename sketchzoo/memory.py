"""Memory: what was freed goes back to the system."""

import ctypes
import sys
from functools import cache
from typing import Any

# <malloc.h>'s number, and bytes.
_MMAP_THRESHOLD = -3
_LARGE = 1024 * 1024


def give_back_large_blocks() -> None:
    """Have the C library give back blocks of a MiB and more as soon as they are freed.

    From now on, for a service that decodes photos in threads: glibc would learn from the first
    large block that is freed to keep such blocks, in a heap of each thread's own. Without glibc
    nothing happens.
    """
    if sys.platform == "linux":
        try:
            ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)
        except (OSError, AttributeError):
            return


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

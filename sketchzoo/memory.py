"""Memory: what was freed goes back to the system, what stays is not looked through for more."""

import ctypes
import gc
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


def keep_what_is_loaded() -> None:
    """Have the collector of cycles pass over all that is there by now.

    For a program that has loaded what it needs: modules, models and types, some 120,000 objects,
    live as long as it does, and each full collection would hold all of its calls up to look at
    them, for tens of milliseconds.
    """
    gc.collect()
    gc.freeze()


@cache
def _trim() -> Any:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return None

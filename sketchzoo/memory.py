"""Memory: what large images held goes back to the system when they are freed.

glibc learns from the first large block that is freed to keep such blocks, and each thread keeps
its own: a service that decodes photos in threads would hold what its largest ones took, several
times over, for good.
"""

import ctypes
import sys

# <malloc.h>'s numbers.
_MMAP_THRESHOLD = -3
_LARGE = 1024 * 1024


def give_back_large_blocks() -> None:
    """Have blocks of a MiB and more come from the system and go back to it, from now on.

    Where the C library is not glibc nothing changes.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(_MMAP_THRESHOLD, _LARGE)

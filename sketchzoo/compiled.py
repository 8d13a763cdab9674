"""The compiled library: `morphology.c`, called without the interpreter's lock.

The build hook (hatch_build.py) compiles it beside this module where it finds a C compiler.
A plain library and no extension of the interpreter's: one serves every Python, and `ctypes`
lets other threads run while it computes.
"""

import ctypes
from pathlib import Path

FILE = Path(__file__).with_name("libmorphology.so")


def load(file: Path = FILE) -> ctypes.CDLL | None:
    """Load the library; None where it was not built, or not for this machine or this source."""
    mask, size = ctypes.c_void_p, ctypes.c_size_t
    try:
        library = ctypes.CDLL(str(file))
        library.sketchzoo_thin.argtypes = (mask, size, size, mask, mask)
        library.sketchzoo_erode.argtypes = (mask, size, size, size, mask)
        library.sketchzoo_dilate.argtypes = (mask, size, size, size, mask)
    except (OSError, AttributeError):
        return None
    return library


LIBRARY = load()

"""The compiled library: `ink.c`, called without the interpreter's lock.

The build hook (hatch_build.py) compiles it beside this module where it finds a C compiler.
A plain library and no extension of the interpreter's: one serves every Python, and `ctypes`
lets other threads run while it computes.
"""

import ctypes
from pathlib import Path

FILE = Path(__file__).with_name("libink.so")


def load(file: Path = FILE) -> ctypes.CDLL | None:
    """Load the library; None where it was not built, or not for this machine or this source."""
    bytes_, size = ctypes.c_void_p, ctypes.c_size_t
    try:
        library = ctypes.CDLL(str(file))
        library.sketchzoo_thin.argtypes = (bytes_, size, size, bytes_, bytes_)
        library.sketchzoo_trace.argtypes = (bytes_, size, size, bytes_, size, bytes_)
        library.sketchzoo_draw.argtypes = (bytes_, size, size, size, bytes_)
        library.sketchzoo_ink.argtypes = (bytes_, size, size, size, bytes_, ctypes.POINTER(size))
    except (OSError, AttributeError):
        return None
    return library


LIBRARY = load()

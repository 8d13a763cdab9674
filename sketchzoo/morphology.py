"""Morphology: masks thinned to lines, eroded and dilated, with squares of any size.

In C where the library was compiled, without the interpreter's lock, and in NumPy elsewhere:
the same pixels, by the definitions here. The thinning follows Zhang and Suen, "A fast
parallel algorithm for thinning digital patterns" (CACM 1984), on the list of inked pixels
alone, which are few.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sketchzoo.compiled import LIBRARY

Mask = npt.NDArray[np.bool_]
"""`(height, width)`, true where there is ink."""


def thin(mask: Mask) -> Mask:
    """Thin ink to lines one pixel wide that hang together as the ink did."""
    if LIBRARY is None:
        return _thinned(mask)
    return _compiled(LIBRARY.sketchzoo_thin, mask, _PEEL.ctypes.data)


def erode(mask: Mask, reach: int) -> Mask:
    """Return the ink with nothing but ink `reach` pixels around, in rows and columns."""
    if LIBRARY is None:
        return _eroded(mask, reach)
    return _compiled(LIBRARY.sketchzoo_erode, mask, reach)


def dilate(mask: Mask, reach: int) -> Mask:
    """Return the ink with all that lies `reach` pixels around, in rows and columns."""
    if LIBRARY is None:
        return _dilated(mask, reach)
    return _compiled(LIBRARY.sketchzoo_dilate, mask, reach)


def _compiled(function: Callable[..., int], mask: Mask, argument: int) -> Mask:
    """Call a function of the library's; it reads bytes of 0 and 1 without gaps."""
    mask = np.ascontiguousarray(mask, np.bool_)
    height, width = mask.shape
    out = np.empty_like(mask)
    if not function(mask.ctypes.data, height, width, argument, out.ctypes.data):
        raise MemoryError(f"no memory for a mask of {width} x {height}")
    return out


def _thinned(mask: Mask) -> Mask:
    height, width = mask.shape
    padded = np.zeros((height + 2, width + 2), np.uint8)
    padded[1:-1, 1:-1] = mask
    flat = padded.reshape(-1)
    stride = width + 2
    around = (-stride, -stride + 1, 1, stride + 1, stride, stride - 1, -1, -stride - 1)
    inked = np.flatnonzero(flat)
    steady = 0
    step = 0
    while steady < 2 and inked.size:  # noqa: PLR2004 - both halves of a round left all as it was
        code = flat[inked + around[0]].copy()
        for bit, offset in enumerate(around[1:], start=1):
            code |= flat[inked + offset] << np.uint8(bit)
        peeled = _PEEL[step][code]
        flat[inked[peeled]] = 0
        steady = 0 if peeled.any() else steady + 1
        inked = inked[~peeled]
        step = 1 - step
    return padded[1:-1, 1:-1].astype(np.bool_)


def _eroded(mask: Mask, reach: int) -> Mask:
    height, width = mask.shape
    if 2 * reach >= min(height, width):
        return np.zeros_like(mask)
    eroded = np.pad(mask, reach)
    for _ in range(2 * reach):
        eroded = eroded[1:] & eroded[:-1]
    for _ in range(2 * reach):
        eroded = eroded[:, 1:] & eroded[:, :-1]
    return eroded


def _dilated(mask: Mask, reach: int) -> Mask:
    dilated = np.pad(mask, reach)
    for _ in range(2 * reach):
        dilated = dilated[1:] | dilated[:-1]
    for _ in range(2 * reach):
        dilated = dilated[:, 1:] | dilated[:, :-1]
    return dilated


def _peel() -> npt.NDArray[np.bool_]:
    """Tabulate, for the 256 ways to have neighbours, which pixels each step removes."""
    tables = np.zeros((2, 256), np.bool_)
    for code in range(256):
        north, ne, east, se, south, sw, west, nw = ((code >> bit) & 1 for bit in range(8))
        ring = (north, ne, east, se, south, sw, west, nw)
        count = sum(ring)
        rises = sum(a < b for a, b in zip(ring, (*ring[1:], ring[0]), strict=True))
        if 2 <= count <= 6 and rises == 1:  # noqa: PLR2004 - Zhang and Suen's conditions
            tables[0, code] = not (north and east and south) and not (east and south and west)
            tables[1, code] = not (north and east and west) and not (north and south and west)
    return tables


_PEEL = _peel()

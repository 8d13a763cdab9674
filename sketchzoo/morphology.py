"""Morphology: ink thinned to lines, traced and drawn again with a pen.

In C where the library was compiled, without the interpreter's lock, and in NumPy elsewhere:
the same pixels, by the definitions here. The thinning follows Zhang and Suen, "A fast
parallel algorithm for thinning digital patterns" (CACM 1984), on the list of inked pixels
alone, which are few.
"""

import numpy as np
import numpy.typing as npt

from sketchzoo.compiled import LIBRARY

Mask = npt.NDArray[np.bool_]
"""`(height, width)`, true where there is ink."""
Grey = npt.NDArray[np.uint8]


def thin(mask: Mask) -> Mask:
    """Thin ink to lines one pixel wide that hang together as the ink did."""
    mask = np.ascontiguousarray(mask, np.bool_)
    if LIBRARY is None:
        return _thinned(mask)
    out = np.empty_like(mask)
    peel = _PEEL.ctypes.data
    _done(LIBRARY.sketchzoo_thin(mask.ctypes.data, *mask.shape, peel, out.ctypes.data))
    return out


def trace(mask: Mask, side: int) -> Mask:
    """Return ink's lines, and its patches wider than a stroke less half a stroke's width around.

    They lie in the middle of a square of `side` pixels, which the mask must fit into.
    """
    if max(mask.shape) > side:
        raise ValueError(f"a mask of {mask.shape} pixels does not fit into {side}")
    mask = np.ascontiguousarray(mask, np.bool_)
    if LIBRARY is None:
        return _traced(mask, side)
    out = np.empty((side, side), np.bool_)
    peel = _PEEL.ctypes.data
    _done(LIBRARY.sketchzoo_trace(mask.ctypes.data, *mask.shape, peel, side, out.ctypes.data))
    return out


def draw(mask: Mask, reach: int) -> Grey:
    """Draw ink black on white with a square pen that reaches so many pixels to each side."""
    mask = np.ascontiguousarray(mask, np.bool_)
    if LIBRARY is None:
        return _drawn(mask, reach)
    out = np.empty(mask.shape, np.uint8)
    _done(LIBRARY.sketchzoo_draw(mask.ctypes.data, *mask.shape, reach, out.ctypes.data))
    return out


def _done(enough: int) -> None:
    if not enough:
        raise MemoryError("no memory for a drawing's mask")


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
    """Return the ink with nothing but ink `reach` pixels around, in rows and columns."""
    height, width = mask.shape
    if 2 * reach >= min(height, width):
        return np.zeros_like(mask)
    eroded = np.pad(mask, reach)
    for _ in range(2 * reach):
        eroded = eroded[1:] & eroded[:-1]
    for _ in range(2 * reach):
        eroded = eroded[:, 1:] & eroded[:, :-1]
    return eroded


def _traced(mask: Mask, side: int) -> Mask:
    thinned = _thinned(mask)
    half_stroke = round(float(mask.sum() / (2 * max(1, thinned.sum()))))
    height, width = mask.shape
    top, left = (side - height) // 2, (side - width) // 2
    square = np.zeros((side, side), np.bool_)
    square[top : top + height, left : left + width] = thinned | _eroded(mask, half_stroke)
    return square


def _drawn(mask: Mask, reach: int) -> Grey:
    drawn = np.pad(mask, reach)
    for _ in range(2 * reach):
        drawn = drawn[1:] | drawn[:-1]
    for _ in range(2 * reach):
        drawn = drawn[:, 1:] | drawn[:, :-1]
    # Ink is 1 and paper 0 here: one less is 0, and, of bytes, 255.
    return drawn.astype(np.uint8) - np.uint8(1)


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

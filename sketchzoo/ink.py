"""Ink: what is drawn in a picture, brought to one size, place and stroke width.

People draw with pens of any width, anywhere on a canvas of any size, white on black,
on nothing at all, or on paper that they photograph. A network that never sees these
differences cannot mistake them for something: here the drawing is told from its ground,
cut out, thinned to lines one pixel wide and drawn again with one pen. Where strokes run
into one another, what their ink leaves when half a stroke's width is taken off its edges
stays beside the lines: a wide pen makes patches, not other lines. The thinning
follows Zhang and Suen, "A fast parallel algorithm for thinning digital patterns"
(CACM 1984), on the list of inked pixels alone, which are few.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageFilter, ImageOps

from sketchzoo.sheet import cut_out

Mask = npt.NDArray[np.bool_]

WORK = 256
"""The side in pixels of the square in which lines are thinned."""
LARGEST_DRAWING = 640
"""Larger pictures are reduced to this many pixels a side before anything else."""
_CLEAN = 6
"""A ground whose greys differ by less than this (of 255) needs no flattening."""


def lines(image: Image.Image, keep: float = 0.92) -> Mask:
    """Return a drawing's lines, one pixel wide: `(WORK, WORK)`, true where there is ink.

    Patches wider than a stroke stay, less half a stroke's width around. The drawing's longer
    side takes `keep` of the square, its middle lies in the middle. A picture without ink
    gives no lines. Where it shows a sheet on a desk, the sheet is the picture.
    """
    sheet = cut_out(image)
    ink = _ink(image if sheet is None else sheet)
    box = _box(ink)
    if box is None and sheet is not None:
        ink = _ink(image)  # the "sheet" is what is drawn: a white card on black
        box = _box(ink)
    mask = np.zeros((WORK, WORK), np.bool_)
    if box is None:
        return mask
    ink = ink.crop(box)
    inner = max(1, round(WORK * keep))
    scale = inner / max(ink.size)
    if scale > 1:
        width, height = (max(1, round(side * scale)) for side in ink.size)
        ink = ink.resize((width, height), Image.Resampling.BICUBIC)
        drawn = np.asarray(ink) >= 128  # noqa: PLR2004 - half
    else:
        # Any ink in a pixel inks it, so that no thin line breaks.
        rows, columns = np.nonzero(np.asarray(ink) >= 128)  # noqa: PLR2004 - half
        width, height = (int(side * scale) + 1 for side in ink.size)
        drawn = np.zeros((height, width), np.bool_)
        drawn[(rows * scale).astype(np.intp), (columns * scale).astype(np.intp)] = True
    height, width = drawn.shape
    top, left = (WORK - height) // 2, (WORK - width) // 2
    thinned = thin(drawn)
    half_stroke = round(drawn.sum() / (2 * max(1, thinned.sum())))
    mask[top : top + height, left : left + width] = thinned | _eroded(drawn, half_stroke)
    return mask


def redraw(thinned: Mask, size: int, pen: int) -> Image.Image:
    """Draw lines with a square pen `pen` pixels wide (odd, of `WORK`): grey, black on white."""
    reach = pen // 2
    stride = WORK + 2 * reach
    ground = np.full(stride * stride, 255, np.uint8)
    rows, columns = np.nonzero(thinned)
    corners = rows * stride + columns
    for row in range(pen):
        for column in range(pen):
            ground[corners + (row * stride + column)] = 0
    drawn = ground.reshape(stride, stride)[reach : reach + WORK, reach : reach + WORK]
    # Where `size` divides `WORK` the filter of a reduction is a plain mean of pixels.
    filter_ = Image.Resampling.BILINEAR if WORK % size else Image.Resampling.BOX
    return Image.fromarray(drawn).resize((size, size), filter_)


def thin(mask: Mask) -> Mask:
    """Thin ink to lines one pixel wide that hang together as the ink did."""
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


def _box(ink: Image.Image) -> tuple[int, int, int, int] | None:
    """Return the box around all ink, if there is any."""
    return ink.point([255 if v >= 128 else 0 for v in range(256)]).getbbox()  # noqa: PLR2004 - half


def _ink(image: Image.Image) -> Image.Image:
    """Return how much ink each pixel holds: grey, 255 full, 128 and more is ink."""
    grey = image.convert("L")
    if max(grey.size) > LARGEST_DRAWING:
        grey.thumbnail((LARGEST_DRAWING, LARGEST_DRAWING), Image.Resampling.BOX, reducing_gap=None)
    histogram = np.asarray(grey.histogram())
    middle = int(np.flatnonzero(histogram)[[0, -1]].mean())
    values = np.asarray(grey)
    edges = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    # More dark than light is white on black, unless the edges are light: then it is much ink.
    if 2 * histogram[:middle].sum() > values.size and np.median(edges) < middle:
        grey = ImageOps.invert(grey)
        histogram = histogram[::-1]
        middle = 255 - middle
    ground = np.where(np.arange(256) < middle, 0, histogram)
    # How much do the greys of the ground differ? The lines' soft edges are its darkest part.
    level, low, high = np.searchsorted(ground.cumsum(), ground.sum() * np.array((0.5, 0.25, 0.95)))
    if high - low < _CLEAN:
        dark = ImageChops.subtract(Image.new("L", grey.size, int(level)), grey)
        return _stretch(dark, noise=0.0)
    soft = grey.filter(ImageFilter.GaussianBlur(1))
    small = grey.resize([max(1, side // 8) for side in grey.size], Image.Resampling.BOX)
    paper = small.filter(ImageFilter.MedianFilter(7)).filter(ImageFilter.GaussianBlur(2))
    paper = paper.resize(grey.size, Image.Resampling.BILINEAR)
    dark = ImageChops.subtract(paper, soft)
    light = np.asarray(ImageChops.subtract(soft, paper), dtype=np.float32)
    # What is lighter than the paper is noise; as much of it is darker.
    noise = float(np.sqrt((light**2).mean() * 2))
    return _stretch(dark, noise)


def _stretch(dark: Image.Image, noise: float) -> Image.Image:
    """Scale darkness so that a third of the full line's becomes 128."""
    histogram = np.asarray(dark.histogram())
    total = int(histogram.sum())
    # The darkest 0.2 % are surely ink, if there is any.
    peak = int(np.searchsorted(histogram.cumsum(), total * 0.998))
    peak = max(peak, 1)
    threshold = max(peak / 3, 4 * noise, 8.0)
    gain = 128 / threshold
    return dark.point([min(255, round(v * gain)) for v in range(256)])


def _peel() -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
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
    return tables[0], tables[1]


_PEEL = _peel()

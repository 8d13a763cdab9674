"""Ink: what is drawn in a picture, brought to one size, place and stroke width.

People draw with pens of any width, anywhere on a canvas of any size, white on black,
on nothing at all, or on paper that they photograph. A network that never sees these
differences cannot mistake them for something: here the drawing is told from its ground,
cut out, thinned to lines one pixel wide and drawn again with one pen. Where strokes run
into one another, what their ink leaves when half a stroke's width is taken off its edges
stays beside the lines: a wide pen makes patches, not other lines.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageFilter, ImageOps

from sketchzoo.morphology import Mask, dilate, erode, thin
from sketchzoo.sheet import cut_out

WORK = 256
"""The side in pixels of the square in which lines are thinned."""
LARGEST_DRAWING = 640
"""Larger pictures are reduced to this many pixels a side before anything else."""
_CLEAN = 6
"""A ground whose greys differ by less than this (of 255) needs no flattening."""
_GREYS = np.arange(256)


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
        width, height = (min(WORK, int(side * scale) + 1) for side in ink.size)
        drawn = np.zeros((height, width), np.bool_)
        drawn[(rows * scale).astype(np.intp), (columns * scale).astype(np.intp)] = True
    height, width = drawn.shape
    top, left = (WORK - height) // 2, (WORK - width) // 2
    thinned = thin(drawn)
    half_stroke = round(drawn.sum() / (2 * max(1, thinned.sum())))
    mask[top : top + height, left : left + width] = thinned | erode(drawn, half_stroke)
    return mask


def redraw(thinned: Mask, size: int, pen: int) -> Image.Image:
    """Draw lines with a square pen `pen` pixels wide (odd, of `WORK`): grey, black on white."""
    # Ink is 1 and paper 0 here: one less is 0, and, of bytes, 255.
    drawn = dilate(thinned, pen // 2).view(np.uint8) - np.uint8(1)
    # Where `size` divides `WORK` the filter of a reduction is a plain mean of pixels.
    filter_ = Image.Resampling.BILINEAR if WORK % size else Image.Resampling.BOX
    return Image.fromarray(drawn).resize((size, size), filter_)


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
    # More dark than light is white on black, unless the edges are light: then it is much ink.
    chalk = 2 * histogram[:middle].sum() > histogram.sum() and np.median(_edge(grey)) < middle
    if chalk:
        histogram = histogram[::-1]
        middle = 255 - middle
    ground = histogram.copy()
    ground[:middle] = 0
    # How much do the greys of the ground differ? The lines' soft edges are its darkest part.
    level, low, high = np.searchsorted(ground.cumsum(), ground.sum() * np.array((0.5, 0.25, 0.95)))
    if high - low < _CLEAN:
        darkness = np.zeros_like(histogram)
        darkness[: level + 1] = histogram[level::-1]
        darkness[0] += histogram[level + 1 :].sum()
        stretched = _stretched(darkness, noise=0.0)[np.maximum(0, level - _GREYS)]
        return grey.point((stretched[::-1] if chalk else stretched).tolist())
    if chalk:
        grey = ImageOps.invert(grey)
    soft = grey.filter(ImageFilter.GaussianBlur(1))
    small = grey.resize([max(1, side // 8) for side in grey.size], Image.Resampling.BOX)
    paper = small.filter(ImageFilter.MedianFilter(7)).filter(ImageFilter.GaussianBlur(2))
    paper = paper.resize(grey.size, Image.Resampling.BILINEAR)
    dark = ImageChops.subtract(paper, soft)
    light = np.asarray(ImageChops.subtract(soft, paper), dtype=np.float32)
    # What is lighter than the paper is noise; as much of it is darker.
    noise = float(np.sqrt((light**2).mean() * 2))
    return dark.point(_stretched(np.asarray(dark.histogram()), noise).tolist())


def _edge(grey: Image.Image) -> npt.NDArray[np.uint8]:
    values = np.asarray(grey)
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])


def _stretched(darkness: npt.NDArray[np.int_], noise: float) -> npt.NDArray[np.float64]:
    """Return what darkness 0 to 255 is scaled to, so that a third of the full line's becomes 128.

    `darkness` counts the pixels of each.
    """
    # The darkest 0.2 % are surely ink, if there is any.
    peak = max(1, int(np.searchsorted(darkness.cumsum(), darkness.sum() * 0.998)))
    threshold = max(peak / 3, 4 * noise, 8.0)
    stretched: npt.NDArray[np.float64] = np.rint(_GREYS * (128 / threshold)).clip(max=255)
    return stretched

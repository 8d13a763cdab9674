"""Surfaces from outlines: coverage masks and inflated heights.

A flat outline looks like a body once its surface bends away at the edges. The blurred mask of
a shape tells how far a pixel is from the edge; a quarter circle over that distance is the
height, and the height's slope is what the light sees.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from sample_gallery.drawn.curves import Floats

_SHARP = 0.5
"""Blur in pixels below which there is nothing to see."""

_SMALL = 10_000
"""Pixels up to which edges are sampled more finely."""

_BROAD = 1.8
"""Blur in pixels above which half the resolution shows as much."""


def cover(outlines: Sequence[Floats], width: int, height: int, fine: int = 0) -> Floats:
    """Return how much of each pixel the outlines cover together, (height, width), 0..1.

    `fine` is how many samples a pixel has each way; 0 chooses by size.
    """
    fine = fine or _samples(width, height)
    image = Image.new("L", (width * fine, height * fine))
    draw = ImageDraw.Draw(image)
    for outline in outlines:
        draw.polygon((outline * fine).ravel().tolist(), fill=255)
    return np.asarray(image.reduce(fine), dtype=np.float32) / 255


def stroke(curve: Floats, thickness: float, width: int, height: int) -> Floats:
    """Return the coverage of a line with round ends, (height, width), 0..1."""
    fine = _samples(width, height)
    image = Image.new("L", (width * fine, height * fine))
    draw = ImageDraw.Draw(image)
    pen = max(1, round(thickness * fine))
    scaled = curve * fine
    draw.line(scaled.ravel().tolist(), fill=255, width=pen, joint="curve")
    if pen > 2:
        for x, y in (scaled[0], scaled[-1]):
            draw.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=255)
    return np.asarray(image.reduce(fine), dtype=np.float32) / 255


def _samples(width: int, height: int) -> int:
    return 4 if width * height < _SMALL else 3


def box(field: Floats, radius: int) -> Floats:
    """Return the mean over (2 radius + 1) squared pixels; nothing lies beyond the border."""
    size = 2 * radius + 1
    out = field
    for _ in range(2):
        # Down the rows, then, turned, along them. Sums are kept by hand: np.pad is slow.
        count = out.shape[0]
        total = np.zeros((count + size, out.shape[1]), dtype=np.float32)
        np.cumsum(out, axis=0, out=total[radius + 1 : radius + 1 + count])
        total[radius + 1 + count :] = total[radius + count]
        out = ((total[size:] - total[:-size]) / size).T
    return out


def inflate(mask: Floats, radius: float) -> tuple[Floats, Floats]:
    """Return the height in pixels and the depth 0..1 of a shape bending over `radius` pixels."""
    step = max(1, round(radius * 0.45))
    blurred = box(box(mask, step), step)
    depth = np.clip(2 * blurred - 1, 0, 1) * (mask > 0)
    height = radius * np.sqrt(np.clip(1 - (1 - depth) ** 2, 0, 1))
    return height.astype(np.float32), depth.astype(np.float32)


def spread(field: Floats, width: int, height: int, *, sharp: bool = False) -> Floats:
    """Return the field resized, bilinear unless `sharp`."""
    how = Image.Resampling.NEAREST if sharp else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(np.ascontiguousarray(field)).resize((width, height), how))


def soften(rgb: Floats, radius: float) -> Floats:
    """Return the picture (h, w, 3) out of focus by a radius in pixels; the borders repeat."""
    if radius < _SHARP:
        return rgb
    # Eight bits are enough for what is out of focus, and Pillow's blur is twenty times faster.
    image = Image.fromarray((np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8))
    if radius < _BROAD:
        blurred = image.filter(ImageFilter.GaussianBlur(radius))
    else:
        # What is so soft is as well blurred at half its size.
        small = image.reduce(2).filter(ImageFilter.GaussianBlur(radius / 2))
        blurred = small.resize(image.size, Image.Resampling.BILINEAR)
    return np.asarray(blurred, dtype=np.float32) / 255


def shadow(outlines: Sequence[Floats], side: int, radius: float) -> Floats:
    """Return the soft coverage of the outlines, (side, side), 0..1."""
    image = Image.new("L", (side // 2, side // 2))
    draw = ImageDraw.Draw(image)
    for outline in outlines:
        draw.polygon((outline / 2).ravel().tolist(), fill=255)
    small = image.filter(ImageFilter.GaussianBlur(radius / 2))
    return np.asarray(small.resize((side, side), Image.Resampling.BILINEAR), dtype=np.float32) / 255

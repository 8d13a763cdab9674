"""Surfaces from outlines: coverage masks and inflated heights.

A flat outline looks like a body once its surface bends away at the edges. The blurred mask of
a shape tells how far a pixel is from the edge; a quarter circle over that distance is the
height, and the height's slope is what the light sees.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from gallery.drawn.curves import Floats

Grid = npt.NDArray[np.float32]


def cover(outlines: list[Floats], width: int, height: int, fine: int = 4) -> Grid:
    """Return how much of each pixel the outlines cover together, (height, width), 0..1."""
    image = Image.new("L", (width * fine, height * fine))
    draw = ImageDraw.Draw(image)
    for outline in outlines:
        draw.polygon((outline * fine).ravel().tolist(), fill=255)
    return np.asarray(image.reduce(fine), dtype=np.float32) / 255


def stroke(curve: Floats, thickness: float, width: int, height: int, fine: int = 4) -> Grid:
    """Return the coverage of a line with round ends, (height, width), 0..1."""
    image = Image.new("L", (width * fine, height * fine))
    draw = ImageDraw.Draw(image)
    pen = max(1, round(thickness * fine))
    scaled = curve * fine
    draw.line(scaled.ravel().tolist(), fill=255, width=pen, joint="curve")
    if pen > 2:  # noqa: PLR2004 - thinner ends need no rounding
        for x, y in (scaled[0], scaled[-1]):
            draw.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=255)
    return np.asarray(image.reduce(fine), dtype=np.float32) / 255


def box(field: Grid, radius: int) -> Grid:
    """Return the mean over (2 radius + 1) squared pixels; nothing lies beyond the border."""
    size = 2 * radius + 1
    out = field
    for axis in (0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (radius + 1, radius)
        total = np.cumsum(np.pad(out, pad), axis=axis, dtype=np.float32)
        upper = [slice(None), slice(None)]
        lower = [slice(None), slice(None)]
        upper[axis], lower[axis] = slice(size, None), slice(None, -size)
        out = (total[tuple(upper)] - total[tuple(lower)]) / size
    return out


def inflate(mask: Grid, radius: float) -> tuple[Grid, Grid]:
    """Return the height in pixels and the depth 0..1 of a shape bending over `radius` pixels."""
    step = max(1, round(radius * 0.45))
    blurred = box(box(mask, step), step)
    depth = np.clip(2 * blurred - 1, 0, 1) * (mask > 0)
    height = radius * np.sqrt(np.clip(1 - (1 - depth) ** 2, 0, 1))
    return height.astype(np.float32), depth.astype(np.float32)


def spread(field: Grid, width: int, height: int, *, sharp: bool = False) -> Grid:
    """Return the field resized, bilinear unless `sharp`."""
    how = Image.Resampling.NEAREST if sharp else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(np.ascontiguousarray(field)).resize((width, height), how))


def soften(rgb: Grid, radius: float) -> Grid:
    """Return the picture (h, w, 3) out of focus by a radius in pixels; the borders repeat."""
    if radius < 0.5:  # noqa: PLR2004 - nothing to see
        return rgb
    step = max(1, round(radius * 0.7))
    pad = 2 * step + 1
    padded = np.pad(rgb, ((pad, pad), (pad, pad), (0, 0)), mode="edge")
    planes = [box(box(padded[..., c], step), step) for c in range(3)]
    return np.stack(planes, axis=-1)[pad:-pad, pad:-pad]

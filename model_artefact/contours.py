"""Contours of photos: what stands for drawings of a class that nobody has drawn yet.

Edges after Canny (1986): grey, blurred, Sobel, thinned along the gradient; the strongest share of
pixels stays. Blur and share differ from one to the next and squares are left out, since no two
people leave out the same. What lies towards a photo's edges counts less: what it is of lies in its
middle.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from sketchzoo.ink import WORK

Grey = npt.NDArray[np.float32]
"""`(WORK, WORK)`, 0 to 1."""
Lines = npt.NDArray[np.bool_]
"""`(WORK, WORK)`, true on a line."""

_AHEAD = ((0, 1), (1, 1), (1, 0), (1, -1))
"""Rows and columns to the next pixel along each of four directions."""
_HOLES = 12
"""Squares a side that may be left out."""
_SPECK = 3
"""A line's pixel has so many in the 5 x 5 about it, itself counted."""


@dataclass(frozen=True, slots=True)
class Tracing:
    """How photos are traced: blurs in pixels of `WORK`, shares of pixels that become lines.

    Of a contour's squares up to `dropped` are left out.
    """

    blurs: tuple[float, ...] = (1.0, 1.8, 3.0)
    least: float = 0.01
    most: float = 0.04
    dropped: float = 0.25

    def __post_init__(self) -> None:
        if not self.blurs or min(self.blurs) <= 0:
            raise ValueError("blurs must be at least one, each above 0")
        if not 0 < self.least <= self.most < 1 or not 0 <= self.dropped < 1:
            raise ValueError("shares must be above 0 and below 1, least not above most")


def grey(photo: Image.Image) -> Grey:
    """Return the middle square of a photo in grey, as `trace` takes it."""
    side = min(photo.size)
    left, top = ((length - side) // 2 for length in photo.size)
    square = photo.convert("L").crop((left, top, left + side, top + side))
    small = square.resize((WORK, WORK), Image.Resampling.BILINEAR)
    levels: Grey = np.asarray(small, np.float32) / np.float32(255)
    return levels


def trace(photo: Grey, how: Tracing, dice: np.random.Generator) -> Lines:
    """Trace a photo once, by dice: its lines, none where it shows one grey."""
    share = dice.uniform(how.least, how.most)
    strength = _ridges(_blurred(photo, dice.choice(how.blurs))) * _TOWARDS_THE_MIDDLE
    weakest = max(1e-6, float(np.quantile(strength, 1 - share)))
    dropped = dice.random((_HOLES, _HOLES)) < how.dropped * dice.random()
    cell = np.arange(WORK) * _HOLES // WORK
    lines = (strength > weakest) & ~dropped[np.ix_(cell, cell)]
    return lines & (_about(lines) >= _SPECK)


def _blurred(picture: Grey, sigma: float) -> Grey:
    reach = int(3 * sigma)
    steps = np.arange(-reach, reach + 1, dtype=np.float32)
    kernel = np.exp(-(steps**2) / (2 * sigma**2))
    kernel /= kernel.sum()
    for axis in (0, 1):
        widths = [(reach, reach) if axis == each else (0, 0) for each in (0, 1)]
        padded = np.pad(picture, widths, mode="edge")
        picture = np.zeros_like(picture)
        for at, weight in enumerate(kernel):
            picture += weight * np.take(padded, range(at, at + WORK), axis)
    return picture


def _ridges(picture: Grey) -> Grey:
    """Return the gradient's length where it is the longest along itself, else 0."""
    padded = np.pad(picture, 1, mode="edge")
    beside = padded[:, :-2] - padded[:, 2:]
    above = padded[:-2] - padded[2:]
    across = beside[:-2] + 2 * beside[1:-1] + beside[2:]
    down = above[:, :-2] + 2 * above[:, 1:-1] + above[:, 2:]
    steep = np.hypot(across, down)
    direction = np.round(np.arctan2(down, across) * 4 / np.pi).astype(np.int64) % 4
    around = np.pad(steep, 1)
    longest = np.zeros(steep.shape, np.bool_)
    for number, (row, column) in enumerate(_AHEAD):
        ahead = around[1 + row : 1 + row + WORK, 1 + column : 1 + column + WORK]
        behind = around[1 - row : 1 - row + WORK, 1 - column : 1 - column + WORK]
        longest |= (direction == number) & (steep >= ahead) & (steep > behind)
    return np.where(longest, steep, np.float32(0))


def _about(lines: Lines) -> npt.NDArray[np.int64]:
    padded = np.pad(lines.astype(np.int64), 2)
    rows = sum((padded[at : at + WORK] for at in range(5)), np.zeros((WORK, WORK + 4), np.int64))
    return sum((rows[:, at : at + WORK] for at in range(5)), np.zeros((WORK, WORK), np.int64))


_PLACE = np.linspace(-1, 1, WORK, dtype=np.float32)
_TOWARDS_THE_MIDDLE = 1 - 0.5 * (_PLACE[None] ** 2 + _PLACE[:, None] ** 2)

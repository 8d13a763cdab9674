"""Sheets: a photographed piece of paper, cut out of the desk that it lies on.

Told from drawings by what only a sheet has: it is light all over, its outline has four
straight sides, and darker ground lies around it. What leaves a doubt is left as it is.
"""

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Mask = npt.NDArray[np.bool_]
Corners = npt.NDArray[np.float64]
"""Four corners `(x, y)` in pixels, around the sheet: `(4, 2)`."""

_SIDE = 96
"""The longer side in pixels of the picture in which a sheet is looked for."""
_CONTRAST = 40
"""How much lighter (of 255) a sheet is than the desk, in the median."""
_SHARES = (0.15, 0.97)
"""The least and the most of the picture that a sheet takes."""
_DESK = 0.5
"""How much of the picture's edge is desk, at least."""
_NEARLY_ALL = 0.95
"""How much of the edge is no lighter than the desk: little things lie about."""
_PAPER = 0.85
"""How much of a sheet is paper rather than ink, at least."""
_STRAIGHT = (0.95, 1.05)
"""A sheet's area over that of the four-sided figure between its corners."""
_TURNS = np.deg2rad(np.arange(-44, 46, 2))
"""How a sheet may lie: the directions in which its corners are looked for."""
_ABOUT = 10
"""How far around a place light counts for it, in pixels."""
_MARGIN = 0.03
"""What is cut off a sheet along its sides, of their length: edge and shadow."""


def cut_out(image: Image.Image) -> Image.Image | None:
    """Return the sheet that a picture shows, made rectangular; None where it shows none."""
    grey = image.convert("L").reduce(-(-max(image.size) // _SIDE))
    values = np.asarray(grey)
    edge = _edge(values)
    # In plain Python: for so little NumPy would give the interpreter's lock up and wait for it.
    if _median(edge) + _CONTRAST > _lightest(grey):
        return None  # as most drawings: their ground is light to the edges
    # Shadow on a sheet may pass for desk, but the desk is known: it lies along the edge.
    threshold = float(_between(grey.histogram()))
    threshold -= max(0, threshold - float(np.quantile(edge, _NEARLY_ALL))) / 2
    light = values > threshold
    contrast = np.median(values[light]) - np.median(values[~light])
    if _median(edge) > threshold or contrast < _CONTRAST or light.mean() < _SHARES[0]:
        return None
    region = _region(light)
    corners = _corners(region)
    if (
        _SHARES[0] < region.mean() < _SHARES[1]
        and _edge(region).mean() < 1 - _DESK
        and (region & light).sum() > _PAPER * region.sum()
        and _STRAIGHT[0] < region.sum() / max(1.0, _area(corners)) < _STRAIGHT[1]
    ):
        return _flattened(image, corners * (np.array(image.size) / np.array(grey.size)))
    return None


def _edge(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])


def _median(edge: npt.NDArray[Any]) -> float:
    in_order = sorted(edge.tolist())
    half = len(in_order) // 2  # of an even number: each side is there twice
    return float(in_order[half - 1] + in_order[half]) / 2


def _lightest(grey: Image.Image) -> int:
    return cast("tuple[int, int]", grey.getextrema())[1]


def _between(histogram: list[int]) -> int:
    """Return the grey that best parts dark from light, after Otsu (1979)."""
    counts = np.asarray(histogram, np.float64)
    below = counts.cumsum()
    sums = (counts * np.arange(256)).cumsum()
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return int(np.nan_to_num(spread).argmax())


def _region(light: Mask) -> Mask:
    """Return the light region around the place with most light about it, its holes filled."""
    # What is around the picture is dark, so that the outside hangs together.
    picture = _writable(np.pad(light, _ABOUT))
    about = np.asarray(picture.point([0, *[255] * 255]).filter(ImageFilter.BoxBlur(_ABOUT)))
    row, column = np.unravel_index(np.where(np.asarray(picture), about, 0).argmax(), about.shape)
    ImageDraw.floodfill(picture, (int(column), int(row)), 2)
    outside = _writable(np.asarray(picture) == 2)  # noqa: PLR2004 - what was filled
    ImageDraw.floodfill(outside, (0, 0), 2)
    region: Mask = np.asarray(outside) != 2  # noqa: PLR2004 - the same
    return region[_ABOUT:-_ABOUT, _ABOUT:-_ABOUT]


def _writable(mask: Mask) -> Image.Image:
    # Pillow fills nothing in an image that shares an array's memory, and says nothing.
    return Image.fromarray(mask.astype(np.uint8)).copy()


def _corners(region: Mask) -> Corners:
    """Return the corners of the largest four-sided figure that reaches as far as a region."""
    rows, columns = np.nonzero(region)
    points = np.stack([columns, rows], axis=1).astype(np.float64)
    found = [points[[(points @ way).argmax() for way in ways]] for ways in _ways()]
    corners = max(found, key=_area)
    # Pixels have a width: the figure runs around them, not through their middles.
    middle = corners.mean(axis=0)
    around: Corners = corners + 0.5 + 0.5 * np.sign(corners - middle)
    return around


def _ways() -> Iterator[Corners]:
    for turn in _TURNS:
        angles = turn + np.pi / 4 * np.array([-3, -1, 1, 3])
        yield np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _area(corners: Corners) -> float:
    x, y = corners.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def _flattened(image: Image.Image, corners: Corners) -> Image.Image:
    """Return what lies between corners as a rectangle, less a margin."""
    middle = corners.mean(axis=0)
    corners = middle + (corners - middle) * (1 - 2 * _MARGIN)
    top_left, top_right, bottom_right, bottom_left = corners
    width = (np.hypot(*(top_right - top_left)) + np.hypot(*(bottom_right - bottom_left))) / 2
    height = (np.hypot(*(bottom_left - top_left)) + np.hypot(*(bottom_right - top_right))) / 2
    quad = (*top_left, *bottom_left, *bottom_right, *top_right)
    return image.transform(
        (max(1, round(width)), max(1, round(height))),
        Image.Transform.QUAD,
        quad,
        Image.Resampling.BICUBIC,
    )

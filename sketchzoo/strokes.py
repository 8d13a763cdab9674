"""Strokes: a drawing as polylines, and its raster."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageDraw

MAX_STROKES = 1_000
MAX_POINTS = 10_000
MAX_CANVAS = 65_535
# The line's width where a drawing states none: 1/85 of the longer side, the width of
# TU-Berlin's and Sketchy's lines.
DEFAULT_WIDTH = 1 / 85
# Squares of the distance under which points are one, and of the cosine of a turn that shows.
_CLOSE = 1.5**2
_STRAIGHT = 0.93


@dataclass(frozen=True, slots=True)
class Stroke:
    """One line drawn without lifting the pen: points `(x, y)` in canvas units.

    `width` is the line's in canvas units; 0 means the drawing's.
    """

    points: tuple[tuple[float, float], ...]
    width: float = 0.0

    def __post_init__(self) -> None:
        _check("width", self.width, 0)
        try:
            count = len(self.points)
            finite = all(math.isfinite(x) and math.isfinite(y) for x, y in self.points)
        except (TypeError, ValueError) as error:
            raise TypeError("points must be pairs of numbers, ((x, y), (x, y), ...)") from error
        if not count:
            raise ValueError("points must hold at least one point")
        if not finite:
            raise ValueError("points must be finite numbers")


@dataclass(frozen=True, slots=True)
class Strokes:
    """A drawing: strokes on a canvas of `canvas_width` x `canvas_height` units."""

    canvas_width: float
    canvas_height: float
    strokes: tuple[Stroke, ...]
    width: float = 0.0

    def __post_init__(self) -> None:
        for name in ("canvas_width", "canvas_height"):
            _check(name, getattr(self, name), 1)
        _check("width", self.width, 0)
        given: Any = self.strokes
        if not isinstance(given, tuple | list) or {type(stroke) for stroke in given} - {Stroke}:
            raise TypeError("strokes must be a tuple of Stroke")
        if not 1 <= len(self.strokes) <= MAX_STROKES:
            raise ValueError(f"strokes must be 1 to {MAX_STROKES}, not {len(self.strokes)}")
        points = sum(len(stroke.points) for stroke in self.strokes)
        if points > MAX_POINTS:
            raise ValueError(f"strokes must have at most {MAX_POINTS} points, not {points}")


def _check(name: str, value: float, low: int) -> None:
    try:
        inside = low <= value <= MAX_CANVAS
    except TypeError as error:
        raise TypeError(f"{name} must be a number, not {type(value).__name__}") from error
    if not inside:
        raise ValueError(f"{name} must be {low} to {MAX_CANVAS}, not {value}")


def rasterize(drawing: Strokes, side: int = 256) -> Image.Image:
    """Draw black strokes on white: grey, the canvas's longer side `side` pixels long.

    Drawn at twice the size and halved, since Pillow's lines have hard edges.
    """
    scale = 2 * side / max(drawing.canvas_width, drawing.canvas_height)
    width = max(2, round(drawing.canvas_width * scale))
    height = max(2, round(drawing.canvas_height * scale))
    image = Image.new("L", (width, height), 255)
    pen = ImageDraw.Draw(image)
    usual = drawing.width or DEFAULT_WIDTH * max(drawing.canvas_width, drawing.canvas_height)
    for stroke in drawing.strokes:
        # Under two pixels a line would be halved away.
        line = max(2, round((stroke.width or usual) * scale))
        _draw(pen, [(x * scale, y * scale) for x, y in stroke.points], min(line, side))
    return image.reduce(2)


def encode(drawing: Strokes, side: int = 256) -> bytes:
    """Rasterise into an uncompressed image file (PGM), the quickest to write and to read."""
    content = io.BytesIO()
    rasterize(drawing, side).save(content, "PPM")
    return content.getvalue()


def _draw(pen: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]], width: int) -> None:
    """Draw a line with round ends and corners.

    Pillow's own round corners cost a multiple of the line: here points closer than a pixel
    and a half are passed over, and only turns of more than 15 degrees are rounded.
    """
    radius = width / 2
    (x, y), (before_x, before_y) = points[0], (0.0, 0.0)
    kept, dots = [(x, y)], [(x, y)]
    for next_x, next_y in points[1:]:
        step_x, step_y = next_x - x, next_y - y
        length = step_x * step_x + step_y * step_y
        if length < _CLOSE:
            continue
        along = before_x * step_x + before_y * step_y
        straight = _STRAIGHT * length * (before_x * before_x + before_y * before_y)
        if len(kept) > 1 and (along <= 0 or along * along < straight):
            dots.append((x, y))
        kept.append((next_x, next_y))
        x, y, before_x, before_y = next_x, next_y, step_x, step_y
    if len(kept) > 1:
        pen.line(kept, fill=0, width=width)
        dots.append(kept[-1])
    for x, y in dots:
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)

"""Legs, hooves and heads of hoofed animals."""

import numpy as np

from sample_gallery.drawn.curves import Floats, points, turn
from sample_gallery.drawn.figure import Dab, Shape, limb

DARK = (0.09, 0.07, 0.06)


def leg(
    rng: np.random.Generator,
    hip: tuple[float, float],
    foot: float,
    radii: tuple[float, ...],
    *,
    bend: float,
    stride: float,
) -> Floats:
    """Return a leg's spine from hip to foot; `bend` bows the knee, `stride` swings the whole."""
    x, y = hip
    long = foot - y
    swing = rng.uniform(-stride, stride) * long
    lift = max(0.0, rng.normal(0, 0.02)) * long
    knee = (x + swing * 0.35 + bend, y + long * 0.5)
    ankle = (x + swing * 0.85, min(y + long * 0.86, foot - radii[-1] * 2.0) - lift)
    return points(hip, knee, ankle, (x + swing - radii[-1] * 0.3, foot - radii[-1] - lift))


def hoof(spine: Floats, wide: float) -> Dab:
    """Return the hoof at the end of a leg."""
    x, y = spine[-1]
    box = points(
        (x - wide * 1.25, y + wide),
        (x - wide * 0.8, y - wide * 0.9),
        (x + wide * 0.8, y - wide * 0.9),
        (x + wide, y + wide),
    )
    return Dab(box, DARK, 0.85, chance=0.4)


def muzzle(
    poll: Floats, aim: float, long: float, radii: tuple[float, ...], drop: float = 0.0
) -> Shape:
    """Return a long head from the poll, aimed down-left by an angle from the level."""
    way = turn(points((0, 0), (-long * 0.35, 0.0), (-long * 0.7, drop * 0.5), (-long, drop)), -aim)
    return limb(way + poll, radii, count=14)

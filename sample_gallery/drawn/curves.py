"""Curves in a figure's own units: smooth outlines, ellipses and tubes with a spine.

A figure is about two units high or wide; x goes right, y goes down, as in pictures.
"""

from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.floating[Any]]


def points(*xy: tuple[float, float]) -> Floats:
    """Return the given points as an (n, 2) array."""
    return np.asarray(xy, dtype=np.float64)


@lru_cache(maxsize=1024)
def _parsed(text: str) -> tuple[tuple[float, float], ...]:
    pairs = (pair.split(",") for pair in text.split())
    return tuple((float(x), float(y)) for x, y in pairs)


def path(text: str) -> Floats:
    """Return the points of `x,y x,y ...`, written as in SVG's `points`, as an (n, 2) array."""
    return np.asarray(_parsed(text), dtype=np.float64)


def smooth(control: Floats, *, closed: bool = True, steps: int = 8) -> Floats:
    """Return a Catmull-Rom curve through the control points, `steps` points a piece."""
    if closed:
        ring = np.concatenate([control[-1:], control, control[:2]])
    else:
        ring = np.concatenate([control[:1], control, control[-1:]])
    before, start, end, after = ring[:-3], ring[1:-2], ring[2:-1], ring[3:]
    t = (np.arange(steps) / steps)[None, :, None]
    a, b, c, d = (part[:, None, :] for part in (before, start, end, after))
    curve = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )
    curve = curve.reshape(-1, 2)
    return np.asarray(curve if closed else np.concatenate([curve, control[-1:]]))


def ellipse(
    x: float, y: float, rx: float, ry: float, angle: float = 0.0, *, steps: int = 32
) -> Floats:
    """Return an ellipse's outline; `angle` in radians turns its own x axis."""
    t = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    flat = np.stack([rx * np.cos(t), ry * np.sin(t)], axis=1)
    return np.asarray(turn(flat, angle) + (x, y))


def turn(curve: Floats, angle: float, about: tuple[float, float] = (0.0, 0.0)) -> Floats:
    """Return the curve turned by `angle` radians about a point."""
    c, s = np.cos(angle), np.sin(angle)
    matrix = np.array([[c, s], [-s, c]])
    return np.asarray((curve - about) @ matrix + np.asarray(about))


def mirror(curve: Floats) -> Floats:
    """Return the curve with left and right exchanged about x = 0, still in order."""
    return (curve * (-1.0, 1.0))[::-1]


def along(curve: Floats, count: int) -> Floats:
    """Return `count` points evenly spaced by length along an open curve."""
    steps = np.hypot(*np.diff(curve, axis=0).T)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.linspace(0, length[-1], count)
    return np.stack([np.interp(at, length, curve[:, axis]) for axis in (0, 1)], axis=1)


def tube(
    spine: Floats, radii: tuple[float, ...] | Floats, *, count: int = 20
) -> tuple[Floats, Floats]:
    """Return the outline of a tube round a smooth spine, and its ribs.

    `radii` are spread evenly along the spine. The ribs, (count, 2, 2), are the cross-sections
    from the one side to the other, for patterns that follow the spine.
    """
    line = along(smooth(spine, closed=False), count)
    at = np.linspace(0, 1, len(radii))
    r = np.interp(np.linspace(0, 1, count), at, np.asarray(radii))
    tangent = np.gradient(line, axis=0)
    tangent /= np.hypot(*tangent.T)[:, None] + 1e-9
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    left, right = line + normal * r[:, None], line - normal * r[:, None]
    cap = np.linspace(0, np.pi, 7)[1:-1]

    def rounded(end: int, sign: float) -> Floats:
        out = np.cos(cap)[:, None] * normal[end] * sign
        out = out + np.sin(cap)[:, None] * tangent[end] * sign
        return np.asarray(line[end] + out * r[end])

    outline = np.concatenate([left, rounded(-1, 1.0), right[::-1], rounded(0, -1.0)])
    return outline, np.stack([left, right], axis=1)

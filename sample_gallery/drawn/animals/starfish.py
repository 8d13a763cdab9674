"""The starfish."""

import numpy as np

from sample_gallery.drawn.animals import patterns
from sample_gallery.drawn.curves import points, smooth
from sample_gallery.drawn.figure import Coat, Colour, Figure, Layer, Line, Skin, blob
from sample_gallery.drawn.palette import pick


def starfish(rng: np.random.Generator) -> Figure:
    """Return a starfish from above, five arms of uneven bend."""
    fat, deep = rng.uniform(0.14, 0.24), rng.uniform(0.26, 0.4)
    tips = []
    for i in range(5):
        at = 2 * np.pi * i / 5 + rng.normal(0, 0.06)
        bend, long = rng.normal(0, 0.25), rng.uniform(0.85, 1.05)
        for r, side in (
            (deep, -0.62),
            (0.66, -fat * 0.95),
            (long, -0.07),
            (long, 0.07),
            (0.66, fat * 0.95),
        ):
            a = at + side + bend * (r - 0.3) * (r > deep)
            tips.append((r * np.sin(a), -r * np.cos(a)))
    body = blob(points(*tips), 0.14)
    colour = pick(
        rng,
        (0.87, 0.45, 0.2),
        (0.75, 0.22, 0.15),
        (0.85, 0.65, 0.38),
        (0.5, 0.3, 0.5),
        (0.9, 0.55, 0.4),
    )
    knob: Colour = (
        min(1, colour[0] * 1.25 + 0.12),
        min(1, colour[1] * 1.3 + 0.15),
        min(1, colour[2] * 1.3 + 0.15),
    )
    coat = Coat(
        colour, knob, patterns.knobs(rng.uniform(0, 1)), rough=0.14, texture="grain", gloss=0.1
    )
    ridges: list[Layer] = []
    tip = np.asarray(tips).reshape(5, 5, 2)
    for arm in tip:
        end = arm[2:4].mean(axis=0) * 0.88
        spine = points((0, 0), tuple((arm[1] + arm[4]) / 2), tuple(end))
        ridges.append(Line(smooth(spine, closed=False), knob, 0.03, 0.35, chance=0.5))
    layers: tuple[Layer, ...] = (Skin((body,), coat), *ridges)
    return Figure(
        layers,
        ("sand", "sand", "rock", "wood", "wall", "night"),
        stands=False,
        spin=3.1,
        size=(0.6, 0.92),
    )

"""The snail."""

import numpy as np

from sample_gallery.drawn.animals import patterns
from sample_gallery.drawn.curves import ellipse, points, smooth
from sample_gallery.drawn.figure import (
    Coat,
    Colour,
    Figure,
    Layer,
    Line,
    Shape,
    Skin,
    eye,
    limb,
    tinted,
)
from sample_gallery.drawn.palette import pick


def snail(rng: np.random.Generator) -> Figure:
    """Return a snail, its shell a spiral of tubes."""
    shell_colour = pick(
        rng, (0.75, 0.55, 0.3), (0.6, 0.4, 0.22), (0.85, 0.72, 0.45), (0.55, 0.42, 0.32)
    )
    stripe: Colour = (shell_colour[0] * 0.4, shell_colour[1] * 0.33, shell_colour[2] * 0.3)
    flesh = pick(rng, (0.62, 0.52, 0.4), (0.42, 0.36, 0.3), (0.75, 0.68, 0.55), (0.35, 0.33, 0.32))
    stretch = rng.uniform(0.85, 1.15)
    rise = rng.uniform(-0.05, 0.16)
    way = points(
        (0.92 * stretch, 0.47),
        (0.45, 0.43),
        (-0.1, 0.42),
        (-0.5 * stretch, 0.37),
        (-0.72 * stretch, 0.22 - rise),
        (-0.85 * stretch, 0.14 - rise),
    )
    foot = limb(way, (0.015, 0.08, 0.12, 0.13, 0.12, 0.1), count=30)
    head = way[-1]
    skin = Coat(flesh, tinted(flesh, 0.6), patterns.wet(), rough=0.1, gloss=0.35, texture="grain")
    horns: list[Layer] = []
    for dx, long in ((-0.02, 0.34), (0.07, 0.38)):
        tip = head + (dx - rng.uniform(0.02, 0.2), -long * rng.uniform(0.8, 1.1))
        stalk = limb(
            np.stack([head + (dx, -0.05), (head + tip) / 2 + (dx, -0.06), tip]),
            (0.035, 0.022, 0.018),
            count=12,
        )
        horns.append(Skin((stalk,), skin))
        horns += eye(float(tip[0]), float(tip[1]), 0.026)
    for dx in (-0.07, -0.03):
        horns.append(
            Line(
                np.stack([head + (dx, 0.04), head + (dx - 0.1, 0.1)]), flesh, 0.03, 0.95, chance=0.5
            )
        )
    big = rng.uniform(0.42, 0.52)
    middle = points((0.12, 0.32 - big))[0]
    turns = rng.uniform(2.2, 2.8)
    t = np.linspace(0, 1, 60)
    # The whorl opens down at the front, where the foot comes out, and winds inwards.
    angle = 1.15 + turns * 2 * np.pi * t
    r = big * (0.74 * np.exp(-2.3 * t) - 0.02)
    spiral = np.stack([middle[0] + r * np.cos(angle), middle[1] + r * np.sin(angle)], axis=1)
    coil = limb(
        spiral,
        tuple(0.36 * big * np.exp(-2.2 * s) + 0.012 for s in np.linspace(0, 1, 12)),
        puff=0.14,
        lift=0.05,
        count=64,
    )
    dome = Shape(ellipse(middle[0], middle[1], big * 0.98, big * 0.96), big * 0.8)
    u = rng.uniform(0, 1)
    shell = Coat(shell_colour, stripe, patterns.whorl(u, rng.uniform(9, 26)), rough=0.1, gloss=0.45)
    line = Line(
        smooth(spiral[4::4] + (0.0, 0.0), closed=False), stripe, 0.012, 0.25, in_photo=False
    )
    rim = np.stack(
        [middle[0] + r * 1.42 * np.cos(angle), middle[1] + r * 1.42 * np.sin(angle)], axis=1
    )[10::5]
    layers: tuple[Layer, ...] = (
        *horns,
        Skin((foot,), skin),
        Skin((dome,), shell, chance=1.0),
        Skin((coil,), shell, chance=0.0),
        line if rng.random() < 0.5 else Line(smooth(rim, closed=False), in_photo=False),
    )
    return Figure(
        layers, ("leaf", "leaf", "rock", "wood", "sand", "meadow"), spin=0.08, size=(0.6, 0.9)
    )

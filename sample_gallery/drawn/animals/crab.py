"""The crab."""

import numpy as np

from sample_gallery.drawn.animals import patterns
from sample_gallery.drawn.curves import path, points, smooth, turn
from sample_gallery.drawn.figure import (
    Coat,
    Colour,
    Figure,
    Layer,
    Line,
    Shape,
    Skin,
    blob,
    eye,
    limb,
)
from sample_gallery.drawn.palette import pick


def crab(rng: np.random.Generator) -> Figure:
    """Return a crab from the front and above, its claws raised or folded."""
    colour = pick(
        rng,
        (0.78, 0.27, 0.12),
        (0.62, 0.36, 0.2),
        (0.55, 0.2, 0.14),
        (0.45, 0.42, 0.3),
        (0.85, 0.42, 0.15),
    )
    dark: Colour = (colour[0] * 0.5, colour[1] * 0.42, colour[2] * 0.4)
    pale: Colour = (
        min(1, colour[0] * 1.1 + 0.2),
        min(1, colour[1] * 1.1 + 0.25),
        min(1, colour[2] + 0.25),
    )
    coat = Coat(
        colour,
        dark,
        patterns.freckles(rng.uniform(0, 1), 0.5, 0.5),
        rough=0.12,
        texture="grain",
        gloss=0.25,
        under=pale,
        under_from=0.05,
        under_over=0.5,
    )
    shell = blob(
        path(
            "0,-0.26 0.26,-0.24 0.44,-0.13 0.5,0 0.36,0.18 0.16,0.28 -0.16,0.28 "
            "-0.36,0.18 -0.5,0 -0.44,-0.13 -0.26,-0.24"
        ),
        0.24,
        lift=0.1,
    )
    raised = rng.uniform(-0.2, 1.0)
    legs: list[Shape] = []
    claws: list[Layer] = []
    for side in (-1, 1):
        mine = raised + rng.normal(0, 0.2)
        for i in range(4):
            a = 0.05 + 0.27 * i + rng.normal(0, 0.05)
            long = (0.66, 0.7, 0.66, 0.55)[i] * rng.uniform(0.92, 1.08)
            root = (side * (0.4 - 0.06 * i), 0.06 + 0.055 * i)
            knee = (
                root[0] + side * long * 0.55 * np.cos(a - 0.55),
                root[1] + long * 0.55 * np.sin(a - 0.55),
            )
            foot = (
                knee[0] + side * long * 0.5 * np.cos(a + 0.75),
                knee[1] + long * 0.55 * np.sin(a + 0.75),
            )
            legs.append(limb(points(root, knee, foot), (0.065, 0.055, 0.04, 0.012), count=14))
        elbow = points((side * 0.62, -0.16 - 0.1 * mine))[0]
        wrist = points((side * (0.66 - 0.12 * mine), -0.36 - 0.26 * mine))[0]
        arm = limb(
            np.stack([points((side * 0.38, -0.08))[0], elbow, wrist]),
            (0.085, 0.095, 0.075),
            lift=0.05,
        )
        big = rng.uniform(0.85, 1.2)
        aim = (-0.75 + 0.35 * mine) * side + rng.normal(0, 0.15)
        gape = rng.uniform(0.02, 0.12)
        palm = (
            points(
                (-0.08, 0.04),
                (-0.15, -0.12),
                (-0.13, -0.26),
                (-0.07 - gape, -0.46),
                (-0.03 - gape * 0.3, -0.36),
                (0.0, -0.25),
                (0.04 + gape * 0.3, -0.33),
                (0.07 + gape, -0.42),
                (0.12, -0.24),
                (0.1, -0.05),
                (0.03, 0.07),
            )
            * (side, 1)
            * big
        )
        claws += [
            Skin((arm,), coat),
            Skin((Shape(smooth(turn(palm, aim)) + wrist, 0.1, lift=0.1),), coat),
        ]
    stalks: list[Layer] = []
    for side in (-1, 1):
        stalks.append(
            Skin(
                (limb(points((side * 0.11, -0.22), (side * 0.14, -0.36)), (0.025, 0.03), count=6),),
                coat,
            )
        )
        stalks += eye(side * 0.14, -0.38, 0.038)
    mouth = Line(
        smooth(path("-0.1,0.12 0,0.16 0.1,0.12"), closed=False),
        dark,
        0.014,
        0.6,
        chance=0.6,
    )
    layers: tuple[Layer, ...] = (
        Skin(tuple(legs), coat, shade=0.9),
        Skin((shell,), coat),
        mouth,
        *claws,
        *stalks,
    )
    return Figure(
        layers, ("sand", "beach", "rock", "sand", "wall"), stands=False, spin=0.3, size=(0.68, 0.94)
    )

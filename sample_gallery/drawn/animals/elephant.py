"""The elephant."""

import numpy as np

from sample_gallery.drawn.animals import hoofed, patterns
from sample_gallery.drawn.curves import ellipse, path, points, smooth, turn
from sample_gallery.drawn.figure import (
    Coat,
    Dab,
    Figure,
    Layer,
    Shape,
    Skin,
    blob,
    eye,
    limb,
    tinted,
)
from sample_gallery.drawn.palette import pick


def elephant(rng: np.random.Generator) -> Figure:
    """Return an elephant: a dome on pillars, with trunk, tusk and a sail of an ear."""
    foot = 0.86
    body = blob(
        path(
            "-0.5,0.02 -0.42,-0.34 -0.1,-0.46 0.25,-0.44 0.52,-0.28 0.62,0.02 0.5,0.3 "
            "0.1,0.38 -0.3,0.34"
        ),
        0.38,
    )
    nod = rng.uniform(-0.06, 0.06)
    face = blob(
        path("-0.46,-0.42 -0.66,-0.46 -0.82,-0.3 -0.88,-0.02 -0.8,0.2 -0.62,0.18 -0.42,0.1")
        + (0, nod),
        0.24,
        lift=0.05,
    )
    swing = rng.choice([-0.3, -0.1, 0.05, 0.18])
    raised = rng.random() < 0.2
    way = points(
        (-0.78, -0.06),
        (-0.9, 0.2),
        (-0.92, 0.48),
        (-0.92 - swing * 0.7, 0.7),
        (-0.9 - swing * 1.5, 0.72 - abs(swing)),
    )
    if raised:
        way = path("-0.78,-0.04 -0.96,0.18 -1.15,0.14 -1.24,-0.1 -1.16,-0.34")
    trunk = limb(way + (0, nod), (0.17, 0.12, 0.09, 0.065, 0.05), puff=0.11, lift=0.05, count=28)
    thick = (0.2, 0.135, 0.12, 0.13)
    stride = rng.uniform(0.02, 0.2)
    spines = [
        hoofed.leg(rng, (-0.33, 0.16), foot, thick, bend=0.0, stride=stride),
        hoofed.leg(rng, (0.42, 0.12), foot, thick, bend=-0.02, stride=stride),
        hoofed.leg(rng, (-0.2, 0.16), foot - 0.04, thick, bend=0.0, stride=stride),
        hoofed.leg(rng, (0.28, 0.12), foot - 0.04, thick, bend=-0.02, stride=stride),
    ]
    limbs = [limb(s, thick) for s in spines]
    grey = pick(rng, (0.5, 0.47, 0.45), (0.42, 0.41, 0.42), (0.56, 0.48, 0.4), (0.38, 0.36, 0.35))
    coat = Coat(
        grey,
        tinted(grey, 0.5),
        patterns.creases(rng.uniform(0, 1)),
        rough=0.045,
        texture="grain",
        tile=1.4,
        under=tinted(grey, 0.82),
        under_from=0.1,
    )
    size = rng.uniform(0.85, 1.15)
    flap = rng.uniform(-0.3, 0.15)
    ear = turn(
        path("-0.02,-0.3 0.2,-0.3 0.34,-0.12 0.28,0.1 0.16,0.32 0.04,0.24 -0.06,0.02") * size,
        flap,
    ) + (-0.5, -0.08 + nod)
    tusk = limb(
        path("-0.74,0.14 -0.86,0.32 -1.04,0.36") + (0, nod),
        (0.045, 0.035, 0.012),
        lift=0.1,
    )
    tail = limb(path("0.58,-0.16 0.7,0.06 0.68,0.4"), (0.04, 0.022, 0.03))
    toes: list[Layer] = [
        Dab(
            ellipse(s[-1][0] + dx, foot - 0.045, 0.028, 0.032, steps=10),
            (0.72, 0.66, 0.58),
            0.8,
            chance=0.5,
        )
        for s in spines[:2]
        for dx in (-0.1, -0.04, 0.03)
    ]
    layers: tuple[Layer, ...] = (
        Skin((tail,), Coat(grey)),
        Skin(tuple(limbs[2:]), coat, shade=0.6),
        Skin((body, face, trunk, *limbs[:2]), coat),
        *toes,
        Skin((Shape(smooth(ear), 0.07, lift=0.1, axis=(0.2, 1.0)),), coat, shade=0.95),
        *(
            (Skin((tusk,), Coat((0.93, 0.89, 0.78), rough=0.03, gloss=0.2)),)
            if rng.random() < 0.75
            else ()
        ),
        *eye(-0.72, -0.12 + nod, 0.025),
    )
    return Figure(
        layers,
        ("savanna", "savanna", "meadow", "forest", "lake"),
        spin=0.03,
        size=(0.72, 0.93),
        portrait=(-0.72, 0.0),
    )

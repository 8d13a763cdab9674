"""The swan."""

import numpy as np

from sample_gallery.drawn.animals import patterns
from sample_gallery.drawn.curves import Floats, ellipse, path, points, smooth, turn
from sample_gallery.drawn.figure import (
    Coat,
    Dab,
    Figure,
    Layer,
    Line,
    Shape,
    Skin,
    blob,
    eye,
    limb,
    tinted,
)
from sample_gallery.drawn.palette import pick


def swan(rng: np.random.Generator) -> Figure:
    """Return a swan afloat, its neck an S."""
    white = (
        pick(rng, (0.97, 0.97, 0.95), (0.93, 0.92, 0.9))
        if rng.random() < 0.94
        else (0.1, 0.1, 0.11)
    )
    puffed = rng.uniform(0.0, 1.0)
    body = blob(
        points(
            (-0.62, 0.08),
            (-0.5, -0.14),
            (-0.1, -0.24 - 0.06 * puffed),
            (0.4, -0.22 - 0.1 * puffed),
            (0.82, -0.26),
            (0.72, -0.02),
            (0.5, 0.2),
            (0.0, 0.3),
            (-0.45, 0.26),
        ),
        0.28,
    )
    tall, bow = rng.uniform(0.75, 1.0), rng.uniform(0.08, 0.26)
    fore = rng.uniform(-0.08, 0.12)
    way = points(
        (-0.4, 0.12),
        (-0.6 - bow * 0.5, -0.08),
        (-0.62 - bow * 0.2, -0.35 * tall),
        (-0.46 + bow * 0.4, -0.62 * tall),
        (-0.46 + bow * 0.3, -0.88 * tall),
        (-0.6 + fore, -0.98 * tall),
    )
    neck = limb(way, (0.19, 0.13, 0.09, 0.075, 0.075, 0.08), puff=0.1, count=30)
    at = way[-1]
    dip = rng.uniform(0.1, 0.7)

    def face(curve: Floats) -> Floats:
        return np.asarray(turn(curve, -dip) + at)

    skull = Shape(
        face(smooth(path("0.08,-0.04 0,-0.1 -0.12,-0.07 -0.17,0 -0.12,0.07 0.02,0.08"))),
        0.08,
    )
    bill = Shape(
        face(
            smooth(path("-0.13,-0.055 -0.22,-0.02 -0.35,0.02 -0.36,0.06 -0.24,0.065 -0.13,0.055"))
        ),
        0.04,
        lift=0.02,
    )
    orange = pick(rng, (0.92, 0.45, 0.12), (0.9, 0.35, 0.12), (0.85, 0.55, 0.15))
    mask = face(smooth(path("-0.09,-0.04 -0.16,-0.085 -0.19,-0.03 -0.15,0.035")))
    bright = 0.18 if white[0] > 0.5 else 0.0
    coat = Coat(white, rough=0.02, under=tinted(white, 0.85), under_over=0.3, glow=bright)
    up = 0.22 * puffed
    wing = points(
        (-0.36, 0.02),
        (-0.3, -0.2 - up),
        (0.05, -0.3 - up),
        (0.45, -0.26 - up * 0.6),
        (0.86, -0.2),
        (0.66, -0.03),
        (0.35, 0.1),
        (-0.08, 0.15),
    )
    feathers = tuple(
        Shape(
            ellipse(0.12 + 0.11 * i, 0.06 - 0.045 * i - up * 0.3, 0.3, 0.055, -0.32 - 0.02 * i),
            0.05,
            lift=0.07 + 0.004 * i,
        )
        for i in range(6)
    )
    quills = [
        Line(
            smooth(
                points(
                    (x, 0.08 - 0.06 * i), (x + 0.18, 0.03 - 0.06 * i), (x + 0.38, -0.07 - 0.05 * i)
                ),
                closed=False,
            ),
            tinted(white, 0.72),
            0.014,
            0.6,
            chance=0.75,
        )
        for i, x in enumerate((-0.1, 0.02, 0.14, 0.24))
    ]
    eye_at = face(points((-0.09, -0.025)))[0]
    layers: tuple[Layer, ...] = (
        Skin((body, neck, skull), coat),
        Skin((bill,), Coat(orange, rough=0.04, gloss=0.15)),
        Dab(mask, (0.06, 0.05, 0.05), 0.95, chance=0.5),
        Skin(
            (Shape(smooth(wing), 0.12, lift=0.06),),
            Coat(white, tinted(white, 0.75), patterns.quilled(), rough=0.025, glow=bright),
        ),
        Skin(feathers, Coat(white, rough=0.02, glow=bright), chance=0.5),
        *quills,
        *eye(float(eye_at[0]), float(eye_at[1]), 0.02),
    )
    return Figure(
        layers, ("lake",), spin=0.03, size=(0.6, 0.88), floats=True, portrait=(-0.5, -0.7)
    )

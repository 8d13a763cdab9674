"""The butterfly."""

import numpy as np

from sample_gallery.drawn.animals import patterns
from sample_gallery.drawn.curves import ellipse, mirror, path, points, smooth, turn
from sample_gallery.drawn.figure import Coat, Dab, Figure, Layer, Line, Shape, Skin, ball, limb
from sample_gallery.drawn.palette import pick, vary


def butterfly(rng: np.random.Generator) -> Figure:
    """Return a butterfly from above, wings spread or half closed."""
    colour = pick(
        rng,
        (0.92, 0.5, 0.1),
        (0.25, 0.45, 0.85),
        (0.95, 0.82, 0.25),
        (0.8, 0.25, 0.15),
        (0.93, 0.92, 0.85),
        (0.35, 0.6, 0.75),
    )
    dark = pick(rng, (0.07, 0.05, 0.05), (0.2, 0.12, 0.07))
    spread, sweep = rng.uniform(0.55, 1.05), rng.uniform(-0.15, 0.15)
    jag = rng.uniform(-0.05, 0.06)
    fore = points(
        (0.04, -0.12),
        (0.2, -0.45),
        (0.55, -0.78),
        (0.86, -0.82 - jag),
        (0.9, -0.55),
        (0.78, -0.25 + jag),
        (0.5, -0.02),
        (0.08, 0.06),
    )
    hind = points(
        (0.06, 0.0),
        (0.45, -0.02),
        (0.7, 0.14),
        (0.72, 0.42),
        (0.52 + jag, 0.64),
        (0.3, 0.62 + jag),
        (0.14, 0.38),
    )
    if rng.random() < 0.3:
        hind[4:5] += (0.02, 0.26)
    u, edge, dots = rng.uniform(0, 1), rng.uniform(0.2, 0.5), bool(rng.random() < 0.7)
    second = vary(rng, (colour[0] * 0.95, colour[1] * 0.85, colour[2] * 0.75), 0.1)
    coats = (
        Coat(colour, dark, patterns.wing_marks(edge, u, dots=dots), rough=0.05, gloss=0.0),
        Coat(second, dark, patterns.wing_marks(edge * 0.9, u, dots=dots), rough=0.05, gloss=0.0),
    )
    wings: list[Layer] = []
    tilt = rng.uniform(0.75, 1.0)
    for side, wide in ((1, spread), (-1, spread * tilt)):
        for shape, coat in ((hind, coats[1]), (fore, coats[0])):
            curve = smooth(turn(shape, sweep)) * (wide, 1)
            curve = curve if side > 0 else mirror(curve)
            wings.append(Skin((Shape(curve, 0.26, bulge=0.15),), coat))
            if shape is hind and rng.random() < 0.45:
                at = (0.45 * wide * side, 0.32)
                wings += [
                    Dab(ellipse(*at, 0.09 * wide, 0.09), dark, 0.9, chance=0.7),
                    Dab(
                        ellipse(*at, 0.045 * wide, 0.045),
                        vary(rng, (0.9, 0.75, 0.35)),
                        0.9,
                        chance=0.5,
                    ),
                ]
    body = limb(
        path("0,-0.26 0,-0.1 0,0.1 0,0.46"),
        (0.05, 0.075, 0.055, 0.05, 0.02),
        lift=0.05,
    )
    head = ball(0, -0.28, 0.06, 0.055, lift=0.05)
    feelers = [
        Line(
            smooth(
                points((0.02 * s, -0.32), (0.1 * s, -0.5), (rng.uniform(0.16, 0.3) * s, -0.68)),
                closed=False,
            ),
            dark,
            0.016,
        )
        for s in (-1, 1)
    ]
    layers: tuple[Layer, ...] = (
        *wings,
        *feelers,
        Skin(
            (body, head),
            Coat((dark[0] + 0.1, dark[1] + 0.08, dark[2] + 0.06), rough=0.25, fuzzy=0.7),
        ),
    )
    return Figure(
        layers,
        ("flowers", "flowers", "leaf", "meadow", "sand", "wall"),
        stands=False,
        spin=0.9,
        size=(0.6, 0.92),
    )

"""The fish."""

import numpy as np

from sample_gallery.drawn.animals import patterns
from sample_gallery.drawn.curves import ellipse, path, points, smooth, turn
from sample_gallery.drawn.figure import Coat, Colour, Dab, Figure, Layer, Line, Shape, Skin, blob
from sample_gallery.drawn.palette import pick, vary


def fish(rng: np.random.Generator) -> Figure:
    """Return a fish from the side."""
    deep = rng.uniform(0.26, 0.5)
    colour, belly, fin = (
        ((0.93, 0.5, 0.12), (0.97, 0.8, 0.5), (0.95, 0.6, 0.25)),
        ((0.4, 0.46, 0.3), (0.85, 0.85, 0.72), (0.4, 0.42, 0.3)),
        ((0.5, 0.55, 0.6), (0.9, 0.92, 0.93), (0.45, 0.47, 0.5)),
        ((0.2, 0.4, 0.75), (0.75, 0.85, 0.5), (0.95, 0.8, 0.2)),
        ((0.93, 0.78, 0.2), (0.95, 0.9, 0.7), (0.25, 0.3, 0.6)),
    )[int(rng.integers(5))]
    colour, belly, fin = vary(rng, colour), vary(rng, belly), vary(rng, fin)
    bow = rng.normal(0, 0.06)
    body_points = points(
        (-0.78, 0.03),
        (-0.62, -deep * 0.45),
        (-0.3, -deep * 0.92),
        (0.05, -deep * 0.9),
        (0.4, -deep * 0.45),
        (0.66, -0.085),
        (0.7, 0.08),
        (0.4, deep * 0.42),
        (0.05, deep * 0.9),
        (-0.3, deep * 0.95),
        (-0.62, deep * 0.5),
        (-0.76, 0.08),
    )
    body_points[:, 1] += bow * (body_points[:, 0] + 0.2) ** 2 * 2
    fork, spread = rng.uniform(0.0, 0.16), rng.uniform(0.26, 0.42)
    tail = points(
        (0.62, -0.07),
        (0.8, -0.2),
        (1.05, -spread),
        (1.0 - fork, 0.0),
        (1.05, spread),
        (0.8, 0.2),
        (0.62, 0.08),
    ) + (0, bow * 1.3)
    high = rng.uniform(0.1, 0.3)
    dorsal = points(
        (-0.3, -deep * 0.8),
        (-0.18, -deep - high),
        (0.1, -deep - high * 0.85),
        (0.38, -deep * 0.55 - high * 0.6),
        (0.42, -deep * 0.36),
        (0.0, -deep * 0.75),
    )
    anal = points(
        (0.1, deep * 0.7),
        (0.2, deep + high * 0.6),
        (0.42, deep * 0.6 + high * 0.4),
        (0.44, deep * 0.33),
    )
    pelvic = points(
        (-0.28, deep * 0.75), (-0.16, deep + 0.2), (0.0, deep + 0.12), (-0.08, deep * 0.75)
    )
    bands = rng.uniform(6, 16) if rng.random() < 0.35 else 0.0
    u = rng.uniform(0, 1)
    rays = Coat(
        fin, (fin[0] * 0.6, fin[1] * 0.6, fin[2] * 0.6), patterns.rays(), rough=0.06, clear=0.25
    )
    back: Colour = (colour[0] * 0.55, colour[1] * 0.55, colour[2] * 0.55)
    coat = Coat(
        colour,
        back,
        patterns.scaled(u, bands),
        under=belly,
        under_from=deep * 0.05,
        under_over=deep * 0.9,
        rough=0.06,
        gloss=0.35,
    )
    pectoral = turn(path("0,0 0.1,-0.1 0.28,-0.1 0.3,0.02 0.12,0.08"), rng.uniform(-0.2, 0.7)) + (
        -0.3,
        deep * 0.25,
    )
    gill = smooth(
        points((-0.42, -deep * 0.6), (-0.34, -deep * 0.1), (-0.4, deep * 0.55)), closed=False
    )
    look: list[Layer] = [
        Dab(
            ellipse(-0.6, -deep * 0.22, 0.066, 0.066, steps=18),
            pick(rng, (0.9, 0.8, 0.4), (0.85, 0.85, 0.82)),
            0.95,
        ),
        Dab(
            ellipse(-0.605, -deep * 0.22, 0.04, 0.04, steps=14),
            (0.02, 0.02, 0.02),
            lit=False,
            filled=True,
        ),
        Dab(
            ellipse(-0.62, -deep * 0.22 - 0.02, 0.013, 0.013, steps=8),
            (1, 1, 1),
            0.9,
            lit=False,
            in_sketch=False,
        ),
    ]
    hints = [
        Line(
            smooth(points((x, y), (x + 0.05, y + 0.06), (x, y + 0.12)), closed=False),
            in_photo=False,
            chance=0.6,
        )
        for x in (-0.15, 0.05, 0.25)
        for y in (-0.2, -0.06, 0.08)
        if abs(y) < deep * 0.6
    ]
    layers: tuple[Layer, ...] = (
        *(Skin((Shape(smooth(f), 0.05),), rays) for f in (tail, dorsal, anal, pelvic)),
        Skin((blob(body_points, deep * 0.8),), coat),
        Line(gill, back, 0.018, 0.55, chance=0.9),
        Line(smooth(path("-0.77,0.05 -0.7,0.09 -0.64,0.08"), closed=False), back, 0.016, 0.8),
        *hints,
        Skin((Shape(smooth(pectoral), 0.04, lift=0.05),), rays),
        *look,
    )
    return Figure(
        layers, ("reef", "reef", "lake", "wall", "deep"), stands=False, spin=0.22, size=(0.66, 0.94)
    )

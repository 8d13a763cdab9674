"""The spider."""

import numpy as np

from sample_gallery.drawn.animals import patterns
from sample_gallery.drawn.curves import points
from sample_gallery.drawn.figure import (
    Coat,
    Figure,
    Layer,
    Line,
    Shape,
    Skin,
    ball,
    blob,
    eye,
    limb,
)
from sample_gallery.drawn.palette import pick


def _web(rng: np.random.Generator) -> list[Layer]:
    """Return spokes and rings; for the picture in one stroke each, for the sketch one by one."""
    silk = (0.9, 0.92, 0.94)
    angles = np.linspace(0, 2 * np.pi, 13)[:-1] + rng.uniform(0, 1)
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    spokes = np.stack([np.zeros_like(around), around * 2.6], axis=1)
    rings = [np.concatenate([around * r, around[:1] * r]) for r in np.arange(0.45, 2.2, 0.2)]
    web: list[Layer] = [
        Line(spokes.reshape(-1, 2), silk, 0.007, 0.5, in_sketch=False),
        Line(np.concatenate(rings), silk, 0.006, 0.45, in_sketch=False),
    ]
    web += [Line(spoke * 0.55, in_photo=False, chance=0.7) for spoke in spokes]
    web += [Line(ring, in_photo=False, chance=0.5) for ring in rings[:5]]
    return web


def spider(rng: np.random.Generator) -> Figure:
    """Return a spider from above, with or without its web."""
    colour = pick(rng, (0.22, 0.17, 0.13), (0.42, 0.3, 0.2), (0.12, 0.11, 0.11), (0.5, 0.42, 0.3))
    mark = pick(rng, (0.85, 0.75, 0.4), (0.7, 0.6, 0.48), (0.8, 0.3, 0.15), (0.9, 0.88, 0.8))
    fat, long = rng.uniform(0.75, 1.25), rng.uniform(0.8, 1.15)
    u = rng.uniform(0, 1)
    abdomen = blob(
        points(
            (0, 0.06),
            (0.16 * fat, 0.14),
            (0.25 * fat, 0.36),
            (0.17 * fat, 0.58),
            (0, 0.66),
            (-0.17 * fat, 0.58),
            (-0.25 * fat, 0.36),
            (-0.16 * fat, 0.14),
        ),
        0.2,
        lift=0.05,
    )
    chest = ball(0, -0.08, 0.15, 0.18, lift=0.03)
    legs: list[Shape] = []
    for side in (-1, 1):
        for i, a in enumerate((-1.15, -0.42, 0.3, 0.95)):
            b = a + rng.normal(0, 0.09)
            reach = (1.0, 0.82, 0.78, 1.0)[i] * long
            root = (side * 0.1, -0.14 + 0.06 * i)
            knee = (
                side * (0.1 + reach * 0.45 * np.cos(b * 0.75)),
                root[1] + reach * 0.5 * np.sin(b),
            )
            shin = (
                side * (0.1 + reach * 0.78 * np.cos(b * 0.85)),
                root[1] + reach * 0.9 * np.sin(b) - 0.06 * np.sign(-b),
            )
            foot = (side * (0.1 + reach * 0.9 * np.cos(b)), root[1] + reach * 1.15 * np.sin(b))
            legs.append(
                limb(points(root, knee, shin, foot), (0.045, 0.042, 0.035, 0.024, 0.012), count=20)
            )
    hairy = rng.uniform(0.1, 0.8)
    legs_coat = Coat(
        colour,
        mark,
        patterns.belts(rng.uniform(16, 30)) if rng.random() < 0.5 else None,
        rough=0.2,
        fuzzy=hairy * 0.4,
    )
    coat = Coat(colour, mark, patterns.ladder(u), rough=0.2, fuzzy=hairy, gloss=0.12)
    fangs = [
        limb(points((s * 0.05, -0.22), (s * 0.07, -0.33)), (0.035, 0.02), count=6) for s in (-1, 1)
    ]
    eyes = [layer for s in (-1, 1) for layer in eye(s * 0.045, -0.2, 0.024)]
    web: list[Layer] = []
    if rng.random() < 0.3:
        web = _web(rng)
    layers: tuple[Layer, ...] = (
        *web,
        Skin(tuple(legs), legs_coat),
        Skin(tuple(fangs), Coat(colour)),
        Skin((abdomen,), coat),
        Skin((chest,), coat),
        *eyes,
    )
    scenes = ("forest", "night", "meadow") if web else ("leaf", "wall", "wood", "sand", "rock")
    return Figure(layers, scenes, stands=False, spin=3.1, size=(0.6, 0.92))

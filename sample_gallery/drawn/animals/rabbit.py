"""The rabbit."""

import numpy as np

from sample_gallery.drawn.animals import patterns
from sample_gallery.drawn.curves import ellipse, path, points, smooth, turn
from sample_gallery.drawn.figure import (
    Coat,
    Colour,
    Dab,
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


def rabbit(rng: np.random.Generator) -> Figure:
    """Return a rabbit sitting, seen from the side."""
    fur = pick(
        rng,
        (0.58, 0.46, 0.34),
        (0.62, 0.6, 0.58),
        (0.93, 0.91, 0.88),
        (0.42, 0.32, 0.25),
        (0.74, 0.58, 0.4),
    )
    pale: Colour = (
        min(1, fur[0] * 0.5 + 0.48),
        min(1, fur[1] * 0.5 + 0.46),
        min(1, fur[2] * 0.5 + 0.44),
    )
    dark: Colour = (fur[0] * 0.45, fur[1] * 0.42, fur[2] * 0.4)
    u, sits = rng.uniform(0, 1), rng.uniform(0, 1)
    coat = Coat(
        fur,
        dark,
        patterns.mottled(u, 0.55),
        under=pale,
        under_from=0.42,
        under_over=0.3,
        rough=0.15,
        fuzzy=0.7,
    )
    body = blob(
        points(
            (-0.42, 0.2),
            (-0.36, -0.12 - 0.12 * sits),
            (-0.05, -0.26 - 0.1 * sits),
            (0.35, -0.12),
            (0.58, 0.22),
            (0.5, 0.56),
            (0.1, 0.64),
            (-0.25, 0.6),
        ),
        0.34,
    )
    haunch = ball(0.3, 0.34, 0.3, 0.27, 0.3, lift=0.06)
    head_at = np.asarray((-0.46, -0.3 - 0.22 * sits))
    nod = rng.uniform(-0.15, 0.25)
    skull = Shape(
        turn(
            smooth(
                path(
                    "0.22,-0.02 0.12,-0.2 -0.08,-0.2 -0.27,-0.04 -0.33,0.07 -0.25,0.16 -0.04,0.2 "
                    "0.16,0.17"
                )
            ),
            -nod,
        )
        + head_at,
        0.19,
        lift=0.04,
    )
    neck = limb(np.stack([head_at + (0.08, 0.08), points((-0.2, 0.12))[0]]), (0.2, 0.28))
    foot = blob(
        path("0.42,0.58 0.1,0.54 -0.1,0.6 -0.12,0.68 0.1,0.71 0.42,0.7"),
        0.07,
        lift=0.04,
    )
    paws = tuple(
        limb(points((x, 0.35), (x - 0.03, 0.55), (x - 0.09, 0.66)), (0.1, 0.065, 0.05))
        for x in (-0.3, -0.2)
    )
    tail = ball(0.6, 0.4, 0.11, 0.1, lift=0.02)
    lop = rng.random() < 0.12
    ears: list[Layer] = []
    for shade, extra in ((0.75, 0.22), (1.0, 0.0)):
        angle = (rng.uniform(2.2, 2.5) if lop else rng.uniform(-0.1, 0.75)) + extra * 0.8
        root = head_at + turn(points((0.06 + extra * 0.2, -0.14)), -nod)[0]
        loop = path(
            "-0.055,0.02 -0.085,-0.22 -0.055,-0.46 0,-0.56 0.06,-0.44 0.085,-0.2 0.05,0.02"
        ) * rng.uniform(0.85, 1.1)
        ears.append(
            Skin((Shape(smooth(turn(loop, angle)) + root, 0.06, lift=0.06),), coat, shade=shade)
        )
        if extra == 0.0:
            pink = pick(rng, (0.85, 0.6, 0.55), (0.75, 0.55, 0.48))
            ears.append(
                Dab(
                    smooth(turn(loop * (0.5, 0.75) + (0, -0.04), angle)) + root,
                    pink,
                    0.6,
                    chance=0.6,
                )
            )
    eye_at, nose = (turn(points(p), -nod)[0] + head_at for p in ((-0.1, -0.05), (-0.32, 0.06)))
    whiskers = [
        Line(
            np.stack([nose + (0.05, 0.03), nose + turn(points((-0.28, 0.0)), a)[0] + (0.05, 0.03)]),
            (0.9, 0.9, 0.88),
            0.006,
            0.5,
            chance=0.6,
        )
        for a in (-0.35, -0.1, 0.2)
    ]
    layers: tuple[Layer, ...] = (
        Skin((tail,), Coat(pale, rough=0.12, fuzzy=1.0)),
        *ears[:1],
        Skin((paws[1],), coat, shade=0.7),
        Skin((body, neck, skull), coat),
        Skin((haunch,), coat, chance=0.8),
        Skin((foot,), coat),
        Skin((paws[0],), coat),
        *ears[1:],
        *eye(float(eye_at[0]), float(eye_at[1]), 0.04),
        Dab(
            ellipse(float(nose[0]), float(nose[1]), 0.028, 0.022, steps=12),
            (0.45, 0.28, 0.27),
            0.85,
            filled=True,
        ),
        Line(
            np.stack([nose + (0.01, 0.02), nose + (0.05, 0.08), nose + (0.1, 0.08)]),
            dark,
            0.01,
            0.7,
            chance=0.7,
        ),
        *whiskers,
    )
    return Figure(
        layers,
        ("meadow", "meadow", "savanna", "forest", "wall", "ice"),
        spin=0.05,
        size=(0.62, 0.9),
        portrait=(float(head_at[0]), float(head_at[1])),
    )

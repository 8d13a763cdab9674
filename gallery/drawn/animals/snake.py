"""The snake."""

import numpy as np

from gallery.drawn.animals import patterns
from gallery.drawn.curves import path, points, smooth, turn
from gallery.drawn.figure import Coat, Colour, Figure, Layer, Line, Shape, Skin, eye, limb
from gallery.drawn.palette import pick, vary


def snake(rng: np.random.Generator) -> Figure:
    """Return a snake, winding or coiled."""
    colour = pick(
        rng,
        (0.55, 0.48, 0.3),
        (0.38, 0.45, 0.22),
        (0.6, 0.4, 0.25),
        (0.42, 0.4, 0.38),
        (0.7, 0.55, 0.3),
        (0.25, 0.5, 0.25),
    )
    dark: Colour = (colour[0] * 0.4, colour[1] * 0.36, colour[2] * 0.35)
    thick = rng.uniform(0.075, 0.115)
    t = np.linspace(0, 1, 40)
    if rng.random() < 0.6:
        waves, wide = rng.uniform(1.3, 2.4), rng.uniform(0.18, 0.34)
        phase = rng.uniform(0, 6)
        x = -1.0 + 2.0 * t
        y = wide * np.sin(waves * 2 * np.pi * t + phase) * (0.55 + 0.6 * t)
        spine = np.stack([x, y], axis=1)
    else:
        turns = rng.uniform(1.4, 2.2)
        a = rng.uniform(0, 6) + turns * 2 * np.pi * t
        r = 0.2 + 0.55 * (1 - t) ** 0.8 if rng.random() < 0.5 else 0.2 + 0.6 * t**1.1
        spine = np.stack([r * np.cos(a) * 1.15, r * np.sin(a) * 0.85], axis=1)
    head_at = spine[0]
    way = spine[0] - spine[2]
    aim = float(np.arctan2(way[1], way[0]))
    radii = tuple(
        thick * np.interp(s, (0, 0.06, 0.4, 0.75, 1), (0.72, 0.78, 1.15, 0.85, 0.08))
        for s in np.linspace(0, 1, 24)
    )
    coat = Coat(
        colour,
        dark,
        patterns.diamonds(rng.uniform(9, 16), rng.uniform(1.15, 1.45))
        if rng.random() < 0.7
        else patterns.belts(rng.uniform(12, 22)),
        rough=0.12,
        texture="scales",
        tile=0.5,
        gloss=0.3,
    )
    # The body is laid in pieces, tail first, so that it crosses over itself as a rope does.
    body = limb(spine, radii, puff=thick, count=84)
    head = (
        smooth(
            turn(
                path("0.26,0 0.2,-0.075 0.06,-0.12 -0.08,-0.07 -0.08,0.07 0.06,0.12 0.2,0.075")
                * (thick / 0.1),
                aim,
            )
        )
        + head_at
    )
    out, side = turn(points((1, 0), (0, 1)), aim)
    k = thick / 0.1
    fork = np.stack(
        [head_at + out * 0.24 * k, head_at + out * 0.4 * k, head_at + out * 0.5 * k + side * 0.06]
    )
    other = np.stack([head_at + out * 0.4 * k, head_at + out * 0.5 * k - side * 0.06])
    sides = [head_at + out * 0.12 * k + side * s * 0.075 * k for s in (-1, 1)]
    looks = [eye(float(x), float(y), 0.022 * k) for x, y in sides]
    hints = [
        Line(
            np.stack([spine[i] + (0.0, -thick * 0.7), spine[i] + (0.02, thick * 0.7)]),
            in_photo=False,
            chance=0.4,
        )
        for i in range(6, 36, 3)
    ]
    layers: tuple[Layer, ...] = (
        Line(fork, (0.7, 0.15, 0.15), 0.018, chance=0.8),
        Line(other, (0.7, 0.15, 0.15), 0.018, chance=0.8),
        Skin((body,), coat),
        *hints,
        Skin(
            (Shape(head, thick * 0.8, lift=0.03),),
            Coat(
                vary(rng, colour),
                dark,
                patterns.mottled(0.2, 0.4),
                rough=0.1,
                texture="scales",
                tile=0.5,
                gloss=0.3,
            ),
        ),
        *looks[0],
        *looks[1],
    )
    return Figure(
        layers,
        ("sand", "rock", "meadow", "leaf", "wood"),
        stands=False,
        spin=3.1,
        size=(0.66, 0.94),
    )

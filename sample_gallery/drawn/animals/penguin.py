"""The penguin."""

import numpy as np

from sample_gallery.drawn.curves import Floats, ellipse, path, points, smooth, turn
from sample_gallery.drawn.figure import Coat, Dab, Figure, Layer, Shape, Skin, ball, blob, eye, limb
from sample_gallery.drawn.palette import pick


def _leaned(layer: Layer, lean: float) -> Layer:
    """Return the layer sheared to one side, more at the top, so that the feet stay put."""

    def shear(curve: Floats) -> Floats:
        return curve + np.stack([(curve[:, 1] - 0.95) * lean, np.zeros(len(curve))], axis=1)

    if isinstance(layer, Skin):
        return Skin(
            tuple(Shape(shear(s.outline), s.puff, s.lift, s.axis) for s in layer.shapes),
            layer.coat,
            layer.shade,
            layer.chance,
        )
    if isinstance(layer, Dab):
        return Dab(
            shear(layer.outline),
            layer.colour,
            layer.opacity,
            layer.lit,
            layer.in_sketch,
            layer.filled,
            layer.chance,
        )
    return layer


def penguin(rng: np.random.Generator) -> Figure:
    """Return a penguin standing, turned a little to the side."""
    turned = rng.uniform(0.0, 1.0)
    king = rng.random() < 0.5
    lean = rng.uniform(-0.08, 0.12)
    black = pick(rng, (0.09, 0.1, 0.12), (0.13, 0.13, 0.15), (0.2, 0.22, 0.27))
    white = pick(rng, (0.95, 0.95, 0.93), (0.92, 0.9, 0.84))
    back = blob(
        path(
            "-0.05,-0.62 0.17,-0.5 0.33,-0.15 0.38,0.3 0.3,0.7 0.12,0.86 -0.14,0.86 "
            "-0.32,0.66 -0.37,0.25 -0.3,-0.2 -0.2,-0.5"
        ),
        0.3,
    )
    shift = -0.02 - 0.09 * turned
    front = blob(
        path(
            "0,-0.42 0.14,-0.3 0.25,0.05 0.26,0.4 0.17,0.74 0,0.82 -0.17,0.74 "
            "-0.26,0.4 -0.25,0.05 -0.14,-0.3"
        )
        * (1 - 0.12 * turned, 1)
        + (shift, 0.02),
        0.24,
        lift=0.05,
    )
    nod = rng.uniform(-0.12, 0.12)
    head_at = np.asarray((-0.06 - 0.04 * turned, -0.72))
    skull = ball(float(head_at[0]), float(head_at[1]), 0.2, 0.19, nod, lift=0.03)
    neck = limb(np.stack([points((-0.02, -0.4))[0], head_at + (0.02, 0.1)]), (0.24, 0.18))
    bill_way = turn(
        points((0, 0), (-0.16, -0.01), (-0.3 - 0.06 * king, 0.05)), nod - rng.uniform(0, 0.3)
    )
    bill = limb(bill_way + head_at + (-0.14, 0.02), (0.06, 0.038, 0.014), count=10)
    beak_colour = (
        pick(rng, (0.12, 0.11, 0.12), (0.85, 0.45, 0.15)) if not king else (0.14, 0.12, 0.12)
    )
    out = rng.uniform(0.05, 0.75)
    flipper = path("-0.03,0 0.07,0.02 0.1,0.3 0.05,0.62 -0.01,0.66 -0.06,0.36")
    right = smooth(turn(flipper, -out) + (0.28, -0.3))
    left = smooth(turn(flipper * (-1, 1), out * rng.uniform(0.3, 1)) + (-0.27, -0.28))
    coat = Coat(black, rough=0.08, gloss=0.12, texture="grain")
    feet_colour = pick(rng, (0.2, 0.17, 0.16), (0.85, 0.5, 0.2), (0.75, 0.5, 0.45))
    feet = tuple(
        blob(
            points(
                (x - 0.02, 0.82),
                (x + 0.09, 0.84),
                (x + 0.08, 0.93),
                (x - 0.05, 0.96),
                (x - 0.2, 0.95),
                (x - 0.18, 0.89),
            ),
            0.05,
        )
        for x in (-0.12, 0.16)
    )
    collar: tuple[Layer, ...] = ()
    if king:
        gold = pick(rng, (0.95, 0.7, 0.15), (0.95, 0.6, 0.1))
        patch = smooth(
            path("0.05,-0.02 0.13,-0.1 0.14,0.05 0.04,0.2 -0.04,0.2") + head_at + (0.02, 0.04)
        )
        bib = ellipse(shift, -0.38, 0.13, 0.1)
        collar = (Dab(bib, gold, 0.75, chance=0.2), Dab(patch, gold, 0.9, chance=0.5))
    else:
        ring = smooth(
            path("0.02,-0.13 0.13,-0.05 0.12,0.12 -0.02,0.15 0.05,0.06 0.06,-0.03") + head_at
        )
        collar = (Dab(ring, white, 0.92, chance=0.5),) if rng.random() < 0.6 else ()
    tail = blob(path("0.1,0.7 0.3,0.74 0.42,0.93 0.28,0.93"), 0.06)
    layers: list[Layer] = [
        Skin((tail,), coat, chance=0.6),
        Skin((Shape(left, 0.06),), coat, shade=0.85),
        Skin(feet, Coat(feet_colour, rough=0.06)),
        Skin((back, neck, skull), coat),
        Skin(
            (front,), Coat(white, rough=0.04, fuzzy=0.15, under=(0.8, 0.82, 0.86), under_from=0.3)
        ),
        *collar,
        Skin((Shape(right, 0.06, lift=0.1),), coat),
        Skin((bill,), Coat(beak_colour, rough=0.03, gloss=0.15)),
        *eye(float(head_at[0]) - 0.07, float(head_at[1]) - 0.03, 0.026, (0.35, 0.15, 0.08)),
    ]
    leaned = tuple(_leaned(layer, lean) for layer in layers)
    return Figure(
        leaned,
        ("ice", "ice", "rock", "beach", "lake", "wall"),
        spin=0.05,
        size=(0.7, 0.93),
        portrait=(-0.05, -0.55),
    )

"""The giraffe."""

import numpy as np

from sample_gallery.drawn.animals import hoofed, patterns
from sample_gallery.drawn.curves import Floats, ellipse, path, points, smooth, turn
from sample_gallery.drawn.figure import (
    Coat,
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


def _patches(rng: np.random.Generator, middles: Floats) -> list[Layer]:
    """Return patch outlines for sketches alone."""
    out: list[Layer] = []
    for x, y in middles:
        wide, tall, angle = (float(v) for v in rng.uniform((0.035, 0.035, 0), (0.065, 0.065, 3)))
        loop = ellipse(x, y, wide, tall, angle, steps=7)
        out.append(Line(np.concatenate([loop, loop[:1]]), in_photo=False, chance=0.85))
    return out


def giraffe(rng: np.random.Generator) -> Figure:
    """Return a giraffe: a tower of a neck over a sloping back, patched all over."""
    foot = 1.12
    grazing = rng.random() < 0.15
    lean = rng.uniform(0.12, 0.5) if not grazing else rng.uniform(1.1, 1.5)
    long = rng.uniform(0.95, 1.15)
    base = points((-0.27, -0.02))[0]
    top = base + (-np.sin(lean) * long, -np.cos(lean) * long)
    middle = (base + top) / 2 + (rng.uniform(-0.02, 0.07), -0.02)
    neck = limb(np.stack([base + (0.06, 0.08), middle, top]), (0.24, 0.135, 0.1, 0.088), puff=0.13)
    aim = rng.uniform(0.25, 0.75) + (0.3 if grazing else 0.0)
    head = hoofed.muzzle(top + (0.02, -0.01), aim, 0.34, (0.075, 0.088, 0.066, 0.05), 0.01)
    body = blob(
        path(
            "-0.42,0.02 -0.34,-0.22 -0.12,-0.27 0.16,-0.17 0.36,-0.09 0.44,0.08 0.36,0.24 "
            "0.05,0.27 -0.28,0.25"
        ),
        0.24,
    )
    front, back = (0.13, 0.062, 0.042, 0.045), (0.17, 0.075, 0.042, 0.045)
    stride = rng.uniform(0.03, 0.22)
    spines = [
        hoofed.leg(rng, (-0.26, 0.12), foot, front, bend=0.01, stride=stride),
        hoofed.leg(rng, (0.3, 0.06), foot, back, bend=0.03, stride=stride),
        hoofed.leg(rng, (-0.2, 0.12), foot - 0.03, front, bend=0.01, stride=stride),
        hoofed.leg(rng, (0.22, 0.06), foot - 0.03, back, bend=0.03, stride=stride),
    ]
    limbs = [limb(s, r) for s, r in zip(spines, (front, back, front, back), strict=True)]
    cream = pick(rng, (0.88, 0.78, 0.58), (0.84, 0.7, 0.48), (0.9, 0.83, 0.68))
    brown = pick(rng, (0.62, 0.4, 0.2), (0.5, 0.31, 0.16), (0.7, 0.47, 0.26))
    u, v = rng.uniform(0, 1, 2)
    coat = Coat(
        cream,
        brown,
        patterns.spots(u, v, rng.uniform(0.12, 0.2)),
        rough=0.07,
        under=(0.85, 0.78, 0.66),
        under_from=0.3,
    )
    plain = Coat(tinted(cream, 0.8), rough=0.06)
    along_head = turn(points((1, 0), (0, 1)), -aim)
    out, up = along_head
    ear = turn(ellipse(0, 0, 0.085, 0.032), -aim - 0.5) + top + 0.1 * out - 0.06 * up
    horns: list[Layer] = []
    for shift in (-0.015, 0.04):
        root = top + shift * out - 0.07 * up
        tip = root + 0.04 * out - 0.1 * up
        horns.append(
            Skin((limb(np.stack([root, tip]), (0.018, 0.016, 0.022), count=6),), Coat(brown))
        )
    tail = limb(path("0.41,-0.02 0.5,0.2 0.48,0.48 0.5,0.62"), (0.022, 0.014, 0.016, 0.035))
    mane = np.stack([base + (0.2, -0.12), middle + (0.125, -0.04), top + (0.1, -0.04)])
    eye_at = top - 0.1 * out - 0.03 * up
    nose = top - 0.34 * out + 0.0 * up
    layers: tuple[Layer, ...] = (
        Skin((tail,), Coat(brown, fuzzy=0.3)),
        Skin(tuple(limbs[2:]), coat, shade=0.66),
        *horns,
        Line(smooth(mane, closed=False), brown, 0.035, 0.9, in_sketch=False),
        Skin((body, neck, head, *limbs[:2]), coat),
        *(hoofed.hoof(s, 0.045) for s in spines),
        Skin((Shape(ear, 0.03, lift=0.03),), plain),
        *eye(eye_at[0], eye_at[1], 0.022),
        Line(np.stack([nose, nose + 0.09 * out + 0.045 * up]), hoofed.DARK, 0.012, 0.7, chance=0.7),
        *_patches(
            rng,
            points(
                (-0.2, 0.0), (0.0, -0.08), (0.2, 0.06), (-0.05, 0.12), *(middle[None] + (0.05, 0))
            ),
        ),
    )
    return Figure(
        layers,
        ("savanna", "savanna", "savanna", "meadow"),
        spin=0.04,
        size=(0.7, 0.93),
        portrait=(float(top[0]), float(top[1])),
    )

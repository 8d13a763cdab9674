"""The horse."""

import numpy as np

from sample_gallery.drawn.animals import hoofed
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
    blob,
    eye,
    limb,
    tinted,
)
from sample_gallery.drawn.palette import pick

_GRAZES = 0.2


def horse(rng: np.random.Generator) -> Figure:
    """Return a horse: long legs, a flowing mane and tail."""
    foot = 1.0
    grazes = rng.random() < _GRAZES
    lean = rng.uniform(1.75, 2.1) if grazes else rng.uniform(0.45, 0.95)
    base = points((-0.42, -0.1))[0]
    long = 0.72 if grazes else rng.uniform(0.56, 0.66)
    top = base + (-np.sin(lean) * long, -np.cos(lean) * long)
    middle = (base + top) / 2 + (0.04, -0.03)
    neck = limb(np.stack([base + (0.12, 0.1), middle, top]), (0.27, 0.19, 0.14, 0.11), puff=0.16)
    aim = rng.uniform(0.55, 0.95) + (0.35 if grazes else 0.0)
    head = hoofed.muzzle(top + (0.03, 0.0), aim, 0.44, (0.115, 0.125, 0.085, 0.065, 0.06), 0.01)
    body = blob(
        path(
            "-0.6,0.02 -0.48,-0.25 -0.22,-0.27 0.12,-0.22 0.42,-0.28 0.62,-0.14 0.62,0.06 "
            "0.44,0.2 0.06,0.23 -0.38,0.25"
        ),
        0.26,
        axis=(1.0, 0.1),
    )
    colour = pick(
        rng,
        (0.42, 0.24, 0.14),
        (0.55, 0.3, 0.16),
        (0.2, 0.15, 0.13),
        (0.72, 0.7, 0.67),
        (0.78, 0.6, 0.36),
        (0.32, 0.22, 0.16),
    )
    # Bays and greys have a mane as dark as their feet, palominos a pale one.
    hair: Colour = (0.1, 0.08, 0.07) if rng.random() < 0.6 else tinted(colour, 1.35)
    coat = Coat(colour, rough=0.07, gloss=0.12, under=tinted(colour, 0.8), under_from=0.1)
    front, back = (0.16, 0.085, 0.047, 0.05), (0.22, 0.1, 0.05, 0.05)
    stride = rng.uniform(0.04, 0.34)
    hips = ((-0.44, 0.08), (0.46, 0.0), (-0.35, 0.08), (0.38, 0.0))
    spines = [
        hoofed.leg(rng, hip, foot - (0.03 if i > 1 else 0.0), radii, bend=bend, stride=stride)
        for i, (hip, radii, bend) in enumerate(
            zip(hips, (front, back, front, back), (0.0, 0.06, 0.0, 0.06), strict=True)
        )
    ]
    limbs = [limb(s, r) for s, r in zip(spines, (front, back, front, back), strict=True)]
    out, up = turn(points((1, 0), (0, 1)), -aim)
    ears = [
        turn(ellipse(0, 0, 0.09, 0.034), -aim + angle) + top + along * out - 0.16 * up
        for angle, along in ((1.25, 0.02), (0.95, 0.07))
    ]
    strands = Coat(hair, rough=0.28, fuzzy=0.8, lay=1.2)
    fall = rng.uniform(0.05, 0.16)
    crest = smooth(
        np.stack(
            [
                top + (-0.03, -0.15),
                top + (0.1, -0.12),
                middle + (0.17, -0.13),
                base + (0.34, -0.2),
                base + (0.3, -0.02),
                middle + (0.13, 0.02 + fall),
                top + (0.09, 0.04 + fall),
            ]
        )
    )
    flow = rng.uniform(-0.05, 0.25)
    tail = limb(
        points((0.58, -0.16), (0.74, -0.06), (0.78 + flow * 0.6, 0.3), (0.76 + flow, 0.68)),
        (0.05, 0.085, 0.1, 0.035),
        puff=0.09,
    )
    eye_at, nose = top - 0.14 * out - 0.045 * up, top - 0.43 * out
    muzzle = turn(ellipse(0, 0, 0.075, 0.062), -aim) + nose + 0.035 * out
    nostril = turn(ellipse(0, 0, 0.018, 0.012), -aim) + nose + 0.02 * out + 0.012 * up
    jaw = Line(
        smooth(np.stack([nose + 0.03 * up, nose + 0.1 * out + 0.045 * up]), closed=False),
        tinted(colour, 0.4),
        0.012,
        0.7,
        chance=0.8,
    )
    socks: list[Layer] = []
    if rng.random() < 0.4:
        pale: Colour = (0.9, 0.88, 0.84)
        socks = [
            Skin((limb(spine[-2:], (0.052, 0.055)),), Coat(pale, rough=0.05), chance=0.3)
            for spine in spines[: int(rng.integers(1, 3))]
        ]
    layers: tuple[Layer, ...] = (
        Skin((limbs[2], limbs[3]), coat, shade=0.62),
        *(hoofed.hoof(s, 0.055) for s in spines[2:]),
        Skin((tail,), strands),
        Skin((Shape(ears[0], 0.03),), coat, shade=0.8),
        Skin((body, neck, head, *limbs[:2]), coat),
        *socks,
        Dab(muzzle, tinted(colour, 0.45), 0.7, in_sketch=False),
        Dab(nostril, (0.05, 0.04, 0.04), 0.9, chance=0.9),
        *(hoofed.hoof(s, 0.055) for s in spines[:2]),
        Skin((Shape(crest, 0.08, lift=0.05),), strands),
        Skin((Shape(ears[1], 0.035, lift=0.03),), coat),
        jaw,
        *eye(float(eye_at[0]), float(eye_at[1]), 0.026),
    )
    return Figure(
        layers,
        ("meadow", "meadow", "savanna", "forest"),
        spin=0.05,
        size=(0.7, 0.93),
        portrait=(float(top[0]) - 0.05, float(top[1]) + 0.1),
    )

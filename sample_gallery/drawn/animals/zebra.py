"""The zebra."""

import numpy as np

from sample_gallery.drawn.animals import hoofed, patterns
from sample_gallery.drawn.curves import ellipse, path, points, smooth, turn
from sample_gallery.drawn.figure import Coat, Dab, Figure, Layer, Line, Shape, Skin, blob, eye, limb
from sample_gallery.drawn.palette import pick


def zebra(rng: np.random.Generator) -> Figure:
    """Return a zebra: a stout horse, striped across body, neck and legs."""
    foot = 0.92
    lean = rng.uniform(0.5, 1.0) if rng.random() < 0.75 else rng.uniform(1.7, 2.1)
    base = points((-0.4, -0.08))[0]
    long = rng.uniform(0.52, 0.6) if lean < 1.2 else 0.66
    top = base + (-np.sin(lean) * long, -np.cos(lean) * long)
    middle = (base + top) / 2 + (0.03, -0.03)
    neck = limb(np.stack([base + (0.1, 0.08), middle, top]), (0.27, 0.2, 0.15, 0.115), puff=0.16)
    aim = rng.uniform(0.5, 0.95) + (0.35 if lean > 1.2 else 0.0)
    head = hoofed.muzzle(top + (0.03, 0.0), aim, 0.42, (0.11, 0.12, 0.085, 0.07, 0.06), 0.01)
    body = blob(
        path(
            "-0.58,0.04 -0.46,-0.24 -0.2,-0.26 0.12,-0.25 0.42,-0.29 0.6,-0.15 0.6,0.06 "
            "0.42,0.22 0.05,0.27 -0.38,0.25"
        ),
        0.26,
        axis=(1.0, 0.1),
    )
    front, back = (0.16, 0.085, 0.05, 0.055), (0.22, 0.1, 0.05, 0.055)
    stride = rng.uniform(0.04, 0.3)
    spines = [
        hoofed.leg(rng, (-0.42, 0.1), foot, front, bend=0.0, stride=stride),
        hoofed.leg(rng, (0.44, 0.02), foot, back, bend=0.05, stride=stride),
        hoofed.leg(rng, (-0.33, 0.1), foot - 0.03, front, bend=0.0, stride=stride),
        hoofed.leg(rng, (0.36, 0.02), foot - 0.03, back, bend=0.05, stride=stride),
    ]
    limbs = [limb(s, r) for s, r in zip(spines, (front, back, front, back), strict=True)]
    white = pick(rng, (0.93, 0.91, 0.86), (0.88, 0.84, 0.76), (0.95, 0.94, 0.92))
    often, u = rng.uniform(44, 58), rng.uniform(0, 1)
    coat = Coat(
        white, (0.07, 0.06, 0.06), patterns.stripes(often, rng.uniform(-0.1, 0.15), u), rough=0.05
    )
    out, up = turn(points((1, 0), (0, 1)), -aim)
    ear = (
        turn(ellipse(0, 0, 0.1, 0.042), -aim + rng.uniform(0.9, 1.3)) + top + 0.05 * out - 0.17 * up
    )
    crest = np.stack(
        [base + (0.33, -0.2), middle + (0.15, -0.12), top + (0.1, -0.12), top + (-0.02, -0.13)]
    )
    mane = limb(crest, (0.05, 0.075, 0.06, 0.03), puff=0.05)
    tail = limb(path("0.58,-0.14 0.72,0.05 0.7,0.38 0.72,0.52"), (0.035, 0.022, 0.03, 0.05))
    eye_at, nose = top - 0.13 * out - 0.045 * up, top - 0.41 * out
    muzzle = turn(ellipse(0, 0, 0.075, 0.066), -aim) + nose + 0.035 * out
    hints = [
        Line(
            smooth(points((x, -0.24), (x + 0.03, 0.0), (x - 0.02, 0.22)), closed=False),
            in_photo=False,
        )
        for x in np.arange(-0.4, 0.5, rng.uniform(0.1, 0.16))
    ]
    layers: tuple[Layer, ...] = (
        Skin((tail,), Coat(white, (0.07, 0.06, 0.06), patterns.stripes(often, 0.0, u), fuzzy=0.3)),
        Skin(tuple(limbs[2:]), coat, shade=0.62),
        Skin(
            (mane,),
            Coat(white, (0.07, 0.06, 0.06), patterns.stripes(often, 0.1, u), fuzzy=0.4, rough=0.2),
        ),
        Skin((body, neck, head, *limbs[:2]), coat),
        Dab(muzzle, (0.13, 0.11, 0.1), 0.92, in_sketch=False),
        *(hoofed.hoof(s, 0.055) for s in spines),
        Skin(
            (Shape(ear, 0.035, lift=0.03),),
            Coat(white, (0.1, 0.08, 0.08), patterns.stripes(30, 0.3, u)),
        ),
        *eye(eye_at[0], eye_at[1], 0.024),
        *hints,
    )
    return Figure(
        layers,
        ("savanna", "savanna", "meadow", "forest"),
        spin=0.05,
        size=(0.68, 0.92),
        portrait=(float(top[0]) - 0.05, float(top[1]) + 0.1),
    )

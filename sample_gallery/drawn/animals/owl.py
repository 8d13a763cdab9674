"""The owl."""

import numpy as np

from sample_gallery.drawn.animals import patterns
from sample_gallery.drawn.curves import Floats, ellipse, mirror, path, points, smooth, turn
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
    limb,
)
from sample_gallery.drawn.palette import pick, vary


def _talons(x: float, y: float, colour: Colour) -> Skin:
    toes = tuple(
        limb(
            points((x + dx * 0.4, y - 0.05), (x + dx, y), (x + dx * 1.2, y + 0.075)),
            (0.03, 0.032, 0.018),
            count=8,
        )
        for dx in (-0.06, 0.0, 0.06)
    )
    return Skin(toes, Coat(colour, rough=0.05), chance=0.9)


def owl(rng: np.random.Generator) -> Figure:
    """Return an owl on a branch, facing the viewer."""
    stout = rng.uniform(0.9, 1.1)
    brown = pick(rng, (0.5, 0.38, 0.25), (0.42, 0.36, 0.3), (0.6, 0.43, 0.25), (0.52, 0.5, 0.48))
    dark: Colour = (brown[0] * 0.38, brown[1] * 0.36, brown[2] * 0.34)
    pale = pick(rng, (0.86, 0.78, 0.65), (0.88, 0.85, 0.8), (0.75, 0.62, 0.46))
    barn = rng.random() < 0.25
    u = rng.uniform(0, 1)
    body = blob(
        path(
            "0,-0.45 0.42,-0.3 0.48,0.1 0.37,0.55 0.13,0.76 -0.13,0.76 -0.37,0.55 "
            "-0.48,0.1 -0.42,-0.3"
        )
        * (stout, 1),
        0.34,
    )
    wing_points = path("0.33,-0.3 0.5,-0.02 0.51,0.32 0.37,0.78 0.27,0.72 0.31,0.3") * (stout, 1)
    tail = blob(path("-0.16,0.6 0.16,0.6 0.18,1.02 0,1.08 -0.18,1.02"), 0.1)
    tilt = rng.uniform(-0.25, 0.25) if rng.random() < 0.7 else rng.uniform(-0.6, 0.6)
    neck = (0.0, -0.3)

    def head(curve: Floats) -> Floats:
        return turn(curve, tilt, neck)

    skull = head(
        smooth(
            path(
                "0,-0.93 0.28,-0.87 0.44,-0.62 0.43,-0.34 0.25,-0.16 -0.25,-0.16 -0.43,-0.34 "
                "-0.44,-0.62 -0.28,-0.87"
            )
        )
    )
    feathers = Coat(
        brown, dark, patterns.barred(34, u, 0.85), rough=0.1, fuzzy=0.6, lay=1.2, tile=0.4
    )
    breast = Coat(
        pale, dark, patterns.barred(38, u + 0.3, 0.6), rough=0.08, fuzzy=0.6, lay=1.2, tile=0.4
    )
    disc = Coat(
        vary(rng, pale)
        if barn
        else vary(rng, (min(1, brown[0] * 1.4), min(1, brown[1] * 1.4), min(1, brown[2] * 1.35))),
        dark,
        patterns.ringed(),
        rough=0.08,
        fuzzy=0.5,
    )
    gaze = (
        pick(rng, (0.95, 0.7, 0.12), (0.9, 0.55, 0.1), (0.92, 0.82, 0.25))
        if not barn
        else (0.06, 0.05, 0.05)
    )
    face: list[Layer] = []
    for side in (-1, 1):
        x = 0.16 * side
        face.append(
            Skin(
                (Shape(head(ellipse(x * 1.05, -0.55, 0.2, 0.245, 0.25 * side)), 0.07, lift=0.05),),
                disc,
            )
        )
        for r, colour in ((0.098, dark), (0.09, gaze), (0.05, (0.02, 0.02, 0.02))):
            loop = head(ellipse(x, -0.58, r, r, steps=20))
            face.append(Dab(loop, colour, lit=False, filled=r < 0.06, in_sketch=r != 0.098))
        face.append(
            Dab(
                head(ellipse(x - 0.03, -0.61, 0.02, 0.02, steps=10)),
                (1, 1, 1),
                0.95,
                lit=False,
                in_sketch=False,
            )
        )
    beak = Skin(
        (
            Shape(
                head(smooth(path("-0.045,-0.53 0.045,-0.53 0.03,-0.43 0,-0.37 -0.03,-0.43"))),
                0.05,
                lift=0.1,
            ),
        ),
        Coat(pick(rng, (0.25, 0.22, 0.2), (0.75, 0.65, 0.4)), rough=0.03, gloss=0.2),
    )
    tufts: tuple[Layer, ...] = ()
    if not barn and rng.random() < 0.7:
        one = path("0.14,-0.82 0.3,-0.78 0.37,-0.95 0.41,-1.12 0.28,-1.03")
        tufts = (
            Skin(
                (Shape(head(smooth(one)), 0.08), Shape(head(smooth(mirror(one))), 0.08)), feathers
            ),
        )
    perch = limb(
        points(
            (-1.2, 0.84 + rng.uniform(-0.15, 0.15)),
            (-0.3, 0.82),
            (0.4, 0.84),
            (1.2, 0.8 + rng.uniform(-0.2, 0.2)),
        ),
        (0.09, 0.08, 0.075, 0.05),
        count=24,
    )
    bark = Coat(
        pick(rng, (0.36, 0.28, 0.2), (0.45, 0.4, 0.35)),
        (0.12, 0.09, 0.07),
        patterns.bark(u),
        rough=0.2,
    )
    wings = Skin(
        (
            Shape(smooth(wing_points), 0.12, lift=0.12),
            Shape(smooth(mirror(wing_points)), 0.12, lift=0.12),
        ),
        feathers,
        shade=0.92,
    )
    toes = pick(rng, (0.7, 0.6, 0.4), (0.4, 0.36, 0.33))
    marks = [
        Line(points((x - 0.035, y), (x, y + 0.05), (x + 0.035, y)), in_photo=False, chance=0.75)
        for y in (-0.05, 0.1, 0.25, 0.4)
        for x in (-0.15, 0.0, 0.15)
        if rng.random() < 0.7
    ]
    layers: tuple[Layer, ...] = (
        Skin((tail,), feathers, shade=0.75),
        *((Skin((perch,), bark, chance=0.6, prop=True),) if rng.random() < 0.8 else ()),
        Skin((body,), breast),
        *marks,
        wings,
        _talons(-0.15, 0.78, toes),
        _talons(0.15, 0.78, toes),
        *tufts,
        Skin((Shape(skull, 0.3, lift=0.04),), feathers),
        *face,
        beak,
    )
    return Figure(
        layers,
        ("forest", "forest", "meadow", "night", "wood", "savanna"),
        stands=False,
        spin=0.06,
        size=(0.62, 0.93),
        portrait=(0.0, -0.45),
        close_ups=0.35,
    )

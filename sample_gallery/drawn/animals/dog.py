"""The dog."""

import numpy as np

from sample_gallery.drawn.animals import patterns, pawed
from sample_gallery.drawn.curves import Floats, ellipse, path, points, smooth, turn
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
    tinted,
)
from sample_gallery.drawn.palette import pick

_POINTED = 0.25
_BLACK: Colour = (0.06, 0.05, 0.05)
_TONGUE: Colour = (0.85, 0.45, 0.48)


def dog(rng: np.random.Generator) -> Figure:
    """Return a dog: standing or sitting, seen from the side, or sitting and looking at one."""
    colour = pick(
        rng,
        (0.62, 0.4, 0.2),
        (0.82, 0.64, 0.38),
        (0.14, 0.12, 0.12),
        (0.9, 0.87, 0.8),
        (0.42, 0.27, 0.17),
        (0.75, 0.5, 0.26),
    )
    white: Colour = (0.94, 0.92, 0.88)
    coat = Coat(
        colour,
        white if rng.random() < 0.7 else (0.16, 0.13, 0.12),
        patterns.patches(rng.uniform(0, 1), rng.uniform(0.1, 0.6)) if rng.random() < 0.4 else None,
        rough=0.08,
        fuzzy=rng.uniform(0.1, 0.5),
        under=tinted(colour, 1.3) if rng.random() < 0.5 else None,
        under_from=0.1,
    )
    build = (_standing, _sitting, _facing)[int(rng.integers(3))]
    layers, head_at = build(rng, coat)
    return Figure(
        layers,
        ("meadow", "meadow", "wall", "forest", "wall"),
        spin=0.05,
        size=(0.68, 0.92),
        portrait=(float(head_at[0]), float(head_at[1])),
    )


def _facing(rng: np.random.Generator, coat: Coat) -> tuple[tuple[Layer, ...], Floats]:
    dark = tinted(coat.colour, 0.4)
    pale: Colour = (0.93, 0.9, 0.85)
    socks = Coat(pale if rng.random() < 0.4 else coat.colour, rough=0.08, fuzzy=0.2)
    body, limbs = pawed.seated(rng.uniform(0.95, 1.15), coat, socks, dark)
    way = path("0.36,0.64 0.6,0.68 0.78,0.52 0.82,0.3")
    head_at = points((rng.uniform(-0.06, 0.06), rng.uniform(-0.64, -0.56)))[0]
    bib: list[Layer] = []
    if rng.random() < 0.6:
        shape = smooth(path("0,-0.32 0.18,-0.2 0.17,0.12 0,0.3 -0.17,0.12 -0.18,-0.2"))
        bib = [Dab(shape, pale, 0.85, in_sketch=False)]
    return (
        Skin((limb(way, (0.07, 0.06, 0.045, 0.03)),), coat),
        body,
        *bib,
        *limbs,
        *_collar(rng, head_at + (0.0, 0.36), 0.0),
        *_face(rng, head_at, rng.uniform(0.36, 0.41), coat, pale),
    ), head_at


def _face(
    rng: np.random.Generator, at: Floats, size: float, coat: Coat, pale: Colour
) -> list[Layer]:
    """Return a head seen from the front: hanging ears, a muzzle with a large nose."""
    tilt = rng.uniform(-0.16, 0.16)
    dark = tinted(coat.colour, 0.4)

    def placed(curve: Floats) -> Floats:
        return np.asarray(turn(curve, tilt) * size + at)

    def there(x: float, y: float, rx: float, ry: float) -> Floats:
        return placed(ellipse(x, y, rx, ry, steps=20))

    sides = (1.0, -1.0)
    skull = placed(
        smooth(
            path(
                "0,-0.8 0.46,-0.72 0.74,-0.32 0.7,0.12 0.5,0.42 0.44,0.76 0,0.95 -0.44,0.76 "
                "-0.5,0.42 -0.7,0.12 -0.74,-0.32 -0.46,-0.72"
            )
        )
    )
    loop = path("-0.42,-0.72 -0.74,-0.66 -1.02,-0.2 -1.06,0.3 -0.9,0.52 -0.72,0.34 -0.62,-0.1")
    if rng.random() < _POINTED:
        loop = path("-0.7,-0.3 -0.86,-0.8 -0.82,-1.25 -0.74,-1.28 -0.48,-1.0 -0.2,-0.74")
    ears = tuple(
        Shape(placed(smooth(loop * (side, 1.0))), 0.14 * size, lift=0.08) for side in sides
    )
    blaze = smooth(path("0,-0.75 0.1,-0.4 0.14,0.1 -0.14,0.1 -0.1,-0.4"))
    eyes: list[Layer] = []
    for side in sides:
        x, y = placed(points((side * 0.33, -0.14)))[0]
        eyes += eye(float(x), float(y), 0.1 * size)
    mouth = [
        Line(
            placed(smooth(path("0,0.5 0.02,0.66 0.2,0.74 0.36,0.64") * (side, 1.0), closed=False)),
            dark,
            0.035 * size,
            0.8,
            chance=0.9,
        )
        for side in sides
    ]
    tongue = smooth(path("-0.13,0.7 0.13,0.7 0.14,0.98 0,1.1 -0.14,0.98"))
    return [
        Skin((Shape(skull, 0.55 * size, lift=0.05, axis=(1.0, 0.2)),), coat),
        *([Dab(placed(blaze), pale, 0.85, in_sketch=False)] if rng.random() < 0.4 else []),
        Dab(there(0, 0.5, 0.42, 0.34), pale, 0.8 if rng.random() < 0.6 else 0.3, in_sketch=False),
        *([Dab(placed(tongue), _TONGUE, 0.95, chance=0.9)] if rng.random() < 0.5 else []),
        Skin(ears, coat, shade=0.62 if rng.random() < 0.6 else 0.88),
        *eyes,
        Dab(there(0, 0.34, 0.2, 0.15), _BLACK, 0.97, filled=True),
        Dab(there(-0.06, 0.29, 0.05, 0.03), (0.5, 0.5, 0.52), 0.6, in_sketch=False),
        *mouth,
    ]


def _standing(rng: np.random.Generator, coat: Coat) -> tuple[tuple[Layer, ...], Floats]:
    foot = rng.uniform(0.6, 0.74)
    deep = rng.uniform(0.0, 0.05)
    body = blob(
        points(
            (-0.54, 0.0),
            (-0.44, -0.2),
            (-0.15, -0.22),
            (0.2, -0.19),
            (0.46, -0.2),
            (0.58, -0.04),
            (0.5, 0.12),
            (0.22, 0.1),
            (-0.05, 0.18 + deep),
            (-0.36, 0.25 + deep),
            (-0.52, 0.16),
        ),
        0.22,
    )
    stride = rng.uniform(0.04, 0.3)
    front, back = (0.13, 0.08, 0.058, 0.06), (0.17, 0.1, 0.055, 0.06)
    near = [
        pawed.leg(rng, (-0.38, 0.1), foot, front, bend=0.0, stride=stride),
        pawed.leg(rng, (0.44, 0.0), foot, back, bend=0.07, stride=stride),
    ]
    far = [
        pawed.leg(rng, (-0.3, 0.1), foot - 0.03, front, bend=0.0, stride=stride),
        pawed.leg(rng, (0.37, 0.0), foot - 0.03, back, bend=0.07, stride=stride),
    ]
    ways = (
        "0.54,-0.12 0.7,-0.28 0.76,-0.5 0.68,-0.68",
        "0.54,-0.12 0.74,-0.2 0.92,-0.34 1.0,-0.5",
        "0.54,-0.1 0.72,0.0 0.82,0.2 0.94,0.26",
    )
    tail = limb(path(ways[int(rng.integers(len(ways)))]), (0.07, 0.06, 0.05, 0.03))
    head_at = points((-0.66, -0.48 + rng.uniform(-0.06, 0.14)))[0]
    neck = limb(np.stack([points((-0.4, -0.02))[0], head_at + (0.08, 0.04)]), (0.2, 0.15))
    skull, face = _head(rng, head_at, coat)
    limbs = [shape for leg, paw, _ in near for shape in (leg, paw)]
    return (
        Skin((tail,), coat),
        Skin(tuple(shape for leg, paw, _ in far for shape in (leg, paw)), coat, shade=0.62),
        Skin((body, neck, skull, *limbs), coat),
        *(layer for _, _, at in near for layer in pawed.toes(at, 0.06, tinted(coat.colour, 0.4))),
        *_collar(rng, head_at + (0.15, 0.24), 0.9),
        *face,
    ), head_at


def _sitting(rng: np.random.Generator, coat: Coat) -> tuple[tuple[Layer, ...], Floats]:
    lean = rng.uniform(-0.05, 0.05)
    body = blob(
        points(
            (-0.38 + lean, -0.26),
            (-0.14 + lean, -0.4),
            (0.1, -0.2),
            (0.34, 0.16),
            (0.48, 0.5),
            (0.4, 0.7),
            (0.05, 0.7),
            (-0.22, 0.5),
            (-0.44 + lean, 0.1),
        ),
        0.28,
        axis=(0.6, 0.8),
    )
    haunch = ball(0.26, 0.46, 0.26, 0.24, 0.4, lift=0.06)
    hind = blob(path("0.36,0.6 0.1,0.58 -0.1,0.64 -0.12,0.72 0.1,0.75 0.38,0.74"), 0.07, lift=0.04)
    legs = [
        limb(points((x, 0.0), (x - 0.02, 0.36), (x - 0.04, 0.7)), (0.13, 0.085, 0.06))
        for x in (-0.32, -0.22)
    ]
    paws = [ball(x - 0.08, 0.715, 0.095, 0.055) for x in (-0.32, -0.22)]
    ways = ("0.42,0.64 0.64,0.7 0.84,0.66 0.98,0.54", "0.42,0.62 0.62,0.56 0.74,0.38 0.8,0.2")
    tail = limb(path(ways[int(rng.integers(len(ways)))]), (0.07, 0.055, 0.045, 0.03))
    head_at = points((-0.34 + lean, -0.66 + rng.uniform(-0.04, 0.06)))[0]
    neck = limb(np.stack([points((-0.2 + lean, -0.16))[0], head_at + (0.07, 0.05)]), (0.22, 0.16))
    skull, face = _head(rng, head_at, coat)
    return (
        Skin((tail,), coat),
        Skin((legs[1], paws[1]), coat, shade=0.66),
        Skin((body, neck, skull), coat),
        Skin((haunch,), coat, chance=0.9),
        Skin((hind,), coat),
        Skin((legs[0], paws[0]), coat),
        *pawed.toes(points((-0.36, 0.71))[0], 0.05, tinted(coat.colour, 0.4)),
        *_collar(rng, head_at + (0.1, 0.27), 0.35),
        *face,
    ), head_at


def _head(rng: np.random.Generator, at: Floats, coat: Coat) -> tuple[Shape, list[Layer]]:
    """Return a head in profile, and what is on it: ear, eye, nose and mouth."""
    nod = rng.uniform(-0.18, 0.22)
    long = rng.uniform(0.85, 1.15)
    open_mouth = rng.random() < 0.35

    def placed(curve: Floats) -> Floats:
        stretched = np.where(
            curve[:, :1] < -0.12, (curve + (0.12, 0)) * (long, 1) - (0.12, 0), curve
        )
        return np.asarray(turn(stretched, -nod) + at)

    outline = path(
        "0.22,0.0 0.14,-0.19 -0.04,-0.24 -0.16,-0.15 -0.34,-0.1 -0.5,-0.07 -0.54,0.02 -0.48,0.1 "
        "-0.28,0.15 -0.08,0.19 0.1,0.2 0.22,0.12"
    )
    skull = Shape(placed(smooth(outline)), 0.17, lift=0.05)
    dark = tinted(coat.colour, 0.4)
    if rng.random() < _POINTED:
        loop = path("-0.02,-0.14 -0.04,-0.34 0.0,-0.5 0.05,-0.52 0.14,-0.36 0.17,-0.1")
    else:
        loop = path("-0.02,-0.17 0.1,-0.2 0.2,-0.08 0.24,0.14 0.16,0.3 0.06,0.26 0.0,0.06")
    ear = Shape(placed(smooth(loop * rng.uniform(0.9, 1.15))), 0.06, lift=0.08)
    shade = 0.6 if rng.random() < 0.5 else 0.88
    eye_at = placed(points((-0.13, -0.08)))[0]
    nose = placed(ellipse(-0.5, -0.04, 0.06, 0.05, 0.2, steps=14))
    mouth = Line(
        placed(smooth(path("-0.5,0.03 -0.4,0.07 -0.26,0.08 -0.16,0.05"), closed=False)),
        dark,
        0.012,
        0.8,
        chance=0.9,
    )
    tongue = Dab(
        placed(smooth(path("-0.4,0.08 -0.32,0.08 -0.32,0.22 -0.37,0.27 -0.42,0.2"))),
        _TONGUE,
        0.95,
        chance=0.8,
    )
    return skull, [
        mouth,
        *([tongue] if open_mouth else []),
        Skin((ear,), coat, shade=shade),
        *eye(float(eye_at[0]), float(eye_at[1]), 0.034),
        Dab(nose, _BLACK, 0.95, filled=True),
    ]


def _collar(rng: np.random.Generator, at: Floats, angle: float) -> list[Layer]:
    if rng.random() < 0.7:
        return []
    colour = pick(rng, (0.75, 0.15, 0.13), (0.15, 0.35, 0.65), (0.2, 0.5, 0.25))
    band = turn(points((-0.17, 0), (0, 0.05), (0.17, 0)), -angle) + at
    return [Skin((limb(band, (0.03, 0.035, 0.03)),), Coat(colour, rough=0.03), chance=0.7)]

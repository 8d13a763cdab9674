"""The cat."""

from dataclasses import dataclass

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
    blob,
    limb,
    tinted,
)
from sample_gallery.drawn.palette import pick

_SITS = 0.55
_PINK: Colour = (0.82, 0.55, 0.52)


@dataclass(frozen=True, slots=True)
class _Fur:
    coat: Coat
    pale: Colour
    dark: Colour


def cat(rng: np.random.Generator) -> Figure:
    """Return a cat that sits and looks at one, or that walks by."""
    fur = _fur(rng)
    return _sitting(rng, fur) if rng.random() < _SITS else _walking(rng, fur)


def _fur(rng: np.random.Generator) -> _Fur:
    colour = pick(
        rng,
        (0.78, 0.5, 0.25),
        (0.55, 0.5, 0.45),
        (0.2, 0.19, 0.19),
        (0.9, 0.87, 0.82),
        (0.5, 0.4, 0.3),
        (0.46, 0.48, 0.52),
    )
    u = rng.uniform(0, 1)
    tabby = rng.random() < 0.65
    coat = Coat(
        colour,
        tinted(colour, 0.45),
        patterns.stripes(rng.uniform(26, 36), rng.uniform(0.1, 0.4), u) if tabby else None,
        rough=0.12,
        fuzzy=0.45,
        under=tinted(colour, 1.35) if rng.random() < 0.6 else None,
        under_from=0.15,
    )
    pale: Colour = (
        min(1, colour[0] * 0.4 + 0.56),
        min(1, colour[1] * 0.4 + 0.54),
        min(1, colour[2] * 0.4 + 0.52),
    )
    return _Fur(coat, pale, tinted(colour, 0.35))


def _sitting(rng: np.random.Generator, fur: _Fur) -> Figure:
    wide = rng.uniform(0.92, 1.1)
    ways = (
        "0.34,0.64 0.6,0.72 0.78,0.6 0.76,0.36 0.66,0.26",
        "0.36,0.66 0.62,0.62 0.72,0.36 0.66,0.06 0.78,-0.12",
        "0.36,0.62 0.56,0.76 0.3,0.84 -0.05,0.82",
    )
    way = path(ways[int(rng.integers(len(ways)))])
    around = way[-1][0] < 0.1
    tail = Skin((limb(way, (0.075, 0.07, 0.065, 0.045)),), fur.coat)
    head_at = points((rng.uniform(-0.08, 0.08), rng.uniform(-0.64, -0.56)))[0]
    bib: list[Layer] = []
    if rng.random() < 0.4:
        shape = smooth(path("0,-0.3 0.14,-0.18 0.12,0.12 0,0.24 -0.12,0.12 -0.14,-0.18"))
        bib = [Dab(shape, fur.pale, 0.75, in_sketch=False)]
    socks = Coat(fur.pale if rng.random() < 0.5 else fur.coat.colour, rough=0.1, fuzzy=0.3)
    body, limbs = pawed.seated(wide, fur.coat, socks, fur.dark)
    layers: tuple[Layer, ...] = (
        *(() if around else (tail,)),
        body,
        *bib,
        *limbs,
        *((tail,) if around else ()),
        *_face(rng, head_at, rng.uniform(0.36, 0.42), rng.uniform(-0.14, 0.14), fur),
    )
    return Figure(
        layers,
        ("wall", "meadow", "wall", "forest", "savanna"),
        spin=0.04,
        size=(0.66, 0.92),
        portrait=(float(head_at[0]), float(head_at[1])),
    )


def _walking(rng: np.random.Generator, fur: _Fur) -> Figure:
    foot = 0.56
    sag = rng.uniform(-0.03, 0.03)
    body = blob(
        points(
            (-0.52, -0.04),
            (-0.4, -0.22),
            (-0.1, -0.19 + sag),
            (0.25, -0.21 + sag),
            (0.5, -0.19),
            (0.61, 0.0),
            (0.5, 0.18),
            (0.15, 0.19 + sag),
            (-0.3, 0.22),
            (-0.48, 0.14),
        ),
        0.19,
    )
    stride = rng.uniform(0.05, 0.32)
    front, back = (0.13, 0.085, 0.06, 0.058), (0.17, 0.1, 0.06, 0.058)
    near = [
        pawed.leg(rng, (-0.38, 0.06), foot, front, bend=0.0, stride=stride),
        pawed.leg(rng, (0.45, 0.02), foot, back, bend=0.05, stride=stride),
    ]
    far = [
        pawed.leg(rng, (-0.3, 0.06), foot - 0.03, front, bend=0.0, stride=stride),
        pawed.leg(rng, (0.38, 0.02), foot - 0.03, back, bend=0.05, stride=stride),
    ]
    ways = (
        "0.56,-0.08 0.74,-0.2 0.8,-0.48 0.74,-0.76 0.82,-0.88",
        "0.56,-0.08 0.78,-0.1 0.94,-0.28 1.06,-0.56",
        "0.56,-0.06 0.78,0.06 0.92,0.26 1.08,0.3",
    )
    tail = limb(path(ways[int(rng.integers(len(ways)))]), (0.06, 0.052, 0.05, 0.035))
    head_at = points((-0.66, -0.3 + rng.uniform(-0.08, 0.1)))[0]
    neck = limb(np.stack([points((-0.4, -0.02))[0], head_at + (0.08, 0.06)]), (0.18, 0.15))
    layers: tuple[Layer, ...] = (
        Skin((tail,), fur.coat),
        Skin(tuple(shape for leg, paw, _ in far for shape in (leg, paw)), fur.coat, shade=0.62),
        Skin((body, neck, *(shape for leg, paw, _ in near for shape in (leg, paw))), fur.coat),
        *(layer for _, _, at in near for layer in pawed.toes(at, 0.05, fur.dark)),
        *_face(rng, head_at, rng.uniform(0.22, 0.26), rng.uniform(-0.16, 0.16), fur),
    )
    return Figure(
        layers,
        ("meadow", "wall", "forest", "meadow"),
        spin=0.05,
        size=(0.7, 0.93),
        portrait=(float(head_at[0]), float(head_at[1])),
    )


def _face(rng: np.random.Generator, at: Floats, size: float, tilt: float, fur: _Fur) -> list[Layer]:
    """Return a head seen from the front: ears, eyes, nose and whiskers."""

    def placed(curve: Floats) -> Floats:
        return np.asarray(turn(curve, tilt) * size + at)

    def there(x: float, y: float, rx: float, ry: float) -> Floats:
        return placed(ellipse(x, y, rx, ry, steps=20))

    skull = placed(
        smooth(
            path(
                "0,-0.72 0.5,-0.62 0.86,-0.2 0.92,0.2 0.66,0.58 0.3,0.78 0,0.84 -0.3,0.78 "
                "-0.66,0.58 -0.92,0.2 -0.86,-0.2 -0.5,-0.62"
            )
        )
    )
    high = rng.uniform(0.92, 1.1)
    ear = path("-0.94,-0.05 -0.96,-0.6 -0.9,-1.14 -0.83,-1.2 -0.6,-1.0 -0.16,-0.6") * (1.0, high)
    inner = path("-0.82,-0.4 -0.82,-0.98 -0.36,-0.66") * (1.0, high)
    sides = (1.0, -1.0)
    ears = [Shape(placed(smooth(ear * (side, 1.0))), 0.12 * size, lift=0.03) for side in sides]
    iris = pick(rng, (0.62, 0.7, 0.25), (0.8, 0.66, 0.2), (0.35, 0.6, 0.68), (0.45, 0.6, 0.3))
    slit = rng.uniform(0.05, 0.13)
    eyes: list[Layer] = []
    for side in sides:
        eyes += [
            Dab(there(side * 0.4, -0.06, 0.22, 0.19), (0.06, 0.05, 0.04), 0.8, in_sketch=False),
            Dab(there(side * 0.4, -0.06, 0.19, 0.165), iris, lit=False),
            Dab(there(side * 0.4, -0.06, slit, 0.15), (0.03, 0.03, 0.03), lit=False, filled=True),
            Dab(
                there(side * 0.4 - 0.05, -0.12, 0.04, 0.04),
                (1, 1, 1),
                0.9,
                lit=False,
                in_sketch=False,
            ),
        ]
    nose = placed(path("-0.11,0.26 0.11,0.26 0.04,0.36 0,0.39 -0.04,0.36"))
    mouth = [
        Line(
            placed(smooth(path("0,0.38 0.02,0.5 0.16,0.56 0.3,0.5") * (side, 1.0), closed=False)),
            fur.dark,
            0.035 * size,
            0.7,
            chance=0.9,
        )
        for side in sides
    ]
    whiskers = [
        Line(
            placed(points((side * 0.34, 0.36 + lift * 0.2), (side * 1.32, 0.3 + lift))),
            (0.95, 0.95, 0.93),
            0.02 * size,
            0.6,
            chance=1.4,
        )
        for side in sides
        for lift in (-0.16, 0.08, 0.32)
    ]
    return [
        Skin(tuple(ears), fur.coat, shade=0.95),
        *(Dab(placed(inner * (side, 1.0)), _PINK, 0.55, chance=0.5) for side in sides),
        Skin((Shape(skull, 0.55 * size, lift=0.05, axis=(1.0, 0.2)),), fur.coat),
        *(
            Dab(there(side * 0.2, 0.46, 0.26, 0.2), fur.pale, 0.8, in_sketch=False)
            for side in sides
        ),
        Dab(there(0, 0.66, 0.2, 0.12), fur.pale, 0.6, in_sketch=False),
        *eyes,
        Dab(nose, _PINK if rng.random() < 0.6 else (0.2, 0.16, 0.15), 0.95, filled=True),
        *mouth,
        *whiskers,
    ]

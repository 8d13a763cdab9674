"""Giraffe, zebra and elephant, seen from the side."""

import numpy as np

from gallery.drawn.curves import Floats, ellipse, points, smooth, turn
from gallery.drawn.figure import (
    Coat, Dab, Figure, Layer, Line, Pattern, Place, Shape, Skin, ball, blob, eye, limb,
)  # fmt: skip
from gallery.drawn.scenes import pick

_DARK = (0.09, 0.07, 0.06)


def _leg(
    rng: np.random.Generator,
    hip: tuple[float, float],
    foot: float,
    radii: tuple[float, ...],
    bend: float,
    stride: float,
) -> Floats:
    """Return a leg's spine from hip to foot; `bend` bows the knee, `stride` swings the whole."""
    x, y = hip
    long = foot - y
    swing = rng.uniform(-stride, stride) * long
    lift = max(0.0, rng.normal(0, 0.02)) * long
    knee = (x + swing * 0.35 + bend, y + long * 0.5)
    ankle = (x + swing * 0.85, y + long * 0.86 - lift)
    return points(hip, knee, ankle, (x + swing - radii[-1] * 0.3, foot - radii[-1] - lift))


def _hoof(spine: Floats, wide: float) -> Dab:
    x, y = spine[-1]
    box = points(
        (x - wide * 1.25, y + wide),
        (x - wide * 0.8, y - wide * 0.9),
        (x + wide * 0.8, y - wide * 0.9),
        (x + wide, y + wide),
    )
    return Dab(box, _DARK, 0.85, chance=0.4)


def _muzzle(
    poll: Floats, aim: float, long: float, radii: tuple[float, ...], drop: float = 0.0
) -> Shape:
    """Return a long head from the poll, aimed down-left by an angle from the level."""
    way = turn(points((0, 0), (-long * 0.35, 0.0), (-long * 0.7, drop * 0.5), (-long, drop)), -aim)
    return limb(way + poll, radii, count=14)


def _spots(u: float, v: float, edge: float) -> Pattern:
    def pattern(place: Place) -> Floats:
        cells = place.texture("cells", place.x / 1.35 + u, place.y / 1.35 + v)
        fade = np.clip((0.72 - place.y) / 0.3, 0, 1)
        return np.clip((cells - edge) * 14, 0, 1) * fade

    return pattern


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
    head = _muzzle(top + (0.02, -0.01), aim, 0.34, (0.075, 0.088, 0.066, 0.05), 0.01)
    body = blob(
        points((-0.42, 0.02), (-0.34, -0.22), (-0.12, -0.27), (0.16, -0.17), (0.36, -0.09),
               (0.44, 0.08), (0.36, 0.24), (0.05, 0.27), (-0.28, 0.25)),
        0.24,
    )  # fmt: skip
    front, back = (0.13, 0.062, 0.042, 0.045), (0.17, 0.075, 0.042, 0.045)
    stride = rng.uniform(0.03, 0.22)
    spines = [
        _leg(rng, (-0.26, 0.12), foot, front, 0.01, stride),
        _leg(rng, (0.3, 0.06), foot, back, 0.03, stride),
        _leg(rng, (-0.2, 0.12), foot - 0.03, front, 0.01, stride),
        _leg(rng, (0.22, 0.06), foot - 0.03, back, 0.03, stride),
    ]
    limbs = [limb(s, r) for s, r in zip(spines, (front, back, front, back), strict=True)]
    cream = pick(rng, (0.88, 0.78, 0.58), (0.84, 0.7, 0.48), (0.9, 0.83, 0.68))
    brown = pick(rng, (0.5, 0.3, 0.13), (0.42, 0.24, 0.11), (0.6, 0.38, 0.18))
    u, v = rng.uniform(0, 1, 2)
    coat = Coat(
        cream,
        brown,
        _spots(u, v, rng.uniform(0.08, 0.14)),
        rough=0.07,
        under=(0.85, 0.78, 0.66),
        under_from=0.3,
    )
    plain = Coat(tuple(0.8 * c for c in cream), rough=0.06)  # type: ignore[arg-type]
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
    tail = limb(
        points((0.41, -0.02), (0.5, 0.2), (0.48, 0.48), (0.5, 0.62)), (0.022, 0.014, 0.016, 0.035)
    )
    mane = np.stack([base + (0.2, -0.12), middle + (0.125, -0.04), top + (0.1, -0.04)])
    eye_at = top - 0.1 * out - 0.03 * up
    nose = top - 0.34 * out + 0.0 * up
    layers: tuple[Layer, ...] = (
        Skin((tail,), Coat(brown, fuzzy=0.3)),
        Skin(tuple(limbs[2:]), coat, shade=0.66),
        *horns,
        Line(smooth(mane, closed=False), brown, 0.035, 0.9, in_sketch=False),
        Skin((body, neck, head, *limbs[:2]), coat),
        *(_hoof(s, 0.045) for s in spines),
        Skin((Shape(ear, 0.03, lift=0.03),), plain),
        *eye(eye_at[0], eye_at[1], 0.022),
        Line(np.stack([nose, nose + 0.09 * out + 0.045 * up]), _DARK, 0.012, 0.7, chance=0.7),
        *_patches(
            rng,
            points(
                (-0.2, 0.0), (0.0, -0.08), (0.2, 0.06), (-0.05, 0.12), *(middle[None] + (0.05, 0))
            ),
        ),
    )
    return Figure(
        layers,
        ("savanna", "savanna", "meadow", "wall"),
        spin=0.04,
        size=(0.7, 0.93),
        portrait=(float(top[0]), float(top[1])),
    )


def _patches(rng: np.random.Generator, middles: Floats) -> list[Layer]:
    """Return patch outlines for sketches alone."""
    out: list[Layer] = []
    for x, y in middles:
        loop = ellipse(x, y, *rng.uniform(0.035, 0.065, 2), rng.uniform(0, 3), steps=7)
        out.append(Line(np.concatenate([loop, loop[:1]]), in_photo=False, chance=0.85))
    return out


def _stripes(often: float, wide: float, u: float) -> Pattern:
    def pattern(place: Place) -> Floats:
        bend = place.texture("cloud", place.x * 0.35 + u, place.y * 0.35) * 0.5
        fork = place.texture("clump", place.x * 0.3, place.y * 0.3 + u) * 0.2
        wave = np.sin(place.along * often + place.y * 2.5 * np.clip(place.x, 0, 1) + bend + fork)
        pale = np.clip((0.52 - place.y) * 6, 0, 1) * 0.25 + 0.75
        return np.clip((wave - wide) * 4 + 0.5, 0, 1) * pale

    return pattern


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
    head = _muzzle(top + (0.03, 0.0), aim, 0.42, (0.11, 0.12, 0.085, 0.07, 0.06), 0.01)
    body = blob(
        points((-0.58, 0.04), (-0.46, -0.24), (-0.2, -0.26), (0.12, -0.25), (0.42, -0.29),
               (0.6, -0.15), (0.6, 0.06), (0.42, 0.22), (0.05, 0.27), (-0.38, 0.25)),
        0.26, axis=(1.0, 0.1),
    )  # fmt: skip
    front, back = (0.16, 0.085, 0.05, 0.055), (0.22, 0.1, 0.05, 0.055)
    stride = rng.uniform(0.04, 0.3)
    spines = [
        _leg(rng, (-0.42, 0.1), foot, front, 0.0, stride),
        _leg(rng, (0.44, 0.02), foot, back, 0.05, stride),
        _leg(rng, (-0.33, 0.1), foot - 0.03, front, 0.0, stride),
        _leg(rng, (0.36, 0.02), foot - 0.03, back, 0.05, stride),
    ]
    limbs = [limb(s, r) for s, r in zip(spines, (front, back, front, back), strict=True)]
    white = pick(rng, (0.93, 0.91, 0.86), (0.88, 0.84, 0.76), (0.95, 0.94, 0.92))
    often, u = rng.uniform(44, 58), rng.uniform(0, 1)
    coat = Coat(white, (0.07, 0.06, 0.06), _stripes(often, rng.uniform(-0.1, 0.15), u), rough=0.05)
    out, up = turn(points((1, 0), (0, 1)), -aim)
    ear = (
        turn(ellipse(0, 0, 0.1, 0.042), -aim + rng.uniform(0.9, 1.3)) + top + 0.05 * out - 0.17 * up
    )
    crest = np.stack(
        [base + (0.33, -0.2), middle + (0.15, -0.12), top + (0.1, -0.12), top + (-0.02, -0.13)]
    )
    mane = limb(crest, (0.05, 0.075, 0.06, 0.03), puff=0.05)
    tail = limb(
        points((0.58, -0.14), (0.72, 0.05), (0.7, 0.38), (0.72, 0.52)), (0.035, 0.022, 0.03, 0.05)
    )
    eye_at, nose = top - 0.13 * out - 0.045 * up, top - 0.41 * out
    muzzle = turn(ellipse(0, 0, 0.075, 0.066), -aim) + nose + 0.035 * out
    hints = [
        Line(
            smooth(points((x, -0.24), (x + 0.03, 0.0), (x - 0.02, 0.22)), closed=False),
            in_photo=False,
            chance=0.9,
        )
        for x in np.arange(-0.4, 0.5, rng.uniform(0.1, 0.16))
    ]
    layers: tuple[Layer, ...] = (
        Skin((tail,), Coat(white, (0.07, 0.06, 0.06), _stripes(often, 0.0, u), fuzzy=0.3)),
        Skin(tuple(limbs[2:]), coat, shade=0.62),
        Skin(
            (mane,), Coat(white, (0.07, 0.06, 0.06), _stripes(often, 0.1, u), fuzzy=0.4, rough=0.2)
        ),
        Skin((body, neck, head, *limbs[:2]), coat),
        Dab(muzzle, (0.13, 0.11, 0.1), 0.92, in_sketch=False),
        *(_hoof(s, 0.055) for s in spines),
        Skin((Shape(ear, 0.035, lift=0.03),), Coat(white, (0.1, 0.08, 0.08), _stripes(30, 0.3, u))),
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


def _creases(u: float) -> Pattern:
    def pattern(place: Place) -> Floats:
        lines = place.texture("plates", place.x * 1.1 + u, place.y * 1.5)
        rings = np.sin(place.along * 70 + 2 * place.texture("cloud", place.x, place.y)) > 0.75
        return np.clip(0.5 - 5 * lines, 0, 0.45) + 0.18 * rings

    return pattern


def elephant(rng: np.random.Generator) -> Figure:
    """Return an elephant: a dome on pillars, with trunk, tusk and a sail of an ear."""
    foot = 0.86
    body = blob(
        points((-0.5, 0.02), (-0.42, -0.34), (-0.1, -0.46), (0.25, -0.44), (0.52, -0.28), (0.62, 0.02),
               (0.5, 0.3), (0.1, 0.38), (-0.3, 0.34)),
        0.38,
    )  # fmt: skip
    nod = rng.uniform(-0.06, 0.06)
    face = blob(
        points((-0.46, -0.42), (-0.66, -0.46), (-0.82, -0.3), (-0.88, -0.02), (-0.8, 0.2), (-0.62, 0.18), (-0.42, 0.1)) + (0, nod),
        0.24, lift=0.05,
    )  # fmt: skip
    swing = rng.choice([-0.3, -0.1, 0.05, 0.18])
    raised = rng.random() < 0.2
    way = points(
        (-0.78, -0.06),
        (-0.9, 0.2),
        (-0.92, 0.48),
        (-0.92 - swing * 0.7, 0.7),
        (-0.9 - swing * 1.5, 0.72 - abs(swing)),
    )
    if raised:
        way = points((-0.78, -0.04), (-0.96, 0.18), (-1.15, 0.14), (-1.24, -0.1), (-1.16, -0.34))
    trunk = limb(way + (0, nod), (0.17, 0.12, 0.09, 0.065, 0.05), puff=0.11, lift=0.05, count=28)
    thick = (0.2, 0.135, 0.12, 0.13)
    stride = rng.uniform(0.02, 0.2)
    spines = [
        _leg(rng, (-0.33, 0.16), foot, thick, 0.0, stride),
        _leg(rng, (0.42, 0.12), foot, thick, -0.02, stride),
        _leg(rng, (-0.2, 0.16), foot - 0.04, thick, 0.0, stride),
        _leg(rng, (0.28, 0.12), foot - 0.04, thick, -0.02, stride),
    ]
    limbs = [limb(s, thick) for s in spines]
    grey = pick(rng, (0.5, 0.47, 0.45), (0.42, 0.41, 0.42), (0.56, 0.48, 0.4), (0.38, 0.36, 0.35))
    coat = Coat(
        grey,
        tuple(0.5 * c for c in grey),
        _creases(rng.uniform(0, 1)),
        rough=0.1,
        texture="grain",
        tile=0.9,
    )  # type: ignore[arg-type]
    size = rng.uniform(0.85, 1.15)
    flap = rng.uniform(-0.3, 0.15)
    ear = turn(
        points((-0.02, -0.3), (0.2, -0.3), (0.34, -0.12), (0.28, 0.1), (0.16, 0.32), (0.04, 0.24), (-0.06, 0.02)) * size,
        flap,
    ) + (-0.5, -0.08 + nod)  # fmt: skip
    tusk = limb(
        points((-0.74, 0.14), (-0.86, 0.32), (-1.04, 0.36)) + (0, nod),
        (0.045, 0.035, 0.012),
        lift=0.1,
    )
    tail = limb(points((0.58, -0.16), (0.7, 0.06), (0.68, 0.4)), (0.04, 0.022, 0.03))
    toes: list[Layer] = [
        Dab(
            ellipse(s[-1][0] + dx, foot - 0.045, 0.028, 0.032, steps=10),
            (0.72, 0.66, 0.58),
            0.8,
            chance=0.5,
        )
        for s in spines[:2]
        for dx in (-0.1, -0.04, 0.03)
    ]
    layers: tuple[Layer, ...] = (
        Skin((tail,), Coat(grey)),
        Skin(tuple(limbs[2:]), coat, shade=0.6),
        Skin((body, face, trunk, *limbs[:2]), coat),
        *toes,
        Skin((Shape(smooth(ear), 0.07, lift=0.1, axis=(0.2, 1.0)),), coat, shade=0.95),
        *(
            (Skin((tusk,), Coat((0.93, 0.89, 0.78), rough=0.03, gloss=0.2)),)
            if rng.random() < 0.75
            else ()
        ),
        *eye(-0.72, -0.12 + nod, 0.025),
    )
    return Figure(
        layers,
        ("savanna", "savanna", "meadow", "forest", "lake"),
        spin=0.03,
        size=(0.72, 0.93),
        portrait=(-0.72, 0.0),
    )


__all__ = ["ball", "elephant", "giraffe", "zebra"]

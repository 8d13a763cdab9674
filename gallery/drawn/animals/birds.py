"""Owl, penguin and swan."""

import numpy as np

from gallery.drawn.curves import Floats, ellipse, mirror, points, smooth, turn
from gallery.drawn.figure import (
    Coat, Colour, Dab, Figure, Layer, Line, Pattern, Place, Shape, Skin, ball, blob, eye, limb,
)  # fmt: skip
from gallery.drawn.scenes import pick, vary


def _barred(often: float, u: float, amount: float) -> Pattern:
    """Return rows of short bars, as on an owl's breast."""

    def pattern(place: Place) -> Floats:
        flecks = place.texture("scales", place.x * 0.55 + u, place.y * 0.42 + u)
        bars = np.sin(place.y * often + 1.5 * place.texture("clump", place.x + u, place.y))
        return np.clip((0.42 - flecks) * 3, 0, 1) * amount * (0.6 + 0.4 * np.clip(bars * 2, -1, 1))

    return pattern


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
        points(
            (0, -0.4),
            (0.36, -0.25),
            (0.45, 0.15),
            (0.36, 0.58),
            (0.12, 0.76),
            (-0.12, 0.76),
            (-0.36, 0.58),
            (-0.45, 0.15),
            (-0.36, -0.25),
        )
        * (stout, 1),
        0.34,
    )
    wing_points = points(
        (0.3, -0.22), (0.47, 0.0), (0.49, 0.35), (0.36, 0.78), (0.27, 0.72), (0.3, 0.3)
    ) * (stout, 1)
    tail = blob(points((-0.16, 0.6), (0.16, 0.6), (0.18, 1.02), (0.0, 1.08), (-0.18, 1.02)), 0.1)
    tilt = rng.uniform(-0.25, 0.25) if rng.random() < 0.7 else rng.uniform(-0.6, 0.6)
    neck = (0.0, -0.3)

    def head(curve: Floats) -> Floats:
        return turn(curve, tilt, neck)

    skull = head(
        smooth(
            points(
                (0, -0.93),
                (0.26, -0.87),
                (0.4, -0.62),
                (0.37, -0.36),
                (0.2, -0.2),
                (-0.2, -0.2),
                (-0.37, -0.36),
                (-0.4, -0.62),
                (-0.26, -0.87),
            )
        )
    )
    feathers = Coat(brown, dark, _barred(26, u, 0.75), rough=0.14, fuzzy=0.35)
    breast = Coat(pale, dark, _barred(30, u + 0.3, 0.62), rough=0.12, fuzzy=0.35)
    disc = Coat(
        vary(rng, pale) if barn else vary(rng, (brown[0] * 1.15, brown[1] * 1.1, brown[2] * 1.05)),
        dark,
        _rings(),
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
                (Shape(head(ellipse(x, -0.56, 0.185, 0.215, 0.25 * side)), 0.07, lift=0.05),), disc
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
                head(
                    smooth(
                        points(
                            (-0.045, -0.53),
                            (0.045, -0.53),
                            (0.03, -0.43),
                            (0.0, -0.37),
                            (-0.03, -0.43),
                        )
                    )
                ),
                0.05,
                lift=0.1,
            ),
        ),
        Coat(pick(rng, (0.25, 0.22, 0.2), (0.75, 0.65, 0.4)), rough=0.03, gloss=0.2),
    )
    tufts: tuple[Layer, ...] = ()
    if not barn and rng.random() < 0.7:
        one = points((0.14, -0.82), (0.3, -0.78), (0.37, -0.95), (0.41, -1.12), (0.28, -1.03))
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
        pick(rng, (0.36, 0.28, 0.2), (0.45, 0.4, 0.35)), (0.12, 0.09, 0.07), _bark(u), rough=0.2
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
        *((Skin((perch,), bark, chance=0.6),) if rng.random() < 0.8 else ()),
        Skin((body,), breast),
        *marks,
        wings,
        _talons(-0.15, 0.78, toes), _talons(0.15, 0.78, toes),
        *tufts,
        Skin((Shape(skull, 0.3, lift=0.04),), feathers),
        *face, beak,
    )  # fmt: skip
    return Figure(
        layers,
        ("forest", "forest", "night", "meadow", "wood", "wall"),
        stands=False,
        spin=0.06,
        size=(0.75, 1.0),
        portrait=(0.0, -0.45),
    )


def _rings() -> Pattern:
    def pattern(place: Place) -> Floats:
        return np.clip(0.5 - place.depth, 0, 0.5) * 1.4 + 0.12 * (
            place.texture("fibre", place.y, place.x) > 0.6
        )

    return pattern


def _bark(u: float) -> Pattern:
    def pattern(place: Place) -> Floats:
        return np.clip(place.texture("fibre", place.x * 0.8 + u, place.y * 2) * 0.5, 0, 0.8)

    return pattern


def penguin(rng: np.random.Generator) -> Figure:
    """Return a penguin standing, turned a little to the side."""
    turned = rng.uniform(0.0, 1.0)
    king = rng.random() < 0.5
    lean = rng.uniform(-0.08, 0.12)
    black = pick(rng, (0.09, 0.1, 0.12), (0.13, 0.13, 0.15), (0.2, 0.22, 0.27))
    white = pick(rng, (0.95, 0.95, 0.93), (0.92, 0.9, 0.84))
    back = blob(
        points((-0.05, -0.62), (0.17, -0.5), (0.33, -0.15), (0.38, 0.3), (0.3, 0.7), (0.12, 0.86), (-0.14, 0.86), (-0.32, 0.66), (-0.37, 0.25), (-0.3, -0.2), (-0.2, -0.5)),
        0.3,
    )  # fmt: skip
    shift = -0.02 - 0.09 * turned
    front = blob(
        points(
            (0, -0.42),
            (0.14, -0.3),
            (0.25, 0.05),
            (0.26, 0.4),
            (0.17, 0.74),
            (0, 0.82),
            (-0.17, 0.74),
            (-0.26, 0.4),
            (-0.25, 0.05),
            (-0.14, -0.3),
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
    flipper = points(
        (-0.03, 0.0), (0.07, 0.02), (0.1, 0.3), (0.05, 0.62), (-0.01, 0.66), (-0.06, 0.36)
    )
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
            points((0.05, -0.02), (0.13, -0.1), (0.14, 0.05), (0.04, 0.2), (-0.04, 0.2))
            + head_at
            + (0.02, 0.04)
        )
        bib = ellipse(shift, -0.38, 0.13, 0.1)
        collar = (Dab(bib, gold, 0.75, chance=0.2), Dab(patch, gold, 0.9, chance=0.5))
    else:
        ring = smooth(
            points(
                (0.02, -0.13),
                (0.13, -0.05),
                (0.12, 0.12),
                (-0.02, 0.15),
                (0.05, 0.06),
                (0.06, -0.03),
            )
            + head_at
        )
        collar = (Dab(ring, white, 0.92, chance=0.5),) if rng.random() < 0.6 else ()
    tail = blob(points((0.1, 0.7), (0.3, 0.74), (0.42, 0.93), (0.28, 0.93)), 0.06)
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


def swan(rng: np.random.Generator) -> Figure:
    """Return a swan afloat, its neck an S."""
    white = (
        pick(rng, (0.97, 0.97, 0.95), (0.93, 0.92, 0.9))
        if rng.random() < 0.88
        else (0.1, 0.1, 0.11)
    )
    puffed = rng.uniform(0.0, 1.0)
    body = blob(
        points((-0.62, 0.08), (-0.5, -0.14), (-0.1, -0.24 - 0.06 * puffed), (0.4, -0.22 - 0.1 * puffed), (0.82, -0.26), (0.72, -0.02), (0.5, 0.2), (0.0, 0.3), (-0.45, 0.26)),
        0.28,
    )  # fmt: skip
    tall, bow = rng.uniform(0.75, 1.0), rng.uniform(0.08, 0.26)
    fore = rng.uniform(-0.08, 0.12)
    way = points(
        (-0.4, 0.12),
        (-0.6 - bow * 0.5, -0.08),
        (-0.62 - bow * 0.2, -0.35 * tall),
        (-0.46 + bow * 0.4, -0.62 * tall),
        (-0.46 + bow * 0.3, -0.88 * tall),
        (-0.6 + fore, -0.98 * tall),
    )
    neck = limb(way, (0.19, 0.13, 0.09, 0.075, 0.075, 0.08), puff=0.1, count=30)
    at = way[-1]
    dip = rng.uniform(0.1, 0.7)

    def face(curve: Floats) -> Floats:
        return turn(curve, -dip) + at

    skull = Shape(
        face(
            smooth(
                points(
                    (0.08, -0.04),
                    (0.0, -0.1),
                    (-0.12, -0.07),
                    (-0.17, 0.0),
                    (-0.12, 0.07),
                    (0.02, 0.08),
                )
            )
        ),
        0.08,
    )
    bill = Shape(
        face(
            smooth(
                points(
                    (-0.13, -0.055),
                    (-0.22, -0.02),
                    (-0.35, 0.02),
                    (-0.36, 0.06),
                    (-0.24, 0.065),
                    (-0.13, 0.055),
                )
            )
        ),
        0.04,
        lift=0.02,
    )
    orange = pick(rng, (0.92, 0.45, 0.12), (0.9, 0.35, 0.12), (0.85, 0.55, 0.15))
    mask = face(smooth(points((-0.09, -0.04), (-0.16, -0.085), (-0.19, -0.03), (-0.15, 0.035))))
    coat = Coat(
        white, rough=0.05, under=tuple(0.78 * c for c in white), under_from=0.0, under_over=0.3
    )  # type: ignore[arg-type]
    up = 0.22 * puffed
    wing = points(
        (-0.36, 0.02),
        (-0.3, -0.2 - up),
        (0.05, -0.3 - up),
        (0.45, -0.26 - up * 0.6),
        (0.86, -0.2),
        (0.66, -0.03),
        (0.35, 0.1),
        (-0.08, 0.15),
    )
    quills = [
        Line(
            smooth(
                points(
                    (x, 0.08 - 0.06 * i), (x + 0.18, 0.03 - 0.06 * i), (x + 0.38, -0.07 - 0.05 * i)
                ),
                closed=False,
            ),
            tuple(0.72 * c for c in white),
            0.014,
            0.6,
            chance=0.75,
        )  # type: ignore[arg-type]
        for i, x in enumerate((-0.1, 0.02, 0.14, 0.24))
    ]
    eye_at = face(points((-0.09, -0.025)))[0]
    layers: tuple[Layer, ...] = (
        Skin((body, neck, skull), coat),
        Skin((bill,), Coat(orange, rough=0.04, gloss=0.15)),
        Dab(mask, (0.06, 0.05, 0.05), 0.95, chance=0.5),
        Skin(
            (Shape(smooth(wing), 0.12, lift=0.06),),
            Coat(white, (0.6, 0.62, 0.66), _quilled(), rough=0.05),
        ),
        *quills,
        *eye(float(eye_at[0]), float(eye_at[1]), 0.02),
    )
    return Figure(
        layers, ("lake",), spin=0.03, size=(0.6, 0.88), floats=True, portrait=(-0.5, -0.7)
    )


def _quilled() -> Pattern:
    def pattern(place: Place) -> Floats:
        return (
            np.clip(
                0.5 - place.texture("scales", place.x * 0.3 + place.y * 0.2, place.y * 0.5), 0, 0.5
            )
            * 0.5
        )

    return pattern

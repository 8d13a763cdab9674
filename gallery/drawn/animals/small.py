"""Rabbit, snail, snake, butterfly and spider."""

import numpy as np

from gallery.drawn.curves import Floats, ellipse, mirror, points, smooth, turn
from gallery.drawn.figure import (
    Coat, Colour, Dab, Figure, Layer, Line, Pattern, Place, Shape, Skin, ball, blob, eye, limb,
)  # fmt: skip
from gallery.drawn.scenes import pick, vary


def _mottled(u: float, amount: float) -> Pattern:
    def pattern(place: Place) -> Floats:
        fine = place.texture("fibre", place.x * 1.4 + u, place.y * 1.4)
        return np.clip(fine * 0.35 + 0.25, 0, 1) * amount

    return pattern


def rabbit(rng: np.random.Generator) -> Figure:
    """Return a rabbit sitting, seen from the side."""
    fur = pick(
        rng,
        (0.58, 0.46, 0.34),
        (0.62, 0.6, 0.58),
        (0.93, 0.91, 0.88),
        (0.42, 0.32, 0.25),
        (0.74, 0.58, 0.4),
    )
    pale: Colour = (
        min(1, fur[0] * 0.5 + 0.48),
        min(1, fur[1] * 0.5 + 0.46),
        min(1, fur[2] * 0.5 + 0.44),
    )
    dark: Colour = (fur[0] * 0.45, fur[1] * 0.42, fur[2] * 0.4)
    u, sits = rng.uniform(0, 1), rng.uniform(0, 1)
    coat = Coat(
        fur,
        dark,
        _mottled(u, 0.55),
        under=pale,
        under_from=0.42,
        under_over=0.3,
        rough=0.15,
        fuzzy=0.7,
    )
    body = blob(
        points(
            (-0.42, 0.2),
            (-0.36, -0.12 - 0.12 * sits),
            (-0.05, -0.26 - 0.1 * sits),
            (0.35, -0.12),
            (0.58, 0.22),
            (0.5, 0.56),
            (0.1, 0.64),
            (-0.25, 0.6),
        ),
        0.34,
    )
    haunch = ball(0.3, 0.34, 0.3, 0.27, 0.3, lift=0.06)
    head_at = np.asarray((-0.46, -0.3 - 0.22 * sits))
    nod = rng.uniform(-0.15, 0.25)
    skull = Shape(
        turn(
            smooth(
                points(
                    (0.22, -0.02),
                    (0.12, -0.2),
                    (-0.08, -0.2),
                    (-0.27, -0.04),
                    (-0.33, 0.07),
                    (-0.25, 0.16),
                    (-0.04, 0.2),
                    (0.16, 0.17),
                )
            ),
            -nod,
        )
        + head_at,
        0.19,
        lift=0.04,
    )
    neck = limb(np.stack([head_at + (0.08, 0.08), points((-0.2, 0.12))[0]]), (0.2, 0.28))
    foot = blob(
        points((0.42, 0.58), (0.1, 0.54), (-0.1, 0.6), (-0.12, 0.68), (0.1, 0.71), (0.42, 0.7)),
        0.07,
        lift=0.04,
    )
    paws = tuple(
        limb(points((x, 0.35), (x - 0.03, 0.55), (x - 0.09, 0.66)), (0.1, 0.065, 0.05))
        for x in (-0.3, -0.2)
    )
    tail = ball(0.6, 0.4, 0.11, 0.1, lift=0.02)
    lop = rng.random() < 0.12
    ears: list[Layer] = []
    for shade, extra in ((0.75, 0.22), (1.0, 0.0)):
        angle = (rng.uniform(2.2, 2.5) if lop else rng.uniform(-0.1, 0.75)) + extra * 0.8
        root = head_at + turn(points((0.06 + extra * 0.2, -0.14)), -nod)[0]
        loop = points(
            (-0.055, 0.02),
            (-0.085, -0.22),
            (-0.055, -0.46),
            (0.0, -0.56),
            (0.06, -0.44),
            (0.085, -0.2),
            (0.05, 0.02),
        ) * rng.uniform(0.85, 1.1)
        ears.append(
            Skin((Shape(smooth(turn(loop, angle)) + root, 0.06, lift=0.06),), coat, shade=shade)
        )
        if extra == 0.0:
            pink = pick(rng, (0.85, 0.6, 0.55), (0.75, 0.55, 0.48))
            ears.append(
                Dab(
                    smooth(turn(loop * (0.5, 0.75) + (0, -0.04), angle)) + root,
                    pink,
                    0.6,
                    chance=0.6,
                )
            )
    eye_at, nose = (turn(points(p), -nod)[0] + head_at for p in ((-0.1, -0.05), (-0.32, 0.06)))
    whiskers = [
        Line(
            np.stack([nose + (0.05, 0.03), nose + turn(points((-0.28, 0.0)), a)[0] + (0.05, 0.03)]),
            (0.9, 0.9, 0.88),
            0.006,
            0.5,
            chance=0.6,
        )
        for a in (-0.35, -0.1, 0.2)
    ]
    layers: tuple[Layer, ...] = (
        Skin((tail,), Coat(pale, rough=0.12, fuzzy=1.0)),
        *ears[:1],
        Skin((paws[1],), coat, shade=0.7),
        Skin((body, neck, skull), coat),
        Skin((haunch,), coat, chance=0.8), Skin((foot,), coat), Skin((paws[0],), coat),
        *ears[1:],
        *eye(float(eye_at[0]), float(eye_at[1]), 0.04),
        Dab(ellipse(float(nose[0]), float(nose[1]), 0.028, 0.022, steps=12), (0.45, 0.28, 0.27), 0.85, filled=True),
        Line(np.stack([nose + (0.01, 0.02), nose + (0.05, 0.08), nose + (0.1, 0.08)]), dark, 0.01, 0.7, chance=0.7),
        *whiskers,
    )  # fmt: skip
    return Figure(
        layers,
        ("meadow", "meadow", "savanna", "forest", "wall", "ice"),
        spin=0.05,
        size=(0.62, 0.9),
        portrait=(float(head_at[0]), float(head_at[1])),
    )


def _whorl(u: float, bands: float) -> Pattern:
    def pattern(place: Place) -> Floats:
        rings = np.sin(place.along * bands + u * 9) * 0.5 + 0.5
        growth = np.clip(place.texture("fibre", place.y * 0.7 + u, place.x * 0.7) * 0.3, 0, 1)
        return np.clip(rings * 0.55 + growth + np.clip(0.35 - place.depth, 0, 1) * 1.3, 0, 1)

    return pattern


def snail(rng: np.random.Generator) -> Figure:
    """Return a snail, its shell a spiral of tubes."""
    shell_colour = pick(
        rng, (0.75, 0.55, 0.3), (0.6, 0.4, 0.22), (0.85, 0.72, 0.45), (0.55, 0.42, 0.32)
    )
    stripe: Colour = (shell_colour[0] * 0.4, shell_colour[1] * 0.33, shell_colour[2] * 0.3)
    flesh = pick(rng, (0.62, 0.52, 0.4), (0.42, 0.36, 0.3), (0.75, 0.68, 0.55), (0.35, 0.33, 0.32))
    stretch = rng.uniform(0.85, 1.15)
    rise = rng.uniform(-0.05, 0.16)
    way = points(
        (0.92 * stretch, 0.47),
        (0.45, 0.43),
        (-0.1, 0.42),
        (-0.5 * stretch, 0.37),
        (-0.72 * stretch, 0.22 - rise),
        (-0.85 * stretch, 0.14 - rise),
    )
    foot = limb(way, (0.015, 0.08, 0.12, 0.13, 0.12, 0.1), count=30)
    head = way[-1]
    skin = Coat(
        flesh, tuple(0.6 * c for c in flesh), _plates(), rough=0.1, gloss=0.35, texture="grain"
    )  # type: ignore[arg-type]
    horns: list[Layer] = []
    for dx, long in ((-0.02, 0.34), (0.07, 0.38)):
        tip = head + (dx - rng.uniform(0.02, 0.2), -long * rng.uniform(0.8, 1.1))
        stalk = limb(
            np.stack([head + (dx, -0.05), (head + tip) / 2 + (dx, -0.06), tip]),
            (0.035, 0.022, 0.018),
            count=12,
        )
        horns.append(Skin((stalk,), skin))
        horns += eye(float(tip[0]), float(tip[1]), 0.026)
    for dx in (-0.07, -0.03):
        horns.append(
            Line(
                np.stack([head + (dx, 0.04), head + (dx - 0.1, 0.1)]), flesh, 0.03, 0.95, chance=0.5
            )
        )
    big = rng.uniform(0.42, 0.52)
    middle = points((0.12, 0.32 - big))[0]
    turns = rng.uniform(2.2, 2.8)
    t = np.linspace(0, 1, 60)
    # The whorl opens down at the front, where the foot comes out, and winds inwards.
    angle = 1.15 + turns * 2 * np.pi * t
    r = big * (0.74 * np.exp(-2.3 * t) - 0.02)
    spiral = np.stack([middle[0] + r * np.cos(angle), middle[1] + r * np.sin(angle)], axis=1)
    coil = limb(
        spiral,
        tuple(0.36 * big * np.exp(-2.2 * s) + 0.012 for s in np.linspace(0, 1, 12)),
        puff=0.14,
        lift=0.05,
        count=64,
    )
    dome = Shape(ellipse(middle[0], middle[1], big * 0.98, big * 0.96), big * 0.8)
    u = rng.uniform(0, 1)
    shell = Coat(shell_colour, stripe, _whorl(u, rng.uniform(9, 26)), rough=0.1, gloss=0.45)
    line = Line(
        smooth(spiral[4::4] + (0.0, 0.0), closed=False), stripe, 0.012, 0.25, in_photo=False
    )
    rim = np.stack(
        [middle[0] + r * 1.42 * np.cos(angle), middle[1] + r * 1.42 * np.sin(angle)], axis=1
    )[10::5]
    layers: tuple[Layer, ...] = (
        *horns, Skin((foot,), skin), Skin((dome,), shell, chance=1.0), Skin((coil,), shell, chance=0.0), line if rng.random() < 0.5 else Line(smooth(rim, closed=False), in_photo=False),
    )  # fmt: skip
    return Figure(
        layers, ("leaf", "leaf", "rock", "wood", "sand", "meadow"), spin=0.08, size=(0.6, 0.9)
    )


def _plates() -> Pattern:
    def pattern(place: Place) -> Floats:
        return np.clip(0.6 - 3 * place.texture("plates", place.x * 1.5, place.y * 1.5), 0, 0.6)

    return pattern


def _diamonds(often: float, wide: float) -> Pattern:
    """Return saddles along the back: dark on the ridge, in steps along the spine."""

    def pattern(place: Place) -> Floats:
        wave = np.abs(np.sin(place.along * often))
        return np.clip((place.depth * 1.1 + wave - wide) * 5, 0, 1) * 0.9

    return pattern


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
        _diamonds(rng.uniform(9, 16), rng.uniform(1.15, 1.45))
        if rng.random() < 0.7
        else _belts(rng.uniform(12, 22)),
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
                points(
                    (0.26, 0.0),
                    (0.2, -0.075),
                    (0.06, -0.12),
                    (-0.08, -0.07),
                    (-0.08, 0.07),
                    (0.06, 0.12),
                    (0.2, 0.075),
                )
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
    looks = [eye(*(head_at + out * 0.12 * k + side * s * 0.075 * k), 0.022 * k) for s in (-1, 1)]
    hints = [
        Line(
            np.stack([spine[i] + (0.0, -thick * 0.7), spine[i] + (0.02, thick * 0.7)]),
            in_photo=False,
            chance=0.4,
        )
        for i in range(6, 36, 3)
    ]
    layers: tuple[Layer, ...] = (
        Line(fork, (0.7, 0.15, 0.15), 0.018, chance=0.8), Line(other, (0.7, 0.15, 0.15), 0.018, chance=0.8),
        Skin((body,), coat), *hints, Skin((Shape(head, thick * 0.8, lift=0.03),), Coat(vary(rng, colour), dark, _mottled(0.2, 0.4), rough=0.1, texture="scales", tile=0.5, gloss=0.3)),
        *looks[0], *looks[1],
    )  # fmt: skip
    return Figure(
        layers,
        ("sand", "rock", "meadow", "leaf", "wood"),
        stands=False,
        spin=3.1,
        size=(0.66, 0.94),
    )


def _belts(often: float) -> Pattern:
    def pattern(place: Place) -> Floats:
        return np.clip((np.sin(place.along * often) - 0.2) * 5, 0, 0.95)

    return pattern


def _wing_marks(edge: float, u: float, dots: bool) -> Pattern:
    def pattern(place: Place) -> Floats:
        noise = place.texture("clump", place.x * 0.6 + u, np.abs(place.y) * 0.6)
        border = np.clip((edge - place.depth + 0.06 * noise) * 14, 0, 1)
        if dots:
            spots = place.texture("plates", np.abs(place.x) * 0.9 + u, place.y * 0.9)
            border = border * np.clip(1 - (spots - 0.42) * 9, 0, 1)
        angle = np.arctan2(place.y, np.abs(place.x))
        veins = np.clip(1 - np.abs(np.sin(angle * 11)) * 9, 0, 1) * 0.8
        return np.clip(border + veins, 0, 1)

    return pattern


def butterfly(rng: np.random.Generator) -> Figure:
    """Return a butterfly from above, wings spread or half closed."""
    colour = pick(
        rng,
        (0.92, 0.5, 0.1),
        (0.25, 0.45, 0.85),
        (0.95, 0.82, 0.25),
        (0.8, 0.25, 0.15),
        (0.93, 0.92, 0.85),
        (0.35, 0.6, 0.75),
    )
    dark = pick(rng, (0.07, 0.05, 0.05), (0.2, 0.12, 0.07))
    spread, sweep = rng.uniform(0.55, 1.05), rng.uniform(-0.15, 0.15)
    jag = rng.uniform(-0.05, 0.06)
    fore = points(
        (0.04, -0.12),
        (0.2, -0.45),
        (0.55, -0.78),
        (0.86, -0.82 - jag),
        (0.9, -0.55),
        (0.78, -0.25 + jag),
        (0.5, -0.02),
        (0.08, 0.06),
    )
    hind = points(
        (0.06, 0.0),
        (0.45, -0.02),
        (0.7, 0.14),
        (0.72, 0.42),
        (0.52 + jag, 0.64),
        (0.3, 0.62 + jag),
        (0.14, 0.38),
    )
    if rng.random() < 0.3:
        hind[4:5] += (0.02, 0.26)
    u, edge, dots = rng.uniform(0, 1), rng.uniform(0.28, 0.6), bool(rng.random() < 0.6)
    second = vary(rng, (colour[0] * 0.95, colour[1] * 0.85, colour[2] * 0.75), 0.1)
    coats = (
        Coat(colour, dark, _wing_marks(edge, u, dots), rough=0.08),
        Coat(second, dark, _wing_marks(edge * 0.9, u, dots), rough=0.08),
    )
    wings: list[Layer] = []
    tilt = rng.uniform(0.75, 1.0)
    for side, wide in ((1, spread), (-1, spread * tilt)):
        for shape, coat in ((hind, coats[1]), (fore, coats[0])):
            curve = smooth(turn(shape, sweep)) * (wide, 1)
            curve = curve if side > 0 else mirror(curve)
            wings.append(Skin((Shape(curve, 0.1),), coat))
            if shape is hind and rng.random() < 0.45:
                at = (0.45 * wide * side, 0.32)
                wings += [
                    Dab(ellipse(*at, 0.09 * wide, 0.09), dark, 0.9, chance=0.7),
                    Dab(
                        ellipse(*at, 0.045 * wide, 0.045),
                        vary(rng, (0.9, 0.75, 0.35)),
                        0.9,
                        chance=0.5,
                    ),
                ]
    body = limb(
        points((0, -0.26), (0, -0.1), (0, 0.1), (0, 0.46)),
        (0.05, 0.075, 0.055, 0.05, 0.02),
        lift=0.05,
    )
    head = ball(0, -0.28, 0.06, 0.055, lift=0.05)
    feelers = [
        Line(
            smooth(
                points((0.02 * s, -0.32), (0.1 * s, -0.5), (rng.uniform(0.16, 0.3) * s, -0.68)),
                closed=False,
            ),
            dark,
            0.016,
        )
        for s in (-1, 1)
    ]
    layers: tuple[Layer, ...] = (
        *wings,
        *feelers,
        Skin(
            (body, head),
            Coat((dark[0] + 0.1, dark[1] + 0.08, dark[2] + 0.06), rough=0.25, fuzzy=0.7),
        ),
    )
    return Figure(
        layers,
        ("flowers", "flowers", "leaf", "meadow", "sand", "wall"),
        stands=False,
        spin=0.9,
        size=(0.6, 0.92),
    )


def spider(rng: np.random.Generator) -> Figure:
    """Return a spider from above, with or without its web."""
    colour = pick(rng, (0.22, 0.17, 0.13), (0.42, 0.3, 0.2), (0.12, 0.11, 0.11), (0.5, 0.42, 0.3))
    mark = pick(rng, (0.85, 0.75, 0.4), (0.7, 0.6, 0.48), (0.8, 0.3, 0.15), (0.9, 0.88, 0.8))
    fat, long = rng.uniform(0.75, 1.25), rng.uniform(0.8, 1.15)
    u = rng.uniform(0, 1)
    abdomen = blob(
        points(
            (0, 0.06),
            (0.16 * fat, 0.14),
            (0.25 * fat, 0.36),
            (0.17 * fat, 0.58),
            (0, 0.66),
            (-0.17 * fat, 0.58),
            (-0.25 * fat, 0.36),
            (-0.16 * fat, 0.14),
        ),
        0.2,
        lift=0.05,
    )
    chest = ball(0, -0.08, 0.15, 0.18, lift=0.03)
    legs: list[Shape] = []
    for side in (-1, 1):
        for i, a in enumerate((-1.15, -0.42, 0.3, 0.95)):
            b = a + rng.normal(0, 0.09)
            reach = (1.0, 0.82, 0.78, 1.0)[i] * long
            root = (side * 0.1, -0.14 + 0.06 * i)
            knee = (
                side * (0.1 + reach * 0.45 * np.cos(b * 0.75)),
                root[1] + reach * 0.5 * np.sin(b),
            )
            shin = (
                side * (0.1 + reach * 0.78 * np.cos(b * 0.85)),
                root[1] + reach * 0.9 * np.sin(b) - 0.06 * np.sign(-b),
            )
            foot = (side * (0.1 + reach * 0.9 * np.cos(b)), root[1] + reach * 1.15 * np.sin(b))
            legs.append(
                limb(points(root, knee, shin, foot), (0.045, 0.042, 0.035, 0.024, 0.012), count=20)
            )
    hairy = rng.uniform(0.1, 0.8)
    legs_coat = Coat(
        colour,
        mark,
        _belts(rng.uniform(16, 30)) if rng.random() < 0.5 else None,
        rough=0.2,
        fuzzy=hairy * 0.4,
    )
    coat = Coat(colour, mark, _back(u), rough=0.2, fuzzy=hairy, gloss=0.12)
    fangs = [
        limb(points((s * 0.05, -0.22), (s * 0.07, -0.33)), (0.035, 0.02), count=6) for s in (-1, 1)
    ]
    eyes = [layer for s in (-1, 1) for layer in eye(s * 0.045, -0.2, 0.024)]
    web: list[Layer] = []
    if rng.random() < 0.3:
        spokes = np.linspace(0, 2 * np.pi, 13)[:-1] + rng.uniform(0, 1)
        web += [
            Line(
                points((0, 0), (2.6 * np.cos(a), 2.6 * np.sin(a))),
                (0.9, 0.92, 0.94),
                0.007,
                0.5,
                chance=0.7,
            )
            for a in spokes
        ]
        for r in np.arange(0.45, 2.2, 0.2):
            ring = np.stack([np.cos(spokes), np.sin(spokes)], axis=1) * r
            web.append(
                Line(
                    np.concatenate([ring, ring[:1]]),
                    (0.9, 0.92, 0.94),
                    0.006,
                    0.45,
                    in_sketch=r < 1.3,
                    chance=0.5,
                )
            )
    layers: tuple[Layer, ...] = (
        *web, Skin(tuple(legs), legs_coat), Skin(tuple(fangs), Coat(colour)), Skin((abdomen,), coat), Skin((chest,), coat), *eyes,
    )  # fmt: skip
    scenes = ("forest", "night", "meadow") if web else ("leaf", "wall", "wood", "sand", "rock")
    return Figure(layers, scenes, stands=False, spin=3.1, size=(0.6, 0.92))


def _back(u: float) -> Pattern:
    def pattern(place: Place) -> Floats:
        ladder = np.clip(np.sin(place.y * 28 + 3 * np.abs(place.x)) * 3, 0, 1) * np.clip(
            1 - np.abs(place.x) * 9, 0, 1
        )
        noise = np.clip(place.texture("clump", np.abs(place.x) + u, place.y) - 0.6, 0, 1)
        return np.clip(ladder * 0.7 + noise * 0.5, 0, 0.9) * (place.y > 0.05)

    return pattern

"""Crab, starfish, sea turtle, fish and jellyfish."""

import numpy as np

from gallery.drawn.curves import Floats, along, ellipse, mirror, points, smooth, turn
from gallery.drawn.figure import (
    Coat, Colour, Dab, Figure, Layer, Line, Pattern, Place, Shape, Skin, blob, eye, limb,
)  # fmt: skip
from gallery.drawn.scenes import pick, vary


def _freckles(u: float, share: float, size: float) -> Pattern:
    def pattern(place: Place) -> Floats:
        noise = place.texture("clump", place.x * size + u, place.y * size)
        return np.clip((noise - share) * 2.5, 0, 0.8)

    return pattern


def _knobs(u: float) -> Pattern:
    """Return small bright knobs, rows of them along an arm."""

    def pattern(place: Place) -> Floats:
        knobs = place.texture("plates", place.x * 1.6 + u, place.y * 1.6)
        return np.clip((knobs - 0.3) * 3, 0, 1) * np.clip(place.depth * 2, 0.2, 1)

    return pattern


def starfish(rng: np.random.Generator) -> Figure:
    """Return a starfish from above, five arms of uneven bend."""
    fat, deep = rng.uniform(0.14, 0.24), rng.uniform(0.26, 0.4)
    tips = []
    for i in range(5):
        at = 2 * np.pi * i / 5 + rng.normal(0, 0.06)
        bend, long = rng.normal(0, 0.25), rng.uniform(0.85, 1.05)
        for r, side in (
            (deep, -0.62),
            (0.66, -fat * 0.95),
            (long, -0.07),
            (long, 0.07),
            (0.66, fat * 0.95),
        ):
            a = at + side + bend * (r - 0.3) * (r > deep)
            tips.append((r * np.sin(a), -r * np.cos(a)))
    body = blob(points(*tips), 0.14)
    colour = pick(
        rng,
        (0.87, 0.45, 0.2),
        (0.75, 0.22, 0.15),
        (0.85, 0.65, 0.38),
        (0.5, 0.3, 0.5),
        (0.9, 0.55, 0.4),
    )
    knob: Colour = (
        min(1, colour[0] * 1.25 + 0.12),
        min(1, colour[1] * 1.3 + 0.15),
        min(1, colour[2] * 1.3 + 0.15),
    )
    coat = Coat(colour, knob, _knobs(rng.uniform(0, 1)), rough=0.14, texture="grain", gloss=0.1)
    ridges: list[Layer] = []
    tip = np.asarray(tips).reshape(5, 5, 2)
    for arm in tip:
        end = arm[2:4].mean(axis=0) * 0.88
        spine = points((0, 0), tuple((arm[1] + arm[4]) / 2), tuple(end))
        ridges.append(Line(smooth(spine, closed=False), knob, 0.03, 0.35, chance=0.5))
    layers: tuple[Layer, ...] = (Skin((body,), coat), *ridges)
    return Figure(
        layers,
        ("sand", "sand", "rock", "wood", "wall", "night"),
        stands=False,
        spin=3.1,
        size=(0.6, 0.92),
    )


def crab(rng: np.random.Generator) -> Figure:
    """Return a crab from the front and above, its claws raised or folded."""
    colour = pick(
        rng,
        (0.78, 0.27, 0.12),
        (0.62, 0.36, 0.2),
        (0.55, 0.2, 0.14),
        (0.45, 0.42, 0.3),
        (0.85, 0.42, 0.15),
    )
    dark: Colour = (colour[0] * 0.5, colour[1] * 0.42, colour[2] * 0.4)
    pale: Colour = (
        min(1, colour[0] * 1.1 + 0.2),
        min(1, colour[1] * 1.1 + 0.25),
        min(1, colour[2] + 0.25),
    )
    coat = Coat(
        colour,
        dark,
        _freckles(rng.uniform(0, 1), 0.5, 0.5),
        rough=0.12,
        texture="grain",
        gloss=0.25,
        under=pale,
        under_from=0.05,
        under_over=0.5,
    )
    shell = blob(
        points(
            (0, -0.26),
            (0.26, -0.24),
            (0.44, -0.13),
            (0.5, 0.0),
            (0.36, 0.18),
            (0.16, 0.28),
            (-0.16, 0.28),
            (-0.36, 0.18),
            (-0.5, 0.0),
            (-0.44, -0.13),
            (-0.26, -0.24),
        ),
        0.24,
        lift=0.1,
    )
    raised = rng.uniform(-0.2, 1.0)
    legs: list[Shape] = []
    claws: list[Layer] = []
    for side in (-1, 1):
        mine = raised + rng.normal(0, 0.2)
        for i in range(4):
            a = 0.05 + 0.27 * i + rng.normal(0, 0.05)
            long = (0.66, 0.7, 0.66, 0.55)[i] * rng.uniform(0.92, 1.08)
            root = (side * (0.4 - 0.06 * i), 0.06 + 0.055 * i)
            knee = (
                root[0] + side * long * 0.55 * np.cos(a - 0.55),
                root[1] + long * 0.55 * np.sin(a - 0.55),
            )
            foot = (
                knee[0] + side * long * 0.5 * np.cos(a + 0.75),
                knee[1] + long * 0.55 * np.sin(a + 0.75),
            )
            legs.append(limb(points(root, knee, foot), (0.065, 0.055, 0.04, 0.012), count=14))
        elbow = points((side * 0.62, -0.16 - 0.1 * mine))[0]
        wrist = points((side * (0.66 - 0.12 * mine), -0.36 - 0.26 * mine))[0]
        arm = limb(
            np.stack([points((side * 0.38, -0.08))[0], elbow, wrist]),
            (0.085, 0.095, 0.075),
            lift=0.05,
        )
        big = rng.uniform(0.85, 1.2)
        aim = (-0.75 + 0.35 * mine) * side + rng.normal(0, 0.15)
        gape = rng.uniform(0.02, 0.12)
        palm = points((-0.08, 0.04), (-0.15, -0.12), (-0.13, -0.26), (-0.07 - gape, -0.46), (-0.03 - gape * 0.3, -0.36), (0.0, -0.25),
                      (0.04 + gape * 0.3, -0.33), (0.07 + gape, -0.42), (0.12, -0.24), (0.1, -0.05), (0.03, 0.07)) * (side, 1) * big  # fmt: skip
        claws += [
            Skin((arm,), coat),
            Skin((Shape(smooth(turn(palm, aim)) + wrist, 0.1, lift=0.1),), coat),
        ]
    stalks: list[Layer] = []
    for side in (-1, 1):
        stalks.append(
            Skin(
                (limb(points((side * 0.11, -0.22), (side * 0.14, -0.36)), (0.025, 0.03), count=6),),
                coat,
            )
        )
        stalks += eye(side * 0.14, -0.38, 0.038)
    mouth = Line(
        smooth(points((-0.1, 0.12), (0, 0.16), (0.1, 0.12)), closed=False),
        dark,
        0.014,
        0.6,
        chance=0.6,
    )
    layers: tuple[Layer, ...] = (
        Skin(tuple(legs), coat, shade=0.9),
        Skin((shell,), coat),
        mouth,
        *claws,
        *stalks,
    )
    return Figure(
        layers, ("sand", "beach", "rock", "sand", "wall"), stands=False, spin=0.3, size=(0.68, 0.94)
    )


def _scutes(u: float) -> Pattern:
    def pattern(place: Place) -> Floats:
        cells = place.texture("cells", place.x * 0.42 + u, place.y * 0.36 + u)
        rays = 0.2 * place.texture("fibre", place.x, place.y)
        return np.clip((cells - 0.07) * 8, 0, 1) * np.clip(0.78 + rays, 0, 1)

    return pattern


def _plated(u: float) -> Pattern:
    def pattern(place: Place) -> Floats:
        cells = place.texture("plates", place.x * 0.8 + u, place.y * 0.8)
        return np.clip((cells - 0.13) * 9, 0, 1)

    return pattern


def sea_turtle(rng: np.random.Generator) -> Figure:
    """Return a sea turtle swimming, seen from above or aslant."""
    squash = rng.uniform(0.62, 1.0)
    beat = rng.uniform(-0.35, 0.55)
    shell = points(
        (-0.56, 0.0),
        (-0.48, -0.26),
        (-0.2, -0.42),
        (0.18, -0.4),
        (0.5, -0.2),
        (0.66, 0.0),
        (0.5, 0.2),
        (0.18, 0.4),
        (-0.2, 0.42),
        (-0.48, 0.26),
    )
    front = points(
        (0.05, 0.03),
        (0.1, -0.12),
        (-0.02, -0.36),
        (0.12, -0.7),
        (0.3, -0.93),
        (0.0, -0.8),
        (-0.18, -0.5),
        (-0.17, -0.12),
    )
    rear = points(
        (-0.08, 0.02), (0.02, -0.1), (0.22, -0.28), (0.38, -0.34), (0.34, -0.18), (0.14, 0.04)
    )
    brown = pick(rng, (0.45, 0.33, 0.18), (0.4, 0.38, 0.22), (0.35, 0.27, 0.18), (0.5, 0.42, 0.25))
    pale = pick(rng, (0.85, 0.76, 0.52), (0.8, 0.78, 0.6))
    u = rng.uniform(0, 1)
    skin = Coat(
        pale, (brown[0] * 0.75, brown[1] * 0.75, brown[2] * 0.75), _plated(u), rough=0.08, gloss=0.1
    )

    def flat(curve: Floats) -> Floats:
        return curve * (1.0, squash)

    def flipper(limb_points: Floats, at: tuple[float, float], swing: float, side: int) -> Shape:
        placed = turn(limb_points, swing) + at
        outline = smooth(placed if side < 0 else placed * (1, -1))
        return Shape(flat(outline), 0.07)

    nod = rng.normal(0, 0.12)
    head_way = turn(points((-0.45, 0.0), (-0.7, 0.0), (-0.88, 0.0)), nod)
    head = limb(flat(head_way), (0.16, 0.145, 0.11, 0.05), puff=0.13)
    near, far = beat + rng.normal(0, 0.1), -beat * 0.3 + rng.normal(0, 0.15)
    flippers = (
        flipper(front, (-0.34, -0.26), near, -1), flipper(front, (-0.34, -0.26), far, 1),
        flipper(rear, (0.44, -0.2), rng.normal(0, 0.25), -1), flipper(rear, (0.44, -0.2), rng.normal(0, 0.25), 1),
    )  # fmt: skip
    scutes: list[Layer] = []
    middle = flat(
        smooth(
            points(
                (-0.42, 0),
                (-0.28, -0.13),
                (-0.05, -0.15),
                (0.2, -0.14),
                (0.44, -0.08),
                (0.55, 0),
                (0.44, 0.08),
                (0.2, 0.14),
                (-0.05, 0.15),
                (-0.28, 0.13),
            )
        )
    )
    tone: Colour = (pale[0] * 0.8, pale[1] * 0.78, pale[2] * 0.66)
    scutes.append(Line(np.concatenate([middle, middle[:1]]), tone, 0.014, 0.6, chance=0.9))
    for x in (-0.22, 0.0, 0.22, 0.4):
        wide = 0.4 - 0.35 * abs(x - 0.0) ** 1.5
        scutes.append(
            Line(flat(points((x - 0.02, -0.15), (x, -wide))), tone, 0.014, 0.6, chance=0.9)
        )
        scutes.append(Line(flat(points((x - 0.02, 0.15), (x, wide))), tone, 0.014, 0.6, chance=0.9))
        scutes.append(
            Line(flat(points((x - 0.06, -0.15), (x - 0.06, 0.15))), tone, 0.012, 0.5, chance=0.8)
        )
    eye_y = -0.09 * squash
    looks = turn(points((-0.78, eye_y)), nod)[0]
    carapace = Coat(tone, brown, _scutes(u), rough=0.12, gloss=0.18)
    layers: tuple[Layer, ...] = (
        Skin(flippers, skin), Skin((head,), skin), Skin((Shape(flat(smooth(shell)), 0.3, lift=0.1),), carapace), *scutes, *eye(float(looks[0]), float(looks[1]), 0.028),
    )  # fmt: skip
    return Figure(
        layers, ("reef", "reef", "reef", "sand"), stands=False, spin=0.7, size=(0.68, 0.96)
    )


def _scaled(u: float, bands: float) -> Pattern:
    def pattern(place: Place) -> Floats:
        scales = place.texture("scales", place.x * 1.1 + u, place.y * 1.1)
        stripes = (np.sin(place.x * bands + u * 9) > 0.35) * 0.75 if bands else 0.0
        return np.clip(np.clip(0.55 - scales, 0, 0.5) + stripes, 0, 1)

    return pattern


def fish(rng: np.random.Generator) -> Figure:
    """Return a fish from the side."""
    deep = rng.uniform(0.26, 0.5)
    colour, belly, fin = (
        ((0.93, 0.5, 0.12), (0.97, 0.8, 0.5), (0.95, 0.6, 0.25)),
        ((0.4, 0.46, 0.3), (0.85, 0.85, 0.72), (0.4, 0.42, 0.3)),
        ((0.5, 0.55, 0.6), (0.9, 0.92, 0.93), (0.45, 0.47, 0.5)),
        ((0.2, 0.4, 0.75), (0.75, 0.85, 0.5), (0.95, 0.8, 0.2)),
        ((0.93, 0.78, 0.2), (0.95, 0.9, 0.7), (0.25, 0.3, 0.6)),
    )[int(rng.integers(5))]
    colour, belly, fin = vary(rng, colour), vary(rng, belly), vary(rng, fin)
    bow = rng.normal(0, 0.06)
    body_points = points(
        (-0.78, 0.03),
        (-0.62, -deep * 0.45),
        (-0.3, -deep * 0.92),
        (0.05, -deep * 0.9),
        (0.4, -deep * 0.45),
        (0.66, -0.085),
        (0.7, 0.08),
        (0.4, deep * 0.42),
        (0.05, deep * 0.9),
        (-0.3, deep * 0.95),
        (-0.62, deep * 0.5),
        (-0.76, 0.08),
    )
    body_points[:, 1] += bow * (body_points[:, 0] + 0.2) ** 2 * 2
    fork, spread = rng.uniform(0.0, 0.16), rng.uniform(0.26, 0.42)
    tail = points(
        (0.62, -0.07),
        (0.8, -0.2),
        (1.05, -spread),
        (1.0 - fork, 0.0),
        (1.05, spread),
        (0.8, 0.2),
        (0.62, 0.08),
    ) + (0, bow * 1.3)
    high = rng.uniform(0.1, 0.3)
    dorsal = points(
        (-0.3, -deep * 0.8),
        (-0.18, -deep - high),
        (0.1, -deep - high * 0.85),
        (0.38, -deep * 0.55 - high * 0.6),
        (0.42, -deep * 0.36),
        (0.0, -deep * 0.75),
    )
    anal = points(
        (0.1, deep * 0.7),
        (0.2, deep + high * 0.6),
        (0.42, deep * 0.6 + high * 0.4),
        (0.44, deep * 0.33),
    )
    pelvic = points(
        (-0.28, deep * 0.75), (-0.16, deep + 0.2), (0.0, deep + 0.12), (-0.08, deep * 0.75)
    )
    bands = rng.uniform(6, 16) if rng.random() < 0.35 else 0.0
    u = rng.uniform(0, 1)
    rays = Coat(fin, (fin[0] * 0.6, fin[1] * 0.6, fin[2] * 0.6), _rays(), rough=0.06, clear=0.25)
    back: Colour = (colour[0] * 0.55, colour[1] * 0.55, colour[2] * 0.55)
    coat = Coat(
        colour,
        back,
        _scaled(u, bands),
        under=belly,
        under_from=deep * 0.05,
        under_over=deep * 0.9,
        rough=0.06,
        gloss=0.35,
    )
    pectoral = turn(
        points((0, 0), (0.1, -0.1), (0.28, -0.1), (0.3, 0.02), (0.12, 0.08)), rng.uniform(-0.2, 0.7)
    ) + (-0.3, deep * 0.25)
    gill = smooth(
        points((-0.42, -deep * 0.6), (-0.34, -deep * 0.1), (-0.4, deep * 0.55)), closed=False
    )
    look: list[Layer] = [
        Dab(
            ellipse(-0.6, -deep * 0.22, 0.066, 0.066, steps=18),
            pick(rng, (0.9, 0.8, 0.4), (0.85, 0.85, 0.82)),
            0.95,
        ),
        Dab(
            ellipse(-0.605, -deep * 0.22, 0.04, 0.04, steps=14),
            (0.02, 0.02, 0.02),
            lit=False,
            filled=True,
        ),
        Dab(
            ellipse(-0.62, -deep * 0.22 - 0.02, 0.013, 0.013, steps=8),
            (1, 1, 1),
            0.9,
            lit=False,
            in_sketch=False,
        ),
    ]
    hints = [
        Line(
            smooth(points((x, y), (x + 0.05, y + 0.06), (x, y + 0.12)), closed=False),
            in_photo=False,
            chance=0.6,
        )
        for x in (-0.15, 0.05, 0.25)
        for y in (-0.2, -0.06, 0.08)
        if abs(y) < deep * 0.6
    ]
    layers: tuple[Layer, ...] = (
        *(Skin((Shape(smooth(f), 0.05),), rays) for f in (tail, dorsal, anal, pelvic)),
        Skin((blob(body_points, deep * 0.8),), coat),
        Line(gill, back, 0.018, 0.55, chance=0.9),
        Line(smooth(points((-0.77, 0.05), (-0.7, 0.09), (-0.64, 0.08)), closed=False), back, 0.016, 0.8),
        *hints, Skin((Shape(smooth(pectoral), 0.04, lift=0.05),), rays), *look,
    )  # fmt: skip
    return Figure(
        layers, ("reef", "reef", "lake", "wall", "deep"), stands=False, spin=0.22, size=(0.66, 0.94)
    )


def _rays() -> Pattern:
    def pattern(place: Place) -> Floats:
        return np.clip(np.sin(place.y * 90 + place.x * 20) * 0.5, 0, 0.5)

    return pattern


def jellyfish(rng: np.random.Generator) -> Figure:
    """Return a jellyfish, its bell glowing over trailing arms."""
    colour = pick(
        rng,
        (0.95, 0.55, 0.25),
        (0.55, 0.7, 0.98),
        (0.9, 0.5, 0.75),
        (0.85, 0.88, 0.95),
        (0.95, 0.7, 0.5),
    )
    rim: Colour = (min(1, colour[0] * 1.15), min(1, colour[1] * 1.15), min(1, colour[2] * 1.15))
    tall, pulse = rng.uniform(0.42, 0.62), rng.uniform(0.85, 1.1)
    hem = [(x * pulse, 0.0 + 0.045 * (i % 2)) for i, x in enumerate(np.linspace(0.5, -0.5, 11))]
    bell = blob(
        points(
            (-0.5 * pulse, -0.08),
            (-0.42 * pulse, -tall * 0.68),
            (-0.2, -tall * 0.96),
            (0.0, -tall),
            (0.2, -tall * 0.96),
            (0.42 * pulse, -tall * 0.68),
            (0.5 * pulse, -0.08),
            *hem,
        ),
        0.3,
    )
    drift = rng.normal(0, 0.18)
    threads: list[Layer] = []
    for x in np.linspace(-0.44, 0.44, int(rng.integers(9, 16))):
        long, wave, phase = rng.uniform(0.6, 1.35), rng.uniform(0.02, 0.07), rng.uniform(0, 6)
        t = np.linspace(0, 1, 16)
        curve = np.stack(
            [
                x * pulse + drift * t**1.5 + wave * np.sin(6 * t + phase) * t + 0.1 * x * t,
                0.02 + long * t,
            ],
            axis=1,
        )
        threads.append(Line(curve, rim, 0.012, 0.55, chance=0.8))
    arms: list[Layer] = []
    for x in (-0.16, -0.05, 0.06, 0.17):
        long, phase = rng.uniform(0.6, 1.0), rng.uniform(0, 6)
        t = np.linspace(0, 1, 9)
        spine = np.stack(
            [x + drift * t**1.5 + 0.05 * np.sin(8 * t + phase), -0.05 + long * t], axis=1
        )
        arms.append(
            Skin(
                (limb(spine, (0.07, 0.065, 0.05, 0.03, 0.012), count=26),),
                Coat(rim, colour, _frills(phase), rough=0.12, clear=0.35, glow=0.35, fuzzy=0.5),
            )
        )
    coat = Coat(
        colour, rim, _veined(), rough=0.06, gloss=0.3, clear=0.3, glow=0.35, texture="cloud"
    )
    inner = Dab(
        smooth(
            points((-0.2, -tall * 0.35), (0, -tall * 0.6), (0.2, -tall * 0.35), (0, -tall * 0.2))
        ),
        rim,
        0.35,
        chance=0.3,
    )
    ribs = [
        Line(
            smooth(
                points((x * 0.25, -tall * 0.9), (x * 0.8, -tall * 0.5), (x, -0.03)), closed=False
            ),
            rim,
            0.012,
            0.45,
            chance=0.5,
        )
        for x in (-0.34, -0.17, 0.0, 0.17, 0.34)
    ]
    layers: tuple[Layer, ...] = (
        *threads[::2],
        *arms,
        *threads[1::2],
        Skin((bell,), coat),
        inner,
        *ribs,
    )
    return Figure(layers, ("deep", "deep", "reef"), stands=False, spin=0.9, size=(0.62, 0.95))


def _veined() -> Pattern:
    def pattern(place: Place) -> Floats:
        return np.clip(1.1 - 1.6 * place.depth, 0, 1)

    return pattern


def _frills(phase: float) -> Pattern:
    def pattern(place: Place) -> Floats:
        return np.clip(np.sin(place.along * 60 + phase) * 0.5 + 0.3, 0, 1)

    return pattern


__all__ = ["along", "crab", "fish", "jellyfish", "mirror", "sea_turtle", "starfish"]

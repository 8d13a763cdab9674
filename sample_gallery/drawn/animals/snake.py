"""The snake."""

import numpy as np

from sample_gallery.drawn.animals import patterns
from sample_gallery.drawn.curves import Floats, along, path, points, smooth, tube, turn
from sample_gallery.drawn.figure import Coat, Colour, Figure, Layer, Line, Shape, Skin, eye
from sample_gallery.drawn.palette import pick, vary


def _way(rng: np.random.Generator) -> tuple[float, Floats]:
    """Return the thickness and the spine, head first, of a winding or a coiled snake."""
    t = np.linspace(0, 1, 64)
    if rng.random() < 0.5:
        thick = rng.uniform(0.085, 0.14)
        waves, wide = rng.uniform(1.2, 2.2), rng.uniform(0.2, 0.36)
        y = wide * np.sin(waves * 2 * np.pi * t + rng.uniform(0, 6)) * (0.55 + 0.6 * t)
        return thick, np.stack([2.0 * t - 1.0, y], axis=1)
    thick, turns = rng.uniform(0.1, 0.14), rng.uniform(1.7, 2.7)
    # Loop lies by loop, the head in the middle; the tail runs out a little.
    r = 0.16 + turns * 2.05 * thick * t + 0.25 * np.clip(t - 0.88, 0, 1)
    a = rng.uniform(0, 6) + turns * 2 * np.pi * t**0.8
    return thick, np.stack([r * np.cos(a) * 1.12, r * np.sin(a) * 0.88], axis=1)


def _pieces(spine: Floats, radii: Floats, thick: float) -> tuple[Shape, ...]:
    """Return the body in pieces, the tail first, so that it may cross over itself."""
    pieces, count = [], 9
    line = along(smooth(spine, closed=False), 181)
    thin = np.interp(np.linspace(0, 1, 181), np.linspace(0, 1, len(radii)), radii)
    step = float(np.hypot(*(line[1] - line[0])))
    for i in reversed(range(count)):
        begin, end = i * 20, min(181, i * 20 + 25)
        outline, ribs = tube(line[begin:end], thin[begin:end], count=end - begin)
        pieces.append(
            Shape(outline, thick, lift=0.002 * (count - i), ribs=ribs, start=begin * step)
        )
    return tuple(pieces)


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
    thick, spine = _way(rng)
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
        patterns.diamonds(rng.uniform(9, 16), rng.uniform(1.15, 1.45))
        if rng.random() < 0.7
        else patterns.belts(rng.uniform(12, 22)),
        rough=0.12,
        texture="scales",
        tile=0.5,
        gloss=0.3,
    )
    body = _pieces(spine, np.asarray(radii), thick)
    drawn, _ = tube(spine, np.asarray(radii) * 0.8, count=120)
    head = (
        smooth(
            turn(
                path("0.26,0 0.2,-0.075 0.06,-0.12 -0.08,-0.07 -0.08,0.07 0.06,0.12 0.2,0.075")
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
    sides = [head_at + out * 0.12 * k + side * s * 0.075 * k for s in (-1, 1)]
    looks = [eye(float(x), float(y), 0.022 * k) for x, y in sides]
    hints = [
        Line(
            np.stack([spine[i] + (0.0, -thick * 0.7), spine[i] + (0.02, thick * 0.7)]),
            in_photo=False,
            chance=0.4,
        )
        for i in range(9, 58, 5)
    ]
    layers: tuple[Layer, ...] = (
        Line(fork, (0.7, 0.15, 0.15), 0.018, chance=0.8),
        Line(other, (0.7, 0.15, 0.15), 0.018, chance=0.8),
        Skin(body, coat, chance=0.0),
        Line(np.concatenate([drawn, drawn[:1]]), in_photo=False),
        *hints,
        Skin(
            (Shape(head, thick * 0.8, lift=0.03),),
            Coat(
                vary(rng, colour),
                dark,
                patterns.mottled(0.2, 0.4),
                rough=0.1,
                texture="scales",
                tile=0.5,
                gloss=0.3,
            ),
        ),
        *looks[0],
        *looks[1],
    )
    return Figure(
        layers,
        ("sand", "rock", "meadow", "leaf", "wood"),
        stands=False,
        spin=3.1,
        size=(0.66, 0.94),
    )

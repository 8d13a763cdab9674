"""Legs with paws, and what cats and dogs have in common."""

import numpy as np

from sample_gallery.drawn.animals import hoofed
from sample_gallery.drawn.curves import Floats, path, points
from sample_gallery.drawn.figure import Coat, Colour, Layer, Line, Shape, Skin, ball, blob, limb


def leg(
    rng: np.random.Generator,
    hip: tuple[float, float],
    foot: float,
    radii: tuple[float, ...],
    *,
    bend: float,
    stride: float,
) -> tuple[Shape, Shape, Floats]:
    """Return a leg, its paw and where the paw rests."""
    spine = hoofed.leg(rng, hip, foot, radii, bend=bend, stride=stride)
    at = spine[-1]
    paw = ball(float(at[0]) - 0.035, float(at[1]) + radii[-1] * 0.25, radii[-1] * 1.5, radii[-1])
    return limb(spine, radii), paw, at


def toes(at: Floats, wide: float, colour: Colour) -> list[Layer]:
    """Return the lines between a paw's toes."""
    x, y = at
    return [
        Line(
            np.asarray([(x + dx, y - wide * 0.1), (x + dx - 0.012, y + wide * 0.9)]),
            colour,
            0.008,
            0.5,
            chance=0.5,
        )
        for dx in (-0.09, -0.045)
    ]


def seated(wide: float, coat: Coat, socks: Coat, dark: Colour) -> tuple[Layer, list[Layer]]:
    """Return the body of one that sits and looks at one, and what lies over it: legs and paws."""
    body = blob(
        path(
            "0,-0.38 0.2,-0.3 0.33,0.02 0.44,0.42 0.42,0.66 0.25,0.76 0,0.77 -0.25,0.76 "
            "-0.42,0.66 -0.44,0.42 -0.33,0.02 -0.2,-0.3"
        )
        * (wide, 1.0),
        0.32,
        axis=(0.25, 1.0),
    )
    fronts = (-0.13, 0.13)
    legs = tuple(
        limb(points((x * 1.1, 0.02), (x, 0.4), (x * 0.95, 0.72)), (0.1, 0.085, 0.075))
        for x in fronts
    )
    paws = tuple(ball(x * 0.95, 0.745, 0.095, 0.06, lift=0.03) for x in fronts)
    hind = tuple(ball(x * wide, 0.73, 0.15, 0.065, lift=0.02) for x in (-0.33, 0.33))
    return Skin((body,), coat), [
        Skin(hind, socks),
        Skin(legs, coat),
        Skin(paws, socks),
        *(line for x in fronts for line in toes(points((x, 0.74))[0], 0.05, dark)),
    ]

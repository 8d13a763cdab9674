"""Scenes: where animals are seen, what they stand on and how the light falls there.

Every scene is gradients, noise and simple shapes, out of focus, so that the animal stands out
as it does before a lens.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sample_gallery.drawn import relief, textures
from sample_gallery.drawn.backdrop import (
    ACROSS,
    DOWN,
    a_light,
    bokeh,
    ground,
    horizon,
    noise,
    sky,
    textured,
    trees,
)
from sample_gallery.drawn.canvas import SIDE, Light
from sample_gallery.drawn.curves import Floats, ellipse
from sample_gallery.drawn.figure import Colour
from sample_gallery.drawn.palette import mixed, pick, vary


@dataclass(frozen=True, slots=True)
class Scene:
    """A backdrop with its light."""

    rgb: Floats
    light: Light
    ground: float = 0.85
    """How far down the picture feet stand, 0..1."""
    shadow: float = 0.45
    """How dark the ground is under the animal, 0..1."""
    plants: tuple[Colour, float] | None = None
    """Colour and thickness of blades that may grow in front, if any."""


def savanna(rng: np.random.Generator) -> Scene:
    """Return dry grass under a wide sky."""
    at = rng.uniform(0.3, 0.66)
    dry = pick(rng, (0.78, 0.68, 0.42), (0.72, 0.6, 0.38), (0.62, 0.62, 0.35), (0.8, 0.72, 0.52))
    low: Colour = (dry[0] * 0.6, dry[1] * 0.58, dry[2] * 0.5)
    rgb = horizon(rng, sky(rng), ground(rng, low, dry, at), at, 1.0)
    if rng.random() < 0.75:
        trees(rng, rgb, at, pick(rng, (0.4, 0.45, 0.25), (0.3, 0.4, 0.22)), rng.uniform(0.04, 0.3))
    rgb = relief.soften(rgb, rng.uniform(0.5, 2.5))
    return Scene(rgb, a_light(rng), rng.uniform(0.82, 0.94), 0.4, (vary(rng, dry), 1.0))


def meadow(rng: np.random.Generator) -> Scene:
    """Return green grass, with or without trees behind it."""
    at = rng.uniform(0.05, 0.5)
    green = pick(rng, (0.45, 0.62, 0.25), (0.38, 0.55, 0.24), (0.55, 0.65, 0.32), (0.33, 0.5, 0.28))
    low: Colour = (green[0] * 0.5, green[1] * 0.55, green[2] * 0.5)
    behind = bokeh(rng, (0.12, 0.2, 0.1), (0.4, 0.52, 0.3))
    rgb = horizon(rng, behind, ground(rng, low, green, at), at, 1.5)
    rgb = relief.soften(rgb, rng.uniform(0.5, 2.0))
    return Scene(rgb, a_light(rng), rng.uniform(0.8, 0.92), 0.45, (vary(rng, green), 1.0))


def forest(rng: np.random.Generator) -> Scene:
    """Return leaves far out of focus with a trunk or two."""
    bright = pick(rng, (0.45, 0.52, 0.3), (0.52, 0.45, 0.28), (0.36, 0.48, 0.34))
    rgb = bokeh(rng, (0.09, 0.12, 0.07), bright)
    for _ in range(int(rng.integers(0, 3))):
        x, wide = rng.uniform(0, SIDE), rng.uniform(12, 40)
        trunk = np.clip((wide / 2 - np.abs(ACROSS * SIDE - x - 8 * DOWN)) / 6, 0, 1)
        bark = mixed((0.16, 0.12, 0.09), (0.4, 0.34, 0.27), 0.5 + 0.3 * noise(rng, "blade"))
        rgb += (bark - rgb) * (trunk * 0.8)[..., None]
    rgb = relief.soften(rgb, rng.uniform(2, 4))
    return Scene(rgb, a_light(rng), rng.uniform(0.84, 0.95), 0.35)


def night(rng: np.random.Generator) -> Scene:
    """Return a nearly black backdrop with a lamp's light on the animal."""
    rgb = bokeh(rng, (0.02, 0.025, 0.03), pick(rng, (0.12, 0.13, 0.12), (0.1, 0.09, 0.08)))
    return Scene(rgb, a_light(rng, ambient=0.3, strength=0.8), 0.92, 0.2)


def sand(rng: np.random.Generator) -> Scene:
    """Return sand seen from above, with ripples and pebbles."""
    pale = pick(rng, (0.84, 0.75, 0.58), (0.76, 0.68, 0.56), (0.9, 0.84, 0.72), (0.66, 0.58, 0.46))
    low: Colour = (pale[0] * 0.68, pale[1] * 0.66, pale[2] * 0.62)
    fine, broad = noise(rng, "grain"), noise(rng, "ripple")
    rgb = mixed(low, pale, 0.62 + 0.12 * fine + rng.uniform(0.02, 0.16) * broad)
    stones = []
    for _ in range(int(rng.integers(0, 14))):
        r = rng.uniform(1.5, 5)
        x, y = rng.uniform(0, SIDE, 2)
        stones.append(ellipse(x, y, r, r * rng.uniform(0.5, 0.9), rng.uniform(0, 3), steps=10))
    if stones:
        below = relief.cover([stone + (1.0, 1.6) for stone in stones], SIDE, SIDE, 1)
        rgb *= (1 - 0.35 * below)[..., None]
        tone = np.asarray(pick(rng, (0.5, 0.45, 0.4), (0.85, 0.82, 0.78)), dtype=np.float32)
        rgb += (tone - rgb) * (relief.cover(stones, SIDE, SIDE, 2) * 0.9)[..., None]
    return Scene(rgb, a_light(rng), rng.uniform(0.8, 0.9), 0.5)


def beach(rng: np.random.Generator) -> Scene:
    """Return sand with the sea behind it."""
    at = rng.uniform(0.15, 0.42)
    base = sand(rng)
    sea = mixed((0.12, 0.33, 0.45), (0.5, 0.68, 0.74), 0.5 + 0.25 * noise(rng, "ripple"))
    rgb = horizon(rng, horizon(rng, sky(rng), sea, at * 0.55, 0.1), base.rgb, at, 0.7)
    rgb = relief.soften(rgb, rng.uniform(0.5, 1.2))
    return Scene(rgb, base.light, rng.uniform(0.8, 0.92), 0.45)


def rock(rng: np.random.Generator) -> Scene:
    """Return weathered stone."""
    pale = pick(rng, (0.62, 0.6, 0.56), (0.52, 0.5, 0.5), (0.6, 0.52, 0.42), (0.45, 0.48, 0.44))
    low: Colour = (pale[0] * 0.4, pale[1] * 0.4, pale[2] * 0.42)
    cracks = np.clip(1 - 9 * noise(rng, "cells"), 0, 1)
    rough = 0.58 + 0.2 * noise(rng, "clump") + 0.12 * noise(rng, "grain")
    rgb = mixed(low, pale, rough - 0.5 * cracks)
    rgb = relief.soften(rgb, rng.uniform(0.0, 1.6))
    return Scene(rgb, a_light(rng), rng.uniform(0.82, 0.92), 0.5)


def ice(rng: np.random.Generator) -> Scene:
    """Return snow before a cold sky or blue ice."""
    at = rng.uniform(0.3, 0.65)
    far = pick(rng, (0.5, 0.64, 0.78), (0.72, 0.78, 0.84), (0.3, 0.45, 0.6))
    behind = mixed(far, (0.9, 0.93, 0.96), 0.4 + 0.25 * noise(rng, "soft"))
    snow = mixed((0.68, 0.75, 0.85), (0.97, 0.98, 1.0), 0.65 + 0.2 * noise(rng, "soft"))
    snow = textured(snow, noise(rng, "grain"), 0.02)
    rgb = relief.soften(horizon(rng, behind, snow, at, 2.0), rng.uniform(1, 3))
    return Scene(rgb, a_light(rng, ambient=0.5), rng.uniform(0.84, 0.93), 0.28)


def lake(rng: np.random.Generator) -> Scene:
    """Return still or rippled water, with a far bank above it at times."""
    deep = pick(rng, (0.1, 0.2, 0.26), (0.06, 0.1, 0.12), (0.16, 0.3, 0.36), (0.12, 0.2, 0.12))
    glint: Colour = (deep[0] * 1.9 + 0.1, deep[1] * 1.8 + 0.1, deep[2] * 1.7 + 0.12)
    waves = noise(rng, "ripple") * (0.4 + 0.8 * DOWN)
    water = mixed(deep, glint, 0.38 + rng.uniform(0.08, 0.22) * waves + 0.2 * (1 - DOWN))
    at = rng.uniform(-0.2, 0.3)
    bank = bokeh(rng, (0.1, 0.16, 0.08), pick(rng, (0.4, 0.5, 0.28), (0.5, 0.5, 0.4)))
    rgb = relief.soften(horizon(rng, bank, water, at, 0.6), rng.uniform(0.4, 1.4))
    return Scene(rgb, a_light(rng), rng.uniform(0.6, 0.72), 0.35)


def reef(rng: np.random.Generator) -> Scene:
    """Return clear blue water with rays of light, and a sea floor at times."""
    top = pick(rng, (0.3, 0.65, 0.85), (0.25, 0.6, 0.7), (0.15, 0.45, 0.75))
    deep = pick(rng, (0.02, 0.18, 0.38), (0.03, 0.22, 0.32), (0.02, 0.12, 0.34))
    rgb = mixed(top, deep, DOWN * rng.uniform(0.8, 1.3) + 0.06 * noise(rng, "soft"))
    slant = rng.uniform(-0.6, 0.6)
    rays = textures.lookup("cloud", (ACROSS + slant * DOWN) * 0.7, np.full_like(DOWN, 0.37))
    rgb += (np.clip(rays - 0.4, 0, 1) * (1 - DOWN) * 0.12)[..., None]
    if rng.random() < 0.45:
        at = rng.uniform(0.72, 0.92)
        floor = mixed((0.1, 0.2, 0.24), (0.5, 0.58, 0.52), 0.5 + 0.3 * noise(rng, "clump"))
        rgb = horizon(rng, rgb, floor * 0.8, at, 3.0)
    rgb = relief.soften(np.asarray(rgb, dtype=np.float32), rng.uniform(1, 3))
    water = a_light(
        rng, haze=deep if rng.random() < 0.5 else top, thickness=rng.uniform(0.08, 0.22)
    )
    return Scene(rgb, water, 0.9, 0.0)


def deep(rng: np.random.Generator) -> Scene:
    """Return dark or deep blue water."""
    blue = pick(rng, (0.02, 0.1, 0.45), (0.03, 0.22, 0.62), (0.01, 0.02, 0.08), (0.05, 0.3, 0.6))
    dark: Colour = (blue[0] * 0.4, blue[1] * 0.4, blue[2] * 0.5)
    rgb = mixed(blue, dark, np.hypot(ACROSS - rng.uniform(0.2, 0.8), DOWN - 0.3) * 1.2)
    return Scene(textured(rgb, noise(rng, "grain"), 0.03), a_light(rng), 0.9, 0.0)


def leaf(rng: np.random.Generator) -> Scene:
    """Return a leaf from near, its veins running aslant, before green far out of focus."""
    green = pick(rng, (0.36, 0.56, 0.2), (0.45, 0.62, 0.26), (0.24, 0.42, 0.18))
    rgb = mixed(
        (green[0] * 0.7, green[1] * 0.72, green[2] * 0.6), green, 0.6 + 0.2 * noise(rng, "soft")
    )
    slope, offset = rng.uniform(-0.5, 0.5), rng.uniform(0.3, 0.7)
    middle = ACROSS - offset - slope * (DOWN - 0.5)
    veins = np.abs((DOWN + np.abs(middle) * 0.9) * rng.uniform(5, 8) % 1.0 - 0.5)
    line = np.clip(1 - veins * 16, 0, 1) * 0.35 + np.clip(1 - np.abs(middle) * 60, 0, 1) * 0.6
    rgb += (np.asarray((0.75, 0.85, 0.55), dtype=np.float32) - rgb) * (line * 0.6)[..., None]
    rgb = relief.soften(rgb, rng.uniform(0.6, 2.0))
    if rng.random() < 0.5:
        rgb = horizon(rng, bokeh(rng, (0.1, 0.18, 0.08), green), rgb, rng.uniform(0.2, 0.5), 1.0)
    return Scene(rgb, a_light(rng), rng.uniform(0.74, 0.86), 0.4)


def flowers(rng: np.random.Generator) -> Scene:
    """Return flowers among green, out of focus."""
    rgb = bokeh(rng, (0.12, 0.22, 0.08), pick(rng, (0.5, 0.65, 0.3), (0.4, 0.55, 0.35)))
    petals = pick(rng, (0.85, 0.45, 0.65), (0.95, 0.85, 0.3), (0.65, 0.45, 0.8), (0.95, 0.93, 0.9))
    for _ in range(int(rng.integers(4, 10))):
        x, y = rng.uniform(0, SIDE, 2)
        r = rng.uniform(14, 38)
        turn = np.linspace(0, 2 * np.pi, 6)[:-1] + rng.uniform(0, 6)
        shapes = [
            ellipse(x + r * np.cos(t) * 0.6, y + r * np.sin(t) * 0.6, r * 0.55, r * 0.35, t)
            for t in turn
        ]
        spot = relief.cover(shapes, SIDE, SIDE, 1)
        rgb += (np.asarray(vary(rng, petals), dtype=np.float32) - rgb) * (spot * 0.85)[..., None]
        heart = relief.cover([ellipse(x, y, r * 0.25, r * 0.25)], SIDE, SIDE, 1)
        rgb += (np.asarray((0.85, 0.7, 0.2), dtype=np.float32) - rgb) * (heart * 0.9)[..., None]
    return Scene(relief.soften(rgb, rng.uniform(1.5, 4)), a_light(rng), 0.85, 0.3)


def wood(rng: np.random.Generator) -> Scene:
    """Return weathered planks or bark."""
    brown = pick(rng, (0.58, 0.46, 0.34), (0.45, 0.38, 0.32), (0.62, 0.58, 0.52))
    grain = noise(rng, "blade") if rng.random() < 0.5 else noise(rng, "ripple")
    rgb = mixed((brown[0] * 0.5, brown[1] * 0.48, brown[2] * 0.46), brown, 0.6 + 0.22 * grain)
    return Scene(
        relief.soften(rgb, rng.uniform(0.0, 1.5)), a_light(rng), rng.uniform(0.8, 0.9), 0.5
    )


def wall(rng: np.random.Generator) -> Scene:
    """Return a plain wall, paper or cloth."""
    tone = pick(rng, (0.92, 0.92, 0.9), (0.75, 0.76, 0.78), (0.55, 0.6, 0.66), (0.82, 0.74, 0.62))
    fall = 1.08 - rng.uniform(0.1, 0.3) * np.hypot(ACROSS - 0.5, DOWN - 0.35)
    rgb = textured(mixed(tone, tone, DOWN) * fall[..., None], noise(rng, "soft"), 0.02)
    return Scene(np.asarray(rgb, dtype=np.float32), a_light(rng), rng.uniform(0.82, 0.92), 0.35)


SCENES: dict[str, Callable[[np.random.Generator], Scene]] = {
    scene.__name__: scene
    for scene in (
        savanna,
        meadow,
        forest,
        night,
        sand,
        beach,
        rock,
        ice,
        lake,
        reef,
        deep,
        leaf,
        flowers,
        wood,
        wall,
    )
}

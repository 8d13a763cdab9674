"""Backdrops: what lies behind the animal, where it stands and how the light falls.

Every scene is gradients, noise and simple shapes, out of focus, so that the animal stands out
as it does before a lens.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gallery.drawn import relief, textures
from gallery.drawn.canvas import SIDE, Light
from gallery.drawn.curves import Floats, along, ellipse, points, smooth
from gallery.drawn.figure import Colour
from gallery.drawn.relief import Grid


@dataclass(frozen=True, slots=True)
class Scene:
    """A backdrop with its light."""

    rgb: Grid
    light: Light
    ground: float = 0.85
    """How far down the picture feet stand, 0..1."""
    shadow: float = 0.45
    """How dark the ground is under the animal, 0..1."""
    plants: tuple[Colour, float] | None = None
    """Colour and thickness of blades that may grow in front, if any."""


def mixed(low: Colour, high: Colour, share: Grid) -> Grid:
    """Return colours between two, by share (h, w) 0..1."""
    a, b = np.asarray(low, dtype=np.float32), np.asarray(high, dtype=np.float32)
    return np.asarray(a + (b - a) * np.clip(share, 0, 1)[..., None], dtype=np.float32)


def vary(rng: np.random.Generator, colour: Colour, much: float = 0.06) -> Colour:
    """Return the colour, a little brighter or darker and a little off."""
    gain = 1 + rng.uniform(-2, 2) * much
    r, g, b = (float(np.clip(c * gain + rng.uniform(-0.5, 0.5) * much, 0, 1)) for c in colour)
    return r, g, b


def pick(rng: np.random.Generator, *colours: Colour) -> Colour:
    """Return one of the colours, varied."""
    return vary(rng, colours[int(rng.integers(len(colours)))])


_DOWN = (np.arange(SIDE, dtype=np.float32) / (SIDE - 1))[:, None] * np.ones((1, SIDE), np.float32)
_ACROSS = _DOWN.T.copy()


def _light(rng: np.random.Generator, **more: object) -> Light:
    side = rng.uniform(-0.8, 0.8)
    warm = rng.uniform(-0.06, 0.08)
    defaults: dict[str, object] = {
        "toward": (side, rng.uniform(-0.95, -0.45), rng.uniform(0.4, 0.75)),
        "strength": rng.uniform(0.6, 0.85),
        "ambient": rng.uniform(0.36, 0.5),
        "tint": (1 + warm, 1.0, 1 - warm),
    }
    return Light(**(defaults | more))  # type: ignore[arg-type]


def _noise(rng: np.random.Generator, name: str) -> Grid:
    return textures.window(name, rng, SIDE)


def _texture(rgb: Grid, noise: Grid, much: float) -> Grid:
    return rgb * (1 + much * noise)[..., None]


def _horizon(rng: np.random.Generator, sky: Grid, ground: Grid, at: float, rough: float) -> Grid:
    """Return sky over ground with an uneven, soft horizon."""
    edge = at + rough * _noise(rng, "cloud")[:1] * 0.05
    share = np.clip((_DOWN - edge) * 40 + 0.5, 0, 1)[..., None]
    return np.asarray(sky + (ground - sky) * share)


def _trees(rng: np.random.Generator, rgb: Grid, at: float, colour: Colour, height: float) -> None:
    """Lay a far line of trees over the horizon, in place."""
    ragged = _noise(rng, "clump")[0] * 0.5 + _noise(rng, "cloud")[0]
    top = at - height * np.clip(0.45 + 0.35 * ragged, 0.05, 1.2)
    share = np.clip((_DOWN - top[None, :]) * 60, 0, 1) * np.clip((at + 0.01 - _DOWN) * 60, 0, 1)
    leaves = mixed(tuple(0.55 * c for c in colour), colour, 0.5 + 0.4 * _noise(rng, "clump"))  # type: ignore[arg-type]
    rgb += (leaves - rgb) * share[..., None]


def _sky(rng: np.random.Generator) -> Grid:
    zenith = pick(rng, (0.35, 0.55, 0.85), (0.55, 0.68, 0.82), (0.72, 0.76, 0.8), (0.42, 0.6, 0.8))
    pale = pick(rng, (0.85, 0.9, 0.95), (0.9, 0.88, 0.82))
    sky = mixed(zenith, pale, _DOWN * 1.6)
    clouds = np.clip(_noise(rng, "cloud") - rng.uniform(0.2, 1.5), 0, 1) * 0.7
    return np.asarray(sky + (0.96 - sky) * clouds[..., None])


def _bokeh(rng: np.random.Generator, dark: Colour, bright: Colour) -> Grid:
    """Return foliage far out of focus."""
    rgb = mixed(dark, bright, 0.42 + 0.28 * _noise(rng, "cloud") + 0.1 * _noise(rng, "clump"))
    for _ in range(int(rng.integers(3, 12))):
        r = rng.uniform(5, 20)
        spot = relief.cover([ellipse(*rng.uniform(0, SIDE, 2), r, r)], SIDE, SIDE, 1)
        rgb += (np.asarray(bright) * 1.25 - rgb).astype(np.float32) * (spot * 0.35)[..., None]
    return relief.soften(rgb, rng.uniform(4, 8))


def _ground(rng: np.random.Generator, low: Colour, high: Colour, at: float) -> Grid:
    """Return ground that is coarse near the viewer and fine and pale far away."""
    near = np.clip((_DOWN - at) / max(0.1, 1 - at), 0, 1)
    coarse, fine = _noise(rng, "blade"), _noise(rng, "grain")
    share = 0.5 + 0.22 * coarse * (0.35 + 0.65 * near) + 0.08 * fine + 0.12 * _noise(rng, "cloud")
    return mixed(low, high, share) * (1.12 - 0.22 * near)[..., None]


def savanna(rng: np.random.Generator) -> Scene:
    """Return dry grass under a wide sky."""
    at = rng.uniform(0.3, 0.66)
    dry = pick(rng, (0.78, 0.68, 0.42), (0.72, 0.6, 0.38), (0.62, 0.62, 0.35), (0.8, 0.72, 0.52))
    low: Colour = (dry[0] * 0.6, dry[1] * 0.58, dry[2] * 0.5)
    rgb = _horizon(rng, _sky(rng), _ground(rng, low, dry, at), at, 1.0)
    if rng.random() < 0.75:  # noqa: PLR2004 - most savannas have trees
        _trees(rng, rgb, at, pick(rng, (0.4, 0.45, 0.25), (0.3, 0.4, 0.22)), rng.uniform(0.04, 0.3))
    rgb = relief.soften(rgb, rng.uniform(0.5, 2.5))
    return Scene(rgb, _light(rng), rng.uniform(0.82, 0.94), 0.4, (vary(rng, dry), 1.0))


def meadow(rng: np.random.Generator) -> Scene:
    """Return green grass, with or without trees behind it."""
    at = rng.uniform(0.05, 0.5)
    green = pick(rng, (0.45, 0.62, 0.25), (0.38, 0.55, 0.24), (0.55, 0.65, 0.32), (0.33, 0.5, 0.28))
    low: Colour = (green[0] * 0.5, green[1] * 0.55, green[2] * 0.5)
    behind = _bokeh(rng, (0.12, 0.2, 0.1), (0.4, 0.52, 0.3))
    rgb = _horizon(rng, behind, _ground(rng, low, green, at), at, 1.5)
    rgb = relief.soften(rgb, rng.uniform(0.5, 2.0))
    return Scene(rgb, _light(rng), rng.uniform(0.8, 0.92), 0.45, (vary(rng, green), 1.0))


def forest(rng: np.random.Generator) -> Scene:
    """Return leaves far out of focus with a trunk or two."""
    bright = pick(rng, (0.45, 0.52, 0.3), (0.52, 0.45, 0.28), (0.36, 0.48, 0.34))
    rgb = _bokeh(rng, (0.09, 0.12, 0.07), bright)
    for _ in range(int(rng.integers(0, 3))):
        x, wide = rng.uniform(0, SIDE), rng.uniform(12, 40)
        trunk = np.clip((wide / 2 - np.abs(_ACROSS * SIDE - x - 8 * _DOWN)) / 6, 0, 1)
        bark = mixed((0.16, 0.12, 0.09), (0.4, 0.34, 0.27), 0.5 + 0.3 * _noise(rng, "blade"))
        rgb += (bark - rgb) * (trunk * 0.8)[..., None]
    rgb = relief.soften(rgb, rng.uniform(2, 4))
    return Scene(rgb, _light(rng), rng.uniform(0.84, 0.95), 0.35)


def night(rng: np.random.Generator) -> Scene:
    """Return a nearly black backdrop with a lamp's light on the animal."""
    rgb = _bokeh(rng, (0.02, 0.025, 0.03), pick(rng, (0.12, 0.13, 0.12), (0.1, 0.09, 0.08)))
    return Scene(rgb, _light(rng, ambient=0.3, strength=0.8), 0.92, 0.2)


def sand(rng: np.random.Generator) -> Scene:
    """Return sand seen from above, with ripples and pebbles."""
    pale = pick(rng, (0.84, 0.75, 0.58), (0.76, 0.68, 0.56), (0.9, 0.84, 0.72), (0.66, 0.58, 0.46))
    low: Colour = (pale[0] * 0.68, pale[1] * 0.66, pale[2] * 0.62)
    fine, broad = _noise(rng, "grain"), _noise(rng, "ripple")
    rgb = mixed(low, pale, 0.62 + 0.12 * fine + rng.uniform(0.02, 0.16) * broad)
    for _ in range(int(rng.integers(0, 14))):
        r = rng.uniform(1.5, 5)
        x, y = rng.uniform(0, SIDE, 2)
        stone = ellipse(x, y, r, r * rng.uniform(0.5, 0.9), rng.uniform(0, 3), steps=10)
        dark = relief.cover([stone + (1.0, 1.6)], SIDE, SIDE, 1) * 0.35
        shape = relief.cover([stone], SIDE, SIDE, 1)
        rgb *= (1 - dark)[..., None]
        tone = np.asarray(pick(rng, (0.5, 0.45, 0.4), (0.85, 0.82, 0.78)), dtype=np.float32)
        rgb += (tone - rgb) * (shape * 0.9)[..., None]
    return Scene(rgb, _light(rng), rng.uniform(0.8, 0.9), 0.5)


def beach(rng: np.random.Generator) -> Scene:
    """Return sand with the sea behind it."""
    at = rng.uniform(0.15, 0.42)
    base = sand(rng)
    sea = mixed((0.12, 0.33, 0.45), (0.5, 0.68, 0.74), 0.5 + 0.25 * _noise(rng, "ripple"))
    rgb = _horizon(rng, _horizon(rng, _sky(rng), sea, at * 0.55, 0.1), base.rgb, at, 0.7)
    rgb = relief.soften(rgb, rng.uniform(0.5, 1.2))
    return Scene(rgb, base.light, rng.uniform(0.8, 0.92), 0.45)


def rock(rng: np.random.Generator) -> Scene:
    """Return weathered stone."""
    pale = pick(rng, (0.62, 0.6, 0.56), (0.52, 0.5, 0.5), (0.6, 0.52, 0.42), (0.45, 0.48, 0.44))
    low: Colour = (pale[0] * 0.4, pale[1] * 0.4, pale[2] * 0.42)
    cracks = np.clip(1 - 9 * _noise(rng, "cells"), 0, 1)
    rough = 0.58 + 0.2 * _noise(rng, "clump") + 0.12 * _noise(rng, "grain")
    rgb = mixed(low, pale, rough - 0.5 * cracks)
    rgb = relief.soften(rgb, rng.uniform(0.0, 1.6))
    return Scene(rgb, _light(rng), rng.uniform(0.82, 0.92), 0.5)


def ice(rng: np.random.Generator) -> Scene:
    """Return snow before a cold sky or blue ice."""
    at = rng.uniform(0.3, 0.65)
    far = pick(rng, (0.5, 0.64, 0.78), (0.72, 0.78, 0.84), (0.3, 0.45, 0.6))
    behind = mixed(far, (0.9, 0.93, 0.96), 0.4 + 0.25 * _noise(rng, "cloud"))
    snow = mixed((0.68, 0.75, 0.85), (0.97, 0.98, 1.0), 0.65 + 0.2 * _noise(rng, "cloud"))
    snow = _texture(snow, _noise(rng, "grain"), 0.02)
    rgb = relief.soften(_horizon(rng, behind, snow, at, 2.0), rng.uniform(1, 3))
    return Scene(rgb, _light(rng, ambient=0.5), rng.uniform(0.84, 0.93), 0.28)


def lake(rng: np.random.Generator) -> Scene:
    """Return still or rippled water, with a far bank above it at times."""
    deep = pick(rng, (0.1, 0.2, 0.26), (0.06, 0.1, 0.12), (0.16, 0.3, 0.36), (0.12, 0.2, 0.12))
    glint: Colour = (deep[0] * 1.9 + 0.1, deep[1] * 1.8 + 0.1, deep[2] * 1.7 + 0.12)
    waves = _noise(rng, "ripple") * (0.4 + 0.8 * _DOWN)
    water = mixed(deep, glint, 0.38 + rng.uniform(0.08, 0.22) * waves + 0.2 * (1 - _DOWN))
    at = rng.uniform(-0.2, 0.3)
    bank = _bokeh(rng, (0.1, 0.16, 0.08), pick(rng, (0.4, 0.5, 0.28), (0.5, 0.5, 0.4)))
    rgb = relief.soften(_horizon(rng, bank, water, at, 0.6), rng.uniform(0.4, 1.4))
    return Scene(rgb, _light(rng), rng.uniform(0.6, 0.72), 0.35)


def reef(rng: np.random.Generator) -> Scene:
    """Return clear blue water with rays of light, and a sea floor at times."""
    top = pick(rng, (0.3, 0.65, 0.85), (0.25, 0.6, 0.7), (0.15, 0.45, 0.75))
    deep = pick(rng, (0.02, 0.18, 0.38), (0.03, 0.22, 0.32), (0.02, 0.12, 0.34))
    rgb = mixed(top, deep, _DOWN * rng.uniform(0.8, 1.3) + 0.06 * _noise(rng, "cloud"))
    slant = rng.uniform(-0.6, 0.6)
    rays = textures.lookup("cloud", (_ACROSS + slant * _DOWN) * 0.7, np.full_like(_DOWN, 0.37))
    rgb += (np.clip(rays - 0.4, 0, 1) * (1 - _DOWN) * 0.12)[..., None]
    if rng.random() < 0.45:  # noqa: PLR2004 - some pictures show the floor
        at = rng.uniform(0.72, 0.92)
        floor = mixed((0.1, 0.2, 0.24), (0.5, 0.58, 0.52), 0.5 + 0.3 * _noise(rng, "clump"))
        rgb = _horizon(rng, rgb, floor * 0.8, at, 3.0)
    rgb = relief.soften(np.asarray(rgb, dtype=np.float32), rng.uniform(1, 3))
    water = _light(rng, haze=deep if rng.random() < 0.5 else top, thickness=rng.uniform(0.08, 0.22))  # noqa: PLR2004 - a coin
    return Scene(rgb, water, 0.9, 0.0)


def deep(rng: np.random.Generator) -> Scene:
    """Return dark or deep blue water."""
    blue = pick(rng, (0.02, 0.1, 0.45), (0.03, 0.22, 0.62), (0.01, 0.02, 0.08), (0.05, 0.3, 0.6))
    dark: Colour = (blue[0] * 0.4, blue[1] * 0.4, blue[2] * 0.5)
    rgb = mixed(blue, dark, np.hypot(_ACROSS - rng.uniform(0.2, 0.8), _DOWN - 0.3) * 1.2)
    return Scene(_texture(rgb, _noise(rng, "grain"), 0.03), _light(rng), 0.9, 0.0)


def leaf(rng: np.random.Generator) -> Scene:
    """Return a leaf from near, its veins running aslant, before green far out of focus."""
    green = pick(rng, (0.36, 0.56, 0.2), (0.45, 0.62, 0.26), (0.24, 0.42, 0.18))
    rgb = mixed(
        (green[0] * 0.7, green[1] * 0.72, green[2] * 0.6), green, 0.6 + 0.2 * _noise(rng, "cloud")
    )
    slope, offset = rng.uniform(-0.5, 0.5), rng.uniform(0.3, 0.7)
    middle = _ACROSS - offset - slope * (_DOWN - 0.5)
    veins = np.abs((_DOWN + np.abs(middle) * 0.9) * rng.uniform(5, 8) % 1.0 - 0.5)
    line = np.clip(1 - veins * 16, 0, 1) * 0.35 + np.clip(1 - np.abs(middle) * 60, 0, 1) * 0.6
    rgb += (np.asarray((0.75, 0.85, 0.55), dtype=np.float32) - rgb) * (line * 0.6)[..., None]
    rgb = relief.soften(rgb, rng.uniform(0.6, 2.0))
    if rng.random() < 0.5:  # noqa: PLR2004 - a coin
        rgb = _horizon(rng, _bokeh(rng, (0.1, 0.18, 0.08), green), rgb, rng.uniform(0.2, 0.5), 1.0)
    return Scene(rgb, _light(rng), rng.uniform(0.74, 0.86), 0.4)


def flowers(rng: np.random.Generator) -> Scene:
    """Return flowers among green, out of focus."""
    rgb = _bokeh(rng, (0.12, 0.22, 0.08), pick(rng, (0.5, 0.65, 0.3), (0.4, 0.55, 0.35)))
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
    return Scene(relief.soften(rgb, rng.uniform(1.5, 4)), _light(rng), 0.85, 0.3)


def wood(rng: np.random.Generator) -> Scene:
    """Return weathered planks or bark."""
    brown = pick(rng, (0.58, 0.46, 0.34), (0.45, 0.38, 0.32), (0.62, 0.58, 0.52))
    grain = _noise(rng, "blade") if rng.random() < 0.5 else _noise(rng, "ripple")  # noqa: PLR2004 - a coin
    rgb = mixed((brown[0] * 0.5, brown[1] * 0.48, brown[2] * 0.46), brown, 0.6 + 0.22 * grain)
    return Scene(relief.soften(rgb, rng.uniform(0.0, 1.5)), _light(rng), rng.uniform(0.8, 0.9), 0.5)


def wall(rng: np.random.Generator) -> Scene:
    """Return a plain wall, paper or cloth."""
    tone = pick(rng, (0.92, 0.92, 0.9), (0.75, 0.76, 0.78), (0.55, 0.6, 0.66), (0.82, 0.74, 0.62))
    fall = 1.08 - rng.uniform(0.1, 0.3) * np.hypot(_ACROSS - 0.5, _DOWN - 0.35)
    rgb = _texture(mixed(tone, tone, _DOWN) * fall[..., None], _noise(rng, "grain"), 0.015)
    return Scene(np.asarray(rgb, dtype=np.float32), _light(rng), rng.uniform(0.82, 0.92), 0.35)


def blades(rng: np.random.Generator, thick: float, ground: float) -> list[Floats]:
    """Return outlines of grass blades, in pixels, growing from below the picture's border."""
    out: list[Floats] = []
    for _ in range(int(rng.integers(12, 60))):
        x, tall = rng.uniform(-10, SIDE + 10), SIDE * (1.02 - ground) * rng.uniform(0.5, 1.5)
        lean = rng.uniform(-0.35, 0.35) * tall
        spine = points((x, SIDE + 4), (x + lean * 0.3, SIDE - tall * 0.6), (x + lean, SIDE - tall))
        line = along(smooth(spine, closed=False), 6)
        half = np.linspace(thick * rng.uniform(0.6, 1.6), 0.2, 6)[:, None] * (1.0, 0.0)
        out.append(np.concatenate([line - half, (line + half)[::-1]]))
    return out


SCENES: dict[str, Callable[[np.random.Generator], Scene]] = {
    scene.__name__: scene
    for scene in (
        savanna, meadow, forest, night, sand, beach, rock, ice, lake, reef, deep, leaf, flowers, wood, wall,
    )
}  # fmt: skip

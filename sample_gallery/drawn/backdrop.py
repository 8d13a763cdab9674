"""What scenes are made of: skies, ground, far trees, foliage out of focus, grass in front."""

import numpy as np

from sample_gallery.drawn import relief, textures
from sample_gallery.drawn.canvas import SIDE, Light
from sample_gallery.drawn.curves import Floats, along, ellipse, points, smooth
from sample_gallery.drawn.figure import Colour, tinted
from sample_gallery.drawn.palette import mixed, pick

DOWN = (np.arange(SIDE, dtype=np.float32) / (SIDE - 1))[:, None] * np.ones((1, SIDE), np.float32)
ACROSS = DOWN.T.copy()


def a_light(rng: np.random.Generator, **more: object) -> Light:
    """Return daylight from above, from one side or the other; `more` sets fields of Light."""
    side = rng.uniform(-0.8, 0.8)
    warm = rng.uniform(-0.06, 0.08)
    defaults: dict[str, object] = {
        "toward": (side, rng.uniform(-0.95, -0.45), rng.uniform(0.4, 0.75)),
        "strength": rng.uniform(0.6, 0.85),
        "ambient": rng.uniform(0.36, 0.5),
        "tint": (1 + warm, 1.0, 1 - warm),
    }
    return Light(**(defaults | more))  # type: ignore[arg-type]


def noise(rng: np.random.Generator, name: str) -> Floats:
    """Return a random piece of a texture, the size of a picture."""
    return textures.window(name, rng, SIDE)


def textured(rgb: Floats, noise: Floats, much: float) -> Floats:
    """Return the picture, brighter and darker with the noise."""
    return rgb * (1 + much * noise)[..., None]


def horizon(
    rng: np.random.Generator, sky: Floats, ground: Floats, at: float, rough: float
) -> Floats:
    """Return sky over ground with an uneven, soft horizon."""
    edge = at + rough * noise(rng, "cloud")[:1] * 0.05
    share = np.clip((DOWN - edge) * 40 + 0.5, 0, 1)[..., None]
    return np.asarray(sky + (ground - sky) * share)


def trees(rng: np.random.Generator, rgb: Floats, at: float, colour: Colour, height: float) -> None:
    """Lay a far line of trees over the horizon, in place."""
    ragged = noise(rng, "clump")[0] * 0.5 + noise(rng, "cloud")[0]
    top = at - height * np.clip(0.45 + 0.35 * ragged, 0.05, 1.2)
    share = np.clip((DOWN - top[None, :]) * 60, 0, 1) * np.clip((at + 0.01 - DOWN) * 60, 0, 1)
    leaves = mixed(tinted(colour, 0.55), colour, 0.5 + 0.4 * noise(rng, "clump"))
    rgb += (leaves - rgb) * share[..., None]


def sky(rng: np.random.Generator) -> Floats:
    """Return a sky, clear, cloudy or dull."""
    zenith = pick(rng, (0.35, 0.55, 0.85), (0.55, 0.68, 0.82), (0.72, 0.76, 0.8), (0.42, 0.6, 0.8))
    pale = pick(rng, (0.85, 0.9, 0.95), (0.9, 0.88, 0.82))
    sky = mixed(zenith, pale, DOWN * 1.6)
    clouds = np.clip(noise(rng, "soft") - rng.uniform(0.2, 1.5), 0, 1) * 0.7
    return np.asarray(sky + (0.96 - sky) * clouds[..., None])


def bokeh(rng: np.random.Generator, dark: Colour, bright: Colour) -> Floats:
    """Return foliage far out of focus."""
    rgb = mixed(dark, bright, 0.42 + 0.3 * noise(rng, "soft") + 0.06 * noise(rng, "clump"))
    spots = []
    for _ in range(int(rng.integers(3, 12))):
        x, y, r = (float(v) for v in rng.uniform((0, 0, 5), (SIDE, SIDE, 20)))
        spots.append(ellipse(x, y, r, r, steps=20))
    glow = relief.shadow(spots, SIDE, 1.5)[..., None]
    rgb += (np.asarray(bright) * 1.25 - rgb) * glow * 0.35
    return relief.soften(rgb, rng.uniform(4, 8))


def ground(rng: np.random.Generator, low: Colour, high: Colour, at: float) -> Floats:
    """Return ground that is coarse near the viewer and fine and pale far away."""
    near = np.clip((DOWN - at) / max(0.1, 1 - at), 0, 1)
    coarse, fine = noise(rng, "blade"), noise(rng, "grain")
    share = 0.5 + 0.22 * coarse * (0.35 + 0.65 * near) + 0.08 * fine + 0.12 * noise(rng, "cloud")
    return mixed(low, high, share) * (1.12 - 0.22 * near)[..., None]


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

"""Pictures: a figure placed in a scene, lit, and taken with a small camera's faults."""

import io

import numpy as np
from PIL import Image

from sample_gallery.drawn import relief, textures
from sample_gallery.drawn.backdrop import blades
from sample_gallery.drawn.canvas import SIDE, Canvas, View
from sample_gallery.drawn.curves import Floats, ellipse
from sample_gallery.drawn.figure import Figure, bounds
from sample_gallery.drawn.palette import vary
from sample_gallery.drawn.scenes import SCENES, Scene

_FLIP = 0.5


def picture(figure: Figure, rng: np.random.Generator) -> bytes:
    """Return a 256 x 256 JPEG of the figure in one of its scenes."""
    scene = SCENES[figure.scenes[int(rng.integers(len(figure.scenes)))]](rng)
    view = _view(figure, scene, rng)
    _ground_shadow(figure, scene, view, rng)
    canvas = Canvas(scene.rgb, view, scene.light)
    canvas.draw(figure.layers)
    rgb = canvas.rgb
    if figure.floats:
        rgb = _mirrored(rgb, canvas.alpha, view, figure, rng)
    if scene.plants is not None and rng.random() < 0.4:
        colour, thick = scene.plants
        for part in np.array_split(np.arange(3), 3):
            cover = relief.cover(blades(rng, thick, scene.ground), SIDE, SIDE, 2)
            tone = np.asarray(vary(rng, colour, 0.12), dtype=np.float32) * (0.8 + 0.1 * part[0])
            rgb += (tone - rgb) * (cover * 0.9)[..., None]
    return _developed(rgb, rng)


def _view(figure: Figure, scene: Scene, rng: np.random.Generator) -> View:
    left, top, right, bottom = bounds(figure.layers)
    long = max(right - left, bottom - top)
    scale = SIDE * rng.uniform(*figure.size) / long
    angle = rng.uniform(-figure.spin, figure.spin)
    flip = bool(rng.random() < _FLIP)
    close = figure.portrait is not None and rng.random() < figure.close_ups
    if close:
        scale *= rng.uniform(1.7, 2.3)
    unplaced = View(scale, angle, flip, 0.0, 0.0)
    corners = np.array([(left, top), (right, top), (left, bottom), (right, bottom)])
    placed = unplaced.pixels(corners)
    low, high = placed.min(axis=0), placed.max(axis=0)
    if close and figure.portrait is not None:
        at = unplaced.pixels(np.asarray([figure.portrait]))[0]
        x, y = SIDE * rng.uniform(0.4, 0.6, 2) - at
    else:
        spare = np.maximum(0, SIDE * 0.96 - (high - low))
        x, y = SIDE * 0.02 - low + spare * rng.uniform(0, 1, 2)
        if figure.stands:
            y = min(SIDE * scene.ground, SIDE * 0.97) - high[1]
            y = max(y, SIDE * 0.03 - low[1])
    return View(scale, angle, flip, float(x), float(y))


def _ground_shadow(figure: Figure, scene: Scene, view: View, rng: np.random.Generator) -> None:
    """Darken the ground under what stands, or beside what lies flat, in place."""
    if scene.shadow <= 0 or figure.floats:
        return
    left, _, right, bottom = bounds(figure.layers)
    if figure.stands:
        wide = (right - left) * 0.42
        middle = view.pixels(np.asarray([((left + right) / 2, bottom)]))[0]
        lean = -scene.light.toward[0] * wide * view.scale * 0.4
        shape = ellipse(middle[0] + lean, middle[1] - 1, wide * view.scale, 0.07 * view.scale)
        soft = relief.shadow([shape], SIDE, 4)
    else:
        outlines = [
            view.pixels(shape.outline) + np.asarray(scene.light.toward[:2]) * -0.05 * view.scale
            for layer in figure.layers
            if hasattr(layer, "shapes")
            for shape in layer.shapes
        ]
        soft = relief.shadow(outlines, SIDE, 3)
    scene.rgb.__imul__((1 - scene.shadow * rng.uniform(0.7, 1.2) * soft)[..., None])


def _mirrored(
    rgb: Floats, alpha: Floats, view: View, figure: Figure, rng: np.random.Generator
) -> Floats:
    """Return the picture with the figure mirrored in the water below its lowest point."""
    line = int(view.pixels(np.asarray([(0.0, bounds(figure.layers)[3])]))[0][1]) - 3
    rows = np.arange(SIDE)
    source = np.clip(2 * line - rows, 0, SIDE - 1)
    ripple = textures.window("ripple", rng, SIDE)
    shift = (ripple[:, 128] * 0.03 * np.clip(rows - line, 0, None)).astype(int)
    columns = np.clip(np.arange(SIDE)[None, :] + shift[:, None], 0, SIDE - 1)
    image, cover = rgb[source[:, None], columns], alpha[source[:, None], columns]
    fade = np.clip(1 - (rows - line) / 110, 0, 1) * (rows > line)
    share = cover * fade[:, None].astype(np.float32) * (0.5 + 0.1 * ripple) * (1 - alpha)
    return np.asarray(rgb + (image * 0.75 - rgb) * share[..., None], dtype=np.float32)


def _developed(rgb: Floats, rng: np.random.Generator) -> bytes:
    """Return the JPEG: exposure, vignette, grain, a touch of blur."""
    out = relief.soften(rgb, 1.0) if rng.random() < 0.15 else rgb
    axis = np.linspace(-1, 1, SIDE, dtype=np.float32) ** 2
    vignette = 1 - np.float32(rng.uniform(0.0, 0.09)) * (axis[:, None] + axis[None, :])
    gain, contrast = rng.uniform(0.94, 1.22), rng.uniform(0.95, 1.15)
    # Contrast turns about middle grey; all of it in one pass over the pixels.
    out = out * (vignette * np.float32(gain * contrast * 255))[..., None]
    grain = textures.window("dust", rng, SIDE) * np.float32(rng.uniform(0.006, 0.02) * 255)
    out += (grain + np.float32(127.5 * (1 - contrast) + 0.5))[..., None]
    pixels = np.clip(out, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()

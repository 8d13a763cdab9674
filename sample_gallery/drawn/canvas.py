"""The photographer: lights a figure's layers and lays them over a backdrop."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from sample_gallery.drawn import relief, textures
from sample_gallery.drawn.curves import Floats
from sample_gallery.drawn.figure import Coat, Colour, Dab, Layer, Line, Place, Shape, Skin

SIDE = 256
"""Pixels along a picture's side."""

MARGIN = 40
"""Pixels beyond the border that are still drawn, so that the light isn't cut there."""


@dataclass(frozen=True, slots=True)
class View:
    """From a figure's units to pixels: scale, turn, flip, then move."""

    scale: float
    angle: float
    flip: bool
    x: float
    y: float

    def matrix(self) -> Floats:
        """Return the 2 x 2 part, to be multiplied from the right."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        side = -1.0 if self.flip else 1.0
        turned = np.array([[side, 0.0], [0.0, 1.0]]) @ np.array([[c, s], [-s, c]])
        return np.asarray(turned * self.scale)

    def pixels(self, curve: Floats) -> Floats:
        """Return a curve's points in pixels."""
        return np.asarray(curve @ self.matrix() + (self.x, self.y))


@dataclass(frozen=True, slots=True)
class Light:
    """Where the light comes from and what it looks like."""

    toward: tuple[float, float, float] = (-0.45, -0.7, 0.55)
    """Direction to the light: x right, y down, z to the viewer."""
    strength: float = 0.75
    ambient: float = 0.42
    tint: Colour = (1.0, 1.0, 1.0)
    haze: Colour = (0.6, 0.7, 0.8)
    thickness: float = 0.0
    """How much of the haze lies over the figure, as water or mist does."""


class Canvas:
    """A picture in the making: `rgb` is (256, 256, 3) float32, 0..1."""

    def __init__(self, backdrop: Floats, view: View, light: Light) -> None:
        self.rgb = backdrop
        self.alpha = np.zeros((SIDE, SIDE), dtype=np.float32)
        self._view = view
        self._light = light
        self._inverse = np.linalg.inv(view.matrix())

    def draw(self, layers: tuple[Layer, ...]) -> None:
        """Draw the layers from back to front."""
        for layer in layers:
            if isinstance(layer, Skin):
                self._skin(layer)
            elif isinstance(layer, Dab):
                self._dab(layer)
            elif layer.in_photo:
                self._line(layer)

    def _window(self, curves: list[Floats], pad: float) -> tuple[int, int, int, int] | None:
        """Return left, top and even width and height round the curves, or None if out of sight."""
        everything = np.concatenate(curves)
        low = np.maximum(np.floor(everything.min(axis=0) - pad), -MARGIN).astype(int)
        high = np.minimum(np.ceil(everything.max(axis=0) + pad), SIDE + MARGIN).astype(int)
        if (high <= 0).any() or (low >= SIDE).any():
            return None
        width, height = (int(v) + int(v) % 2 for v in high - low)
        return int(low[0]), int(low[1]), max(4, width), max(4, height)

    def _blend(self, left: int, top: int, colour: Floats, alpha: Floats) -> None:
        height, width = alpha.shape
        x0, y0 = max(0, left), max(0, top)
        x1, y1 = min(SIDE, left + width), min(SIDE, top + height)
        if x0 >= x1 or y0 >= y1:
            return
        part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        here = (slice(y0, y1), slice(x0, x1))
        a = alpha[part][..., None]
        self.rgb[here] += (colour[part] - self.rgb[here]) * a
        self.alpha[here] = np.maximum(self.alpha[here], alpha[part])

    def _skin(self, skin: Skin) -> None:
        outlines = [self._view.pixels(shape.outline) for shape in skin.shapes]
        coat, scale = skin.coat, self._view.scale
        window = self._window(outlines, 3 + 6 * coat.fuzzy)
        if window is None:
            return
        left, top, width, height = window
        local = [outline - (left, top) for outline in outlines]
        alpha = relief.cover(local, width, height)
        wanted = coat.pattern is not None
        surface, place = self._surface(skin.shapes, local, window, wanted=wanted)
        if coat.fuzzy > 0:
            ragged = textures.lookup("fur", place.y / coat.tile, place.x / coat.tile)
            near = relief.box(alpha, max(1, round(0.012 * scale * coat.fuzzy * 2)))
            alpha = np.clip((near - 0.5 + 0.16 * coat.fuzzy * ragged) * 3 + 0.5, 0, 1)
        colour = self._colour(coat, place)
        lit = self._lit(surface, coat, width, height)
        colour = colour * (lit[0] * (1 - coat.glow) + coat.glow)[..., None] * skin.shade
        colour = colour * np.asarray(self._light.tint, dtype=np.float32) + lit[1][..., None]
        haze = np.asarray(self._light.haze, dtype=np.float32)
        colour += (haze - colour) * self._light.thickness
        if coat.clear > 0:
            alpha = alpha * (1 - coat.clear * place.depth)
        self._blend(left, top, colour.astype(np.float32), alpha.astype(np.float32))

    def _surface(
        self,
        shapes: tuple[Shape, ...],
        local: list[Floats],
        window: tuple[int, int, int, int],
        *,
        wanted: bool,
    ) -> tuple[Floats, Place]:
        """Return the common height at half resolution, and where each pixel lies."""
        left, top, width, height = window
        w, h = width // 2, height // 2
        surface = np.zeros((h, w), dtype=np.float32)
        deep = np.zeros((h, w), dtype=np.float32)
        x, y = self._units(left, top, width, height)
        course = np.zeros((h, w), dtype=np.float32)
        for shape, outline in zip(shapes, local, strict=True):
            radius = shape.puff * self._view.scale / 2
            x0, y0 = (max(0, int(v)) for v in outline.min(axis=0) / 2 - 1)
            x1, y1 = (int(v) for v in np.minimum(outline.max(axis=0) / 2 + 2, (w, h)))
            if x1 <= x0 or y1 <= y0:
                continue
            part = (slice(y0, y1), slice(x0, x1))
            offset = np.asarray((x0, y0))
            mask = relief.cover([outline / 2 - offset], x1 - x0, y1 - y0, 3)
            tall, depth = relief.inflate(mask, radius)
            tall = tall * shape.bulge + shape.lift * self._view.scale / 2 * np.minimum(1, depth * 3)
            higher = (tall > surface[part]) & (mask > 0)
            surface[part] = np.where(higher, tall, surface[part])
            deep[part] = np.where(higher, depth, deep[part])
            if wanted:
                here = part_full(part)
                run = self._course(shape, x[here], y[here], (x0, y0), window)
                course[part] = np.where(higher, run, course[part])
        place = Place(
            x=x,
            y=y,
            along=relief.spread(course, width, height) if wanted else x,
            depth=relief.spread(deep, width, height),
            texture=textures.lookup,
        )
        return relief.box(surface, 1), place

    def _units(self, left: int, top: int, width: int, height: int) -> tuple[Floats, Floats]:
        px = np.arange(width, dtype=np.float32) + np.float32(0.5 + left - self._view.x)
        py = np.arange(height, dtype=np.float32) + np.float32(0.5 + top - self._view.y)
        m = self._inverse.astype(np.float32)
        x = px[None, :] * m[0, 0] + py[:, None] * m[1, 0]
        y = px[None, :] * m[0, 1] + py[:, None] * m[1, 1]
        return x, y

    def _course(
        self,
        shape: Shape,
        x: Floats,
        y: Floats,
        corner: tuple[int, int],
        window: tuple[int, int, int, int],
    ) -> Floats:
        """Return how far along the shape each half-resolution pixel lies, in units."""
        if shape.ribs is None:
            return (x * shape.axis[0] + y * shape.axis[1]).astype(np.float32)
        ribs = (self._view.pixels(shape.ribs.reshape(-1, 2)) - window[:2]) / 2 - corner
        ribs = ribs.reshape(-1, 2, 2)
        middle = shape.ribs.mean(axis=1)
        steps_between = np.hypot(*np.diff(middle, axis=0).T)
        length = shape.start + np.concatenate([[0], np.cumsum(steps_between)])
        fine = 2
        share = (np.arange(fine + 1) / fine)[None, :, None, None]
        steps = ribs[:-1, None] + (ribs[1:, None] - ribs[:-1, None]) * share
        quads = np.concatenate([steps[:, :-1], steps[:, 1:, ::-1]], axis=2).reshape(-1, 8).tolist()
        middles = np.linspace(0.5, fine - 0.5, fine) / fine
        runs = (length[:-1, None] + np.diff(length)[:, None] * middles).ravel().tolist()
        image = Image.new("F", (x.shape[1], x.shape[0]))
        draw = ImageDraw.Draw(image)
        for quad, run in zip(quads, runs, strict=True):
            draw.polygon(quad, fill=run)
        return np.asarray(image, dtype=np.float32)

    def _colour(self, coat: Coat, place: Place) -> Floats:
        colour = np.empty((*place.x.shape, 3), dtype=np.float32)
        colour[:] = coat.colour
        if coat.under is not None:
            down = np.clip((place.y - coat.under_from) / coat.under_over, 0, 1)[..., None]
            colour += (
                (np.asarray(coat.under, dtype=np.float32) - colour) * down * down * (3 - 2 * down)
            )
        if coat.pattern is not None:
            much = coat.pattern(place)[..., None]
            colour += (np.asarray(coat.mark, dtype=np.float32) - colour) * much
        if coat.rough > 0:
            c, s = np.cos(coat.lay) / coat.tile, np.sin(coat.lay) / coat.tile
            fine = textures.lookup(
                coat.texture, place.x * c + place.y * s, place.y * c - place.x * s
            )
            broad = textures.lookup("clump", place.x / 4, place.y / 4)
            colour *= (1 + coat.rough * (fine + 0.6 * broad))[..., None]
        return colour

    def _lit(self, surface: Floats, coat: Coat, width: int, height: int) -> tuple[Floats, Floats]:
        """Return the light on the surface and its highlights, (height, width) each."""
        slope_y, slope_x = np.gradient(surface)
        norm = 1 / np.sqrt(slope_x**2 + slope_y**2 + 1)
        lx, ly, lz = np.asarray(self._light.toward) / np.linalg.norm(self._light.toward)
        facing = np.clip((lz - slope_x * lx - slope_y * ly) * norm, 0, None)
        sky = 0.5 + 0.5 * slope_y * norm
        light = self._light.ambient * (0.55 + 0.6 * sky) + self._light.strength * facing
        lit = relief.spread(light.astype(np.float32), width, height)
        if coat.gloss <= 0:
            return lit, np.zeros_like(lit)
        half = np.asarray((lx, ly, lz + 1)) / np.linalg.norm((lx, ly, lz + 1))
        shine = np.clip((half[2] - slope_x * half[0] - slope_y * half[1]) * norm, 0, 1) ** 24
        return lit, coat.gloss * relief.spread(shine.astype(np.float32), width, height)

    def _dab(self, dab: Dab) -> None:
        outline = self._view.pixels(dab.outline)
        window = self._window([outline], 2)
        if window is None:
            return
        left, top, width, height = window
        alpha = relief.cover([outline - (left, top)], width, height) * dab.opacity
        self._flat(left, top, dab.colour, alpha, lit=dab.lit)

    def _line(self, line: Line) -> None:
        curve = self._view.pixels(line.curve)
        thickness = max(0.6, line.width * self._view.scale)
        window = self._window([curve], thickness + 2)
        if window is None:
            return
        left, top, width, height = window
        alpha = relief.stroke(curve - (left, top), thickness, width, height) * line.opacity
        self._flat(left, top, line.colour, alpha, lit=True)

    def _flat(self, left: int, top: int, colour: Colour, alpha: Floats, *, lit: bool) -> None:
        flat = np.asarray(colour, dtype=np.float32)
        if lit:
            light = self._light
            flat = (
                flat
                * np.asarray(light.tint, dtype=np.float32)
                * (light.ambient + 0.6 * light.strength)
            )
            flat = flat + (np.asarray(light.haze, dtype=np.float32) - flat) * light.thickness
        filled = np.broadcast_to(flat, (*alpha.shape, 3)).astype(np.float32)
        self._blend(left, top, filled, alpha)


def part_full(part: tuple[slice, slice]) -> tuple[slice, slice]:
    """Return the full-resolution samples under a half-resolution window."""
    rows, columns = part
    return slice(rows.start * 2, rows.stop * 2, 2), slice(columns.start * 2, columns.stop * 2, 2)

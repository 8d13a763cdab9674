"""The words in which an animal is described, once for the picture and for the sketch.

A figure is a list of layers from back to front: skins (one or more shapes under one coat,
which the light takes as one surface), dabs (small flat things, such as an eye) and lines.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from sample_gallery.drawn.curves import Floats, ellipse, smooth, tube

Colour: TypeAlias = tuple[float, float, float]
"""Red, green and blue, each 0..1."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where each pixel of a skin lies, as patterns need it; all arrays have one shape."""

    x: Floats
    """The figure's own x."""
    y: Floats
    """The figure's own y."""
    along: Floats
    """How far along its shape: the spine for a tube, the frame's axis elsewhere."""
    depth: Floats
    """How far from the shape's edge: 0 at the edge, 1 on the ridge."""
    texture: Callable[[str, Floats, Floats], Floats]
    """Look a tileable texture up by name; one unit is one tile."""


Pattern: TypeAlias = Callable[[Place], Floats]
"""From places to how much of the mark's colour is seen there, 0..1."""


@dataclass(frozen=True, slots=True)
class Coat:
    """How a skin looks before the light falls on it."""

    colour: Colour
    mark: Colour = (0.0, 0.0, 0.0)
    pattern: Pattern | None = None
    under: Colour | None = None
    """Colour of the lower side, for countershading; y = `under_from` is where it begins."""
    under_from: float = 0.0
    under_over: float = 0.3
    texture: str = "fur"
    lay: float = 0.4
    """Angle of the hairs, in radians downwards from the level."""
    rough: float = 0.12
    """How much the texture changes the brightness."""
    tile: float = 0.6
    """Size of one texture tile, in units."""
    fuzzy: float = 0.0
    """How ragged the edge is, 0 (smooth) to 1 (long fur)."""
    gloss: float = 0.05
    clear: float = 0.0
    """How much of what is behind shines through, 0..1."""
    glow: float = 0.0
    """How much of its colour it has without light, 0..1."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A closed outline with the thickness that the light sees."""

    outline: Floats
    puff: float
    """Radius over which the surface bends away at the edge, in units."""
    lift: float = 0.0
    axis: tuple[float, float] = (1.0, 0.0)
    ribs: Floats | None = None
    start: float = 0.0
    """How far along it begins, for a shape that goes on from another."""
    bulge: float = 1.0
    """Height as a share of the puff: 1 is round, 0.1 nearly flat."""

    def __post_init__(self) -> None:
        if self.outline.ndim != 2 or self.outline.shape[1] != 2 or len(self.outline) < 3:
            raise ValueError(f"outline must be (n >= 3, 2), got {self.outline.shape}")
        if self.puff <= 0:
            raise ValueError(f"puff must be above 0, got {self.puff}")


@dataclass(frozen=True, slots=True)
class Skin:
    """Shapes under one coat, lit as one surface; a sketch shows their common outline."""

    shapes: tuple[Shape, ...]
    coat: Coat
    shade: float = 1.0
    """Brightness, below 1 for what is on the far side."""
    chance: float = 1.0
    """How often a sketch shows it."""
    prop: bool = False
    """Whether it is no part of the animal, which alone is fitted into the picture."""


@dataclass(frozen=True, slots=True)
class Dab:
    """A small flat patch: an eye, a nostril, a hoof."""

    outline: Floats
    colour: Colour
    opacity: float = 1.0
    lit: bool = True
    in_sketch: bool = True
    filled: bool = False
    """Whether a sketch fills it with black."""
    chance: float = 1.0


@dataclass(frozen=True, slots=True)
class Line:
    """An open line: a whisker, a mouth, or a hint of a pattern for the sketch alone."""

    curve: Floats
    colour: Colour = (0.0, 0.0, 0.0)
    width: float = 0.02
    opacity: float = 1.0
    in_photo: bool = True
    in_sketch: bool = True
    chance: float = 1.0


Layer: TypeAlias = Skin | Dab | Line


@dataclass(frozen=True, slots=True)
class Figure:
    """An animal in one pose."""

    layers: tuple[Layer, ...]
    scenes: tuple[str, ...]
    """Names of the scenes where it may be seen."""
    stands: bool = True
    """Whether its lowest point rests on the ground; otherwise it swims, flies or lies flat."""
    spin: float = 0.12
    """How far it may be turned, in radians either way."""
    size: tuple[float, float] = (0.62, 0.86)
    """Its longer side as a share of the picture's, smallest and largest."""
    floats: bool = False
    """Whether it sits on water, which mirrors it."""
    portrait: tuple[float, float] | None = None
    """The point that a close-up shows, if close-ups are wanted."""
    close_ups: float = 0.15
    """How many pictures are close-ups, 0..1."""
    tags: dict[str, str] = field(default_factory=dict)


def limb(
    spine: Floats,
    radii: tuple[float, ...],
    *,
    puff: float | None = None,
    lift: float = 0.0,
    count: int = 16,
) -> Shape:
    """Return a tube as a shape."""
    outline, ribs = tube(spine, radii, count=count)
    return Shape(outline, puff or max(radii), lift, ribs=ribs)


def blob(
    control: Floats, puff: float, *, lift: float = 0.0, axis: tuple[float, float] = (1.0, 0.0)
) -> Shape:
    """Return a smooth closed outline through the control points as a shape."""
    return Shape(smooth(control), puff, lift, axis)


def ball(
    x: float, y: float, rx: float, ry: float, angle: float = 0.0, *, lift: float = 0.0
) -> Shape:
    """Return an ellipse as a shape, as thick as its smaller radius."""
    return Shape(ellipse(x, y, rx, ry, angle), min(rx, ry), lift)


def tinted(colour: Colour, gain: float) -> Colour:
    """Return the colour, brighter or darker by a factor."""
    r, g, b = (min(1.0, c * gain) for c in colour)
    return r, g, b


def eye(x: float, y: float, r: float, iris: Colour = (0.08, 0.05, 0.03)) -> tuple[Layer, ...]:
    """Return an eye with a catch-light."""
    shine = ellipse(x - 0.3 * r, y - 0.35 * r, 0.32 * r, 0.32 * r, steps=10)
    return (
        Dab(ellipse(x, y, 1.25 * r, 1.2 * r, steps=16), (0.05, 0.04, 0.03), 0.6, in_sketch=False),
        Dab(ellipse(x, y, r, r, steps=16), iris, lit=False, filled=True),
        Dab(shine, (1.0, 1.0, 1.0), 0.9, lit=False, in_sketch=False),
    )


def bounds(layers: tuple[Layer, ...]) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of all skins, in units."""
    outlines = [
        shape.outline
        for layer in layers
        if isinstance(layer, Skin) and not layer.prop
        for shape in layer.shapes
    ]
    everything = np.concatenate(outlines)
    (left, top), (right, bottom) = everything.min(axis=0), everything.max(axis=0)
    return float(left), float(top), float(right), float(bottom)

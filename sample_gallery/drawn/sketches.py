"""Sketches: a figure's outlines and features as a hand would draw them.

Outlines of shapes under one coat are joined, what lies behind is left out, and each remaining
piece becomes a stroke with a wobble, a width and ends of its own. Some strokes stop short, some
are missing.
"""

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from sample_gallery.drawn.canvas import SIDE, View
from sample_gallery.drawn.curves import Floats, along
from sample_gallery.drawn.figure import Dab, Figure, Layer, Line, Skin, bounds

Mask = npt.NDArray[np.uint8]

_FINE = 4
_MIN_PIXELS = 5.0


@dataclass(frozen=True, slots=True)
class Hand:
    """How somebody draws."""

    width: float
    """Width of the pen, in pixels."""
    wobble: float
    """How far the line strays, in pixels."""
    skew: float
    """How far the whole is out of proportion."""
    gap: float
    """How often a stroke stops short or is missing."""
    detail: float
    """How many of the optional features are drawn, 0..1."""


def a_hand(rng: np.random.Generator) -> Hand:
    """Return a random hand, from careful to hasty."""
    haste = rng.uniform(0, 1)
    return Hand(
        width=rng.uniform(1.4, 3.6),
        wobble=0.5 + 2.2 * haste,
        skew=0.04 + 0.1 * haste,
        gap=0.02 + 0.12 * haste,
        detail=rng.uniform(0.35, 1.0),
    )


def strokes(figure: Figure, rng: np.random.Generator, hand: Hand) -> list[Floats]:
    """Return the visible strokes in pixels, each (n >= 2, 2), in the order they are drawn."""
    view = _view(figure, rng)
    bend = rng.uniform(-1, 1, (2, 2, 3))
    kept: list[Floats] = []
    above = Image.new("L", (SIDE * 2, SIDE * 2))
    for layer in reversed(figure.layers):
        if not _drawn(layer, rng, hand):
            continue
        outlines = [_bent(view.pixels(curve), bend, hand) for curve in _outlines(layer)]
        hidden = np.asarray(above)
        for i, outline in enumerate(outlines):
            closed = not isinstance(layer, Line)
            joined = _filled(outlines[:i] + outlines[i + 1 :]) if len(outlines) > 1 else hidden
            runs = _visible(outline, hidden, joined, closed=closed)
            kept += [_by_hand(run, rng, hand) for run in runs]
        if isinstance(layer, Skin):
            _fill(above, outlines)
    return [
        stroke for stroke in reversed(kept) if rng.random() >= hand.gap * 0.5 or len(stroke) > 60
    ]


def sketch(figure: Figure, rng: np.random.Generator) -> bytes:
    """Return a 256 x 256 PNG of the figure, black on white."""
    hand = a_hand(rng)
    image = Image.new("L", (SIDE * _FINE, SIDE * _FINE), 255)
    draw = ImageDraw.Draw(image)
    for stroke in strokes(figure, rng, hand):
        pen = max(3, round(hand.width * _FINE * rng.uniform(0.85, 1.15)))
        scaled = stroke * _FINE
        draw.line(scaled.ravel().tolist(), fill=0, width=pen, joint="curve")
        for x, y in (scaled[0], scaled[-1]):
            draw.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=0)
    small = image.reduce(_FINE)
    buffer = io.BytesIO()
    small.point(lambda v: v // 17 * 17).save(buffer, "PNG", bits=8)
    return buffer.getvalue()


def _drawn(layer: Layer, rng: np.random.Generator, hand: Hand) -> bool:
    if isinstance(layer, Dab | Line) and not layer.in_sketch:
        return False
    return bool(layer.chance >= 1 or rng.random() < layer.chance * hand.detail)


def _outlines(layer: Layer) -> list[Floats]:
    if isinstance(layer, Skin):
        return [shape.outline for shape in layer.shapes]
    return [layer.outline if isinstance(layer, Dab) else layer.curve]


def _view(figure: Figure, rng: np.random.Generator) -> View:
    left, top, right, bottom = bounds(figure.layers)
    scale = SIDE * rng.uniform(0.6, 0.88) / max(right - left, bottom - top)
    angle = rng.uniform(-figure.spin, figure.spin) * (1.0 if figure.spin > 1 else 0.6)
    unplaced = View(scale, angle, bool(rng.random() < 0.5), 0.0, 0.0)
    corners = np.array([(left, top), (right, top), (left, bottom), (right, bottom)])
    middle = unplaced.pixels(corners).mean(axis=0)
    x, y = SIDE / 2 - middle + rng.uniform(-0.03, 0.03, 2) * SIDE
    return View(unplaced.scale, unplaced.angle, unplaced.flip, float(x), float(y))


def _bent(curve: Floats, bend: Floats, hand: Hand) -> Floats:
    """Return the curve with the whole sheet's proportions out by the hand's skew."""
    u = (curve / SIDE - 0.5) * np.pi
    waves = np.stack([np.sin(u + 1.1), np.cos(u * 1.7), np.sin(2.3 * u + 0.4)], axis=-1)
    off = np.einsum("nak,bak->nb", waves, bend)
    return np.asarray(curve + off * hand.skew * SIDE * 0.12)


def _fill(image: Image.Image, outlines: list[Floats]) -> None:
    draw = ImageDraw.Draw(image)
    for outline in outlines:
        draw.polygon((outline * 2).ravel().tolist(), fill=255)


def _filled(outlines: list[Floats]) -> Mask:
    image = Image.new("L", (SIDE * 2, SIDE * 2))
    _fill(image, outlines)
    return np.asarray(image)


def _visible(outline: Floats, hidden: Mask, joined: Mask, *, closed: bool) -> list[Floats]:
    """Return the runs of the outline that nothing in front, and no joined shape, covers."""
    ring = np.concatenate([outline, outline[:1]]) if closed else outline
    length = float(np.hypot(*np.diff(ring, axis=0).T).sum())
    dense = along(ring, max(8, round(length / 2)))
    seen = np.ones(len(dense), dtype=bool)
    cell = np.clip((dense * 2).astype(int), 0, SIDE * 2 - 1)
    for mask in (hidden, joined):
        seen &= mask[cell[:, 1], cell[:, 0]] == 0
    if closed and not seen.all() and seen.any():
        start = int(np.argmin(seen))
        seen, dense = np.roll(seen, -start), np.roll(dense, -start, axis=0)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], seen.astype(int), [0]])))
    runs = [dense[a:b] for a, b in edges.reshape(-1, 2) if b - a > 2]
    return [
        run
        for run in runs
        if np.hypot(*np.diff(run, axis=0).T).sum() >= min(_MIN_PIXELS, length * 0.5)
    ]


def _by_hand(run: Floats, rng: np.random.Generator, hand: Hand) -> Floats:
    """Return the run with a slow wobble, shifted a little, at times stopping short."""
    count = len(run)
    knots = max(3, count // 9)
    off = rng.normal(0, 1, (knots, 2))
    at = np.linspace(0, knots - 1, count)
    low = at.astype(int).clip(0, knots - 2)
    t = at - low
    t = (t * t * (3 - 2 * t))[:, None]
    wobble = off[low] * (1 - t) + off[low + 1] * t
    small = min(1.0, count / 25)
    moved = run + wobble * hand.wobble * 0.55 * small + rng.normal(0, 0.5, 2) * hand.wobble * small
    if count > 30 and rng.random() < hand.gap * 3:
        moved = moved[: -int(count * rng.uniform(0.04, 0.15))]
    return np.asarray(moved)

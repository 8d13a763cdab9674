"""Colours: mixed by noise, and varied so that no two pictures have quite the same."""

import numpy as np

from sample_gallery.drawn.curves import Floats
from sample_gallery.drawn.figure import Colour


def mixed(low: Colour, high: Colour, share: Floats) -> Floats:
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

"""Tileable textures, made once a process: noise, grain, fibres, cells and scales.

Looking them up is what keeps a picture at a few milliseconds. They depend on nothing but a
constant seed, so that every process and machine has the same ones.
"""

from functools import lru_cache

import numpy as np
from PIL import Image

from sample_gallery.drawn.curves import Floats

SIDE = 512
"""Pixels along one tile."""

_SEED = 20261123


def _stretched(rng: np.random.Generator, cells_y: int, cells_x: int) -> Floats:
    """Return tileable smooth noise with that many cells down and across the tile."""
    pad = 2
    cells = np.pad(rng.standard_normal((cells_y, cells_x)), pad, mode="wrap").astype(np.float32)
    height = SIDE * (cells_y + 2 * pad) // cells_y
    width = SIDE * (cells_x + 2 * pad) // cells_x
    big: Floats = np.asarray(
        Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC)
    )
    top, left = pad * SIDE // cells_y, pad * SIDE // cells_x
    return np.array(big[top : top + SIDE, left : left + SIDE])


def _unit(field: Floats) -> Floats:
    """Return the field with mean 0 and deviation 1, its tails cut at 2.5."""
    out = (field - field.mean()) / field.std()
    return np.asarray(np.clip(out, -2.5, 2.5), dtype=np.float32)


def _fractal(
    rng: np.random.Generator, first: int, stretch: int = 1, fading: float = 0.55
) -> Floats:
    """Return octaves of noise; each is `fading` times as strong as the broader one before it."""
    total = np.zeros((SIDE, SIDE), dtype=np.float32)
    cells, weight = first, 1.0
    while cells <= SIDE:
        total += weight * _stretched(rng, cells, max(2, cells // stretch))
        cells, weight = cells * 2, weight * fading
    return _unit(total)


def _cells(rng: np.random.Generator, count: int) -> Floats:
    """Return the difference of the distances to the two nearest of count x count seeds, 0..1."""
    seeds = rng.uniform(0.12, 0.88, (count, count, 2))
    step = SIDE / count
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    row, column = (y // step).astype(int), (x // step).astype(int)
    nearest = np.full((SIDE, SIDE), 9e9)
    second = nearest.copy()
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            r, c = row + dy, column + dx
            at = seeds[r % count, c % count]
            far = np.hypot((r + at[..., 0]) * step - y, (c + at[..., 1]) * step - x)
            second = np.minimum(second, np.maximum(far, nearest))
            nearest = np.minimum(nearest, far)
    return np.asarray(np.clip((second - nearest) / step, 0, 1), dtype=np.float32)


def _scales(count: int) -> Floats:
    """Return overlapping round scales, 0 at their rims and 1 at their middles."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE * count
    out = np.zeros((SIDE, SIDE))
    for row in (1, 0):
        shift = 0.5 * ((np.floor(y) + row) % 2)
        dx = (x + shift) % 1.0 - 0.5
        dy = y % 1.0 + row - 1.0
        inside = np.hypot(dx * 1.5, dy - 0.1) < 0.8 + 0.0 * row
        out = np.where(inside, np.clip(1.0 - np.hypot(dx * 1.5, dy - 0.1) / 0.8, 0, 1), out)
    return out.astype(np.float32)


@lru_cache(maxsize=1)
def bank() -> dict[str, Floats]:
    """Return all textures by name, each (512, 512) float32.

    Noises have mean 0 and deviation 1; `cells` and `scales` run from 0 to 1.
    """
    rng = np.random.default_rng(_SEED)
    return {
        "cloud": _fractal(rng, 4),
        "soft": _fractal(rng, 4, fading=0.32),
        "clump": _fractal(rng, 16),
        "grain": _fractal(rng, 64),
        "fibre": _fractal(rng, 64, 8),
        "fur": _fractal(rng, 64, 4, fading=0.8),
        "blade": _fractal(rng, 32, 8).T.copy(),
        "ripple": _fractal(rng, 32, 6),
        "cells": _cells(rng, 8),
        "plates": _cells(rng, 16),
        "scales": _scales(16),
        "dust": _fractal(rng, 256),
    }


def lookup(name: str, u: Floats, v: Floats) -> Floats:
    """Return the texture at tile coordinates (u across, v down), which wrap round."""
    # Negative numbers wrap round too: they are cut towards zero, then masked.
    column = (u * SIDE).astype(np.int32) & (SIDE - 1)
    row = (v * SIDE).astype(np.int32) & (SIDE - 1)
    return np.asarray(bank()[name].ravel().take((row * SIDE) + column))


def window(name: str, rng: np.random.Generator, side: int) -> Floats:
    """Return a random square piece of a texture at its own resolution."""
    texture = bank()[name]
    top, left = (int(v) for v in rng.integers(0, SIDE - side, 2))
    piece = texture[top : top + side, left : left + side]
    return piece[:, ::-1] if rng.random() < 0.5 else piece

"""Perceptual hashes: 64 bits that stay nearly the same when a photo is resized or saved anew.

The bits are those of ImageHash's `phash`; that package would bring SciPy and PyWavelets,
ten times this room's own size, for one product of matrices (docs/adr/0071-bursts.md).
"""

import numpy as np
from PIL import Image

_SIDE, _LOW = 32, 8
_COSINES = np.cos(np.pi * np.arange(_LOW)[:, None] * (2 * np.arange(_SIDE)[None, :] + 1) / 64)
"""The lowest frequencies of a discrete cosine transform (DCT-II)."""


def phash(image: Image.Image) -> str:
    """Return an image's perceptual hash in 16 hexadecimal digits."""
    # In two steps, the first of which is plain averaging: quick, and the same bits.
    small = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    low = _COSINES @ np.asarray(small, np.float64) @ _COSINES.T
    return np.packbits(low > np.median(low)).tobytes().hex()


def distance(one: str, other: str) -> int:
    """Return how many bits of two hashes differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()

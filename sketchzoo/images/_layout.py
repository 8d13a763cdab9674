"""Layouts: pixels of any depth, palette and transparency to plain RGB."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageStat

from sketchzoo.images._container import Container

_LIGHT = 200
"""Opaque pixels lighter than this in the mean (of 255) are laid over black."""
_OPAQUE = [255 if value >= 128 else 0 for value in range(256)]  # noqa: PLR2004 - half
_GREY, _COLOUR = 0, 2
"""PNG's colour types that know a transparent colour."""


def transparency(
    image: Image.Image,
    container: Container,
    low_bytes: Callable[[], Image.Image],
) -> Image.Image | None:
    """Return how opaque each pixel is, `L`; None where all are.

    `low_bytes` returns an image of 16 bits a colour in the low 8 of them.
    """
    alpha = None
    depth, colour = container.layout
    if image.mode in ("RGBA", "LA"):
        alpha = image.getchannel("A")
    elif container.transparent and colour == _GREY:
        # Pillow spreads 1, 2 and 4 bits over a byte, but not the transparent one of them.
        step = 1 if depth == 16 else 255 // (2**depth - 1)  # noqa: PLR2004 - bits
        values = np.asarray(image).astype(np.uint16) * (255 if image.mode == "1" else 1)
        alpha = _mask(values != int.from_bytes(container.transparent[:2], "big") * step)
    elif container.transparent and (depth, colour) == (16, _COLOUR):
        # Pillow keeps the high bytes only and compares them with both.
        clear = np.frombuffer(container.transparent[:6], np.uint8).reshape(3, 2)
        high, low = np.asarray(image), np.asarray(low_bytes())
        alpha = _mask(((high != clear[:, 0]) | (low != clear[:, 1])).any(axis=2))
    elif "transparency" in image.info:
        alpha = image.convert("RGBA").getchannel("A")
    return alpha


def over_paper(image: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """Return an image as RGB, laid over white, or over black if what shows is nearly white."""
    if image.mode in ("I;16", "I;16B", "I"):
        # Pillow clips 16-bit values to 255 on conversion: scale them instead.
        image = Image.fromarray((np.asarray(image, dtype=np.uint32) >> 8).astype(np.uint8))
    if alpha is None:
        return image if image.mode == "RGB" else image.convert("RGB")
    image = image.convert("RGBA")
    image.putalpha(alpha)
    # What is white itself would vanish on white: chalk, a drawing for dark pages.
    lightness = ImageStat.Stat(image.convert("L"), mask=alpha.point(_OPAQUE)).mean
    light = bool(lightness) and lightness[0] > _LIGHT
    ground = Image.new("RGBA", image.size, "black" if light else "white")
    return Image.alpha_composite(ground, image).convert("RGB")


def _mask(shown: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> Image.Image:
    return Image.fromarray(shown.astype(np.uint8) * np.uint8(255))

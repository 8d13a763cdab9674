"""Layouts: pixels of any depth, palette and transparency to plain RGB."""

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from sketchzoo.images._container import Container

_STRIP_PIXELS = 1024 * 1024
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
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if alpha is None:
        return image if image.mode == "RGB" else image.convert("RGB")
    image = image.convert("RGBA") if image.mode != "RGBA" else image
    # What is white itself would vanish on white: chalk, a drawing for dark pages.
    ground = "black" if _lightness(image, alpha) > _LIGHT else "white"
    plain = Image.new("RGB", image.size)
    for strip, shown, top in _strips(image, alpha):
        strip.putalpha(shown)
        laid = Image.alpha_composite(Image.new("RGBA", strip.size, ground), strip)
        plain.paste(laid.convert("RGB"), (0, top))
    return plain


def _lightness(image: Image.Image, alpha: Image.Image) -> float:
    """Return the mean grey of the opaque pixels, 0 where none is."""
    counts = np.zeros(256, np.int64)
    for strip, shown, _ in _strips(image, alpha):
        counts += strip.convert("L").histogram(shown.point(_OPAQUE))
    return float(counts @ np.arange(256) / max(1, counts.sum()))


def _strips(
    image: Image.Image, alpha: Image.Image
) -> Iterator[tuple[Image.Image, Image.Image, int]]:
    """Return an image piece by piece with its alpha: whole copies of a large one take much."""
    rows = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        box = (0, top, image.width, min(top + rows, image.height))
        yield image.crop(box), alpha.crop(box), top


def _mask(shown: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> Image.Image:
    return Image.fromarray(shown.astype(np.uint8) * np.uint8(255))

"""Images: decoding within limits and the one preprocessing.

Training, ingest and serving prepare their images here and nowhere else, so that
a network sees in service what it saw in training.
"""

import io
import warnings
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, ImageStat, UnidentifiedImageError

from sketchzoo.ink import lines, redraw

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "PPM")
# EXIF's tag for how the camera was held, and its values for a quarter turn.
_ORIENTATION = 0x0112
_ON_ITS_SIDE = (5, 6, 7, 8)

_LIGHT = 200
"""Opaque pixels lighter than this in the mean (of 255) are laid over black."""
_OPAQUE = [255 if value >= 128 else 0 for value in range(256)]  # noqa: PLR2004 - half


class Modality(StrEnum):
    """What an image is."""

    PHOTO = "photo"
    SKETCH = "sketch"


class ImageError(ValueError):
    """The bytes are no image that can be used; the message says why.

    `reason` is one of a few words, fit for a metric's label or a report's row.
    """

    def __init__(
        self, message: str, reason: Literal["not_an_image", "too_large", "truncated", "empty"]
    ) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """How large an image may be: its file in bytes, its sides in pixels."""

    max_bytes: int = 8 * 1024 * 1024
    max_side: int = 4096

    def __post_init__(self) -> None:
        if self.max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1, not {self.max_bytes}")
        if self.max_side < 1:
            raise ValueError(f"max_side must be at least 1, not {self.max_side}")


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an image becomes a network's input; stated by the model artefact.

    `size` is the side of the square input in pixels. `fit` is how an oblong image
    becomes square: `crop` resizes the short side to `size / keep` and cuts the
    middle out, `letterbox` resizes the long side to `size * keep` and pads with the
    background, `ink` cuts a drawing out, so that its long side takes `keep` of the
    square, and draws it again, black on white, with a pen `pen` pixels wide (see
    `sketchzoo.ink`). Pixels are scaled to 0..1, then `(value - mean) / std` a channel.
    """

    size: int
    fit: Literal["crop", "letterbox", "ink"]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    keep: float = 1.0
    pen: int = 5

    def __post_init__(self) -> None:
        if not 16 <= self.size <= 1024:  # noqa: PLR2004 - stated in the message
            raise ValueError(f"size must be 16 to 1024 pixels, not {self.size}")
        if self.fit not in ("crop", "letterbox", "ink"):
            raise ValueError(f"fit must be crop, letterbox or ink, not {self.fit!r}")
        if len(self.mean) not in (1, 3) or len(self.mean) != len(self.std):
            raise ValueError("mean and std must both have 1 or 3 values, one a channel")
        if any(value <= 0 for value in self.std):
            raise ValueError(f"std must be above 0, not {self.std}")
        if not 0 < self.keep <= 1:
            raise ValueError(f"keep must be above 0 and at most 1, not {self.keep}")
        if self.pen not in range(1, 17, 2):
            raise ValueError(f"pen must be an odd number of pixels from 1 to 15, not {self.pen}")

    @property
    def channels(self) -> int:
        """1 for a grey input, 3 for a coloured one."""
        return len(self.mean)


def decode(content: bytes, limits: ImageLimits | None = None) -> Image.Image:
    """Decode an image file to RGB: turned as its EXIF says, alpha laid over white.

    Where all that is opaque is nearly white, it is laid over black instead.

    Sizes are read from the header and refused before any pixel is unpacked.

    Raises:
        ImageError: not an image, damaged, or over the limits.

    """
    image = _open(content, limits or ImageLimits())
    try:
        return _over_white(ImageOps.exif_transpose(image))
    except (OSError, ValueError, SyntaxError, IndexError, EOFError) as error:
        raise ImageError(f"is damaged or truncated: {error}", "truncated") from error


def measure(content: bytes, limits: ImageLimits | None = None) -> tuple[int, int]:
    """Return an image file's width and height as it is shown, from its header alone.

    It passes what `decode` would pass, but for damaged pixels: none is unpacked.

    Raises:
        ImageError: not an image, or over the limits.

    """
    image = _open(content, limits or ImageLimits())
    try:
        # Without an EXIF block in the header, asking for one would read all pixels.
        turn = image.getexif().get(_ORIENTATION, 1) if "exif" in image.info else 1
    except (OSError, ValueError, SyntaxError):
        turn = 1
    return (image.height, image.width) if turn in _ON_ITS_SIDE else image.size


def _open(content: bytes, limits: ImageLimits) -> Image.Image:
    if not content:
        raise ImageError("is empty; send an image file", "empty")
    if len(content) > limits.max_bytes:
        raise ImageError(
            f"has {len(content)} bytes; at most {limits.max_bytes} are taken", "too_large"
        )
    try:
        with warnings.catch_warnings():
            # Pillow warns of large headers; the limit below refuses them with our own words.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content), formats=FORMATS)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise ImageError(f"is not a {', '.join(FORMATS)} image", "not_an_image") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"is over {limits.max_side} pixels a side", "too_large") from error
    if max(image.size) > limits.max_side:
        raise ImageError(
            f"is {image.width}x{image.height} pixels; at most {limits.max_side} a side are taken",
            "too_large",
        )
    return image


def prepare(image: Image.Image, preprocessing: Preprocessing) -> npt.NDArray[np.float32]:
    """Turn an RGB image into a network's input: float32 `(channels, size, size)`."""
    size = preprocessing.size
    if preprocessing.channels == 1:
        image = image.convert("L")
    if preprocessing.fit == "ink":
        image = redraw(lines(image, preprocessing.keep), size, preprocessing.pen)
        if preprocessing.channels != 1:
            image = image.convert("RGB")
    elif preprocessing.fit == "crop":
        cut = round(size / preprocessing.keep)
        image = ImageOps.fit(image, (cut, cut), Image.Resampling.BICUBIC)
        offset = (cut - size) // 2
        image = image.crop((offset, offset, offset + size, offset + size))
    else:
        inner = max(1, round(size * preprocessing.keep))
        image = ImageOps.contain(image, (inner, inner), Image.Resampling.BICUBIC)
        ground = Image.new(image.mode, (size, size), "white")
        ground.paste(image, ((size - image.width) // 2, (size - image.height) // 2))
        image = ground
    pixels = np.asarray(image, dtype=np.float32).reshape(size, size, preprocessing.channels)
    mean = np.asarray(preprocessing.mean, np.float32) * 255
    std = np.asarray(preprocessing.std, np.float32) * 255
    return np.ascontiguousarray(((pixels - mean) / std).transpose(2, 0, 1))


def _over_white(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        # What is white itself would vanish on white: chalk, a drawing for dark pages.
        lightness = ImageStat.Stat(image.convert("L"), mask=alpha.point(_OPAQUE)).mean
        light = bool(lightness) and lightness[0] > _LIGHT
        ground = Image.new("RGBA", image.size, "black" if light else "white")
        return Image.alpha_composite(ground, image).convert("RGB")
    if image.mode in ("I;16", "I;16B", "I"):
        # Pillow clips 16-bit values to 255 on conversion: scale them instead.
        image = Image.fromarray((np.asarray(image, dtype=np.uint32) >> 8).astype(np.uint8))
    return image.convert("RGB")

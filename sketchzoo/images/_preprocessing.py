"""The one preprocessing: how an image becomes a network's input.

Training, ingest and serving prepare their images here and nowhere else, so that
a network sees in service what it saw in training.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from sketchzoo.images._limits import ImageError
from sketchzoo.ink import LARGEST_DRAWING, lines, redraw

_BLANK = 96
"""Greys that differ by less than this (of 255) are paper in uneven light, not a picture."""

PREPROCESSING_VERSION = 4
"""Which pixels an image file becomes: of `decode`, `prepare`, `sketchzoo.ink` and `.sheet`.

Who changes a pixel raises it, and gives the shipped models their new fingerprint
(docs/adr/0046-a-version-of-the-preprocessing.md). 2: sheets are cut out of their desk,
transparent colours of every layout are white. 3: large images are decoded at a reduced
scale, large drawings are reduced before a sheet is looked for. 4: photos are so from two and a
half times what the network sees on, no longer from three times.
"""


Fit = Literal["crop", "letterbox", "ink"]
FITS: tuple[Fit, ...] = get_args(Fit)


class Modality(StrEnum):
    """What an image is."""

    PHOTO = "photo"
    SKETCH = "sketch"


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an image becomes a network's input; stated by the model artefact.

    `size` is the side of the square input in pixels. `fit` is how an oblong image
    becomes square: `crop` resizes the short side to `size / keep` and cuts the
    middle out, `letterbox` resizes the long side to `size * keep` and pads with the
    background, `ink` cuts a drawing out, so that its long side takes `keep` of the
    square, and draws it again, black on white, with a pen `pen` pixels wide (see
    `sketchzoo.ink`). Pixels are scaled to 0..1, then `(value - mean) / std` a channel.
    `version` says which code does so: this release knows `PREPROCESSING_VERSION` alone.
    """

    size: int
    fit: Fit
    mean: tuple[float, ...]
    std: tuple[float, ...]
    keep: float = 1.0
    pen: int = 5
    version: int = PREPROCESSING_VERSION

    def __post_init__(self) -> None:
        if not 16 <= self.size <= 1024:  # noqa: PLR2004 - stated in the message
            raise ValueError(f"size must be 16 to 1024 pixels, not {self.size}")
        if self.fit not in FITS:
            raise ValueError(f"fit must be crop, letterbox or ink, not {self.fit!r}")
        if len(self.mean) not in (1, 3) or len(self.mean) != len(self.std):
            raise ValueError("mean and std must both have 1 or 3 values, one a channel")
        if any(value <= 0 for value in self.std):
            raise ValueError(f"std must be above 0, not {self.std}")
        if not 0 < self.keep <= 1:
            raise ValueError(f"keep must be above 0 and at most 1, not {self.keep}")
        if self.pen not in range(1, 17, 2):
            raise ValueError(f"pen must be an odd number of pixels from 1 to 15, not {self.pen}")
        if self.version != PREPROCESSING_VERSION:
            raise ValueError(f"version must be {PREPROCESSING_VERSION}, not {self.version}")

    @property
    def cut(self) -> int:
        """What the side that `fit` speaks of is resized to, in pixels."""
        if self.fit == "crop":
            return round(self.size / self.keep)
        return max(1, round(self.size * self.keep))

    @property
    def channels(self) -> int:
        """1 for a grey input, 3 for a coloured one."""
        return len(self.mean)


Square = npt.NDArray[np.uint8]
"""The picture that a network sees: `(size, size, channels)`, before its values are scaled."""


def prepare(image: Image.Image, preprocessing: Preprocessing) -> npt.NDArray[np.float32]:
    """Turn an RGB image into a network's input: float32 `(channels, size, size)`.

    Raises:
        ImageError: a drawing is wanted (`ink`), and nothing is drawn.

    """
    return normalised(squared(image, preprocessing), preprocessing)


def squared(image: Image.Image, preprocessing: Preprocessing) -> Square:
    """Turn an RGB image into the square that a network sees.

    Raises:
        ImageError: a drawing is wanted (`ink`), and nothing is drawn.

    """
    size = preprocessing.size
    image = fitted(image, preprocessing)
    if preprocessing.fit == "ink":
        drawn = lines(image, preprocessing.keep)
        if not drawn.any():
            if np.ptp(np.asarray(image.convert("L"))) < _BLANK:
                raise ImageError("is empty: nothing is drawn on it", "empty")
            raise ImageError("shows no lines: a photo is searched with as a photo", "empty")
        image = redraw(drawn, size, preprocessing.pen)
        if preprocessing.channels != 1:
            image = image.convert("RGB")
    elif preprocessing.fit == "crop":
        offset = (preprocessing.cut - size) // 2
        image = image.crop((offset, offset, offset + size, offset + size))
    else:
        ground = Image.new(image.mode, (size, size), "white")
        ground.paste(image, ((size - image.width) // 2, (size - image.height) // 2))
        image = ground
    return np.asarray(image).reshape(size, size, preprocessing.channels)


def normalised(square: Square, preprocessing: Preprocessing) -> npt.NDArray[np.float32]:
    """Scale a square's values: float32 `(channels, size, size)`."""
    height, width, channels = square.shape
    planes = np.empty((channels, height, width), np.float32)
    planes[...] = square.transpose(2, 0, 1)
    # Plane by plane, in place: with the channels innermost the same takes fifteen times as long.
    for plane, mean, std in zip(planes, preprocessing.mean, preprocessing.std, strict=True):
        np.subtract(plane, np.float32(mean) * 255, out=plane)
        np.divide(plane, np.float32(std) * 255, out=plane)
    return planes


def fitted(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    """Return the small picture of which `prepare` makes the very input that it makes of `image`.

    Who sends a large photo sends this one: for `crop` it is the square that the network
    sees, with what `keep` leaves around it, for `letterbox` the whole picture in that
    square's size. A drawing (`ink`) is only reduced, to twice what its lines are looked for in.
    """
    if preprocessing.channels == 1 and image.mode != "L":
        image = image.convert("L")
    if preprocessing.fit == "ink":
        if max(image.size) <= 2 * LARGEST_DRAWING:
            return image
        image = image.copy()
        image.thumbnail(
            (2 * LARGEST_DRAWING, 2 * LARGEST_DRAWING), Image.Resampling.BOX, reducing_gap=None
        )
        return image
    if preprocessing.fit == "crop":
        return ImageOps.fit(image, (preprocessing.cut, preprocessing.cut), Image.Resampling.BICUBIC)
    return ImageOps.contain(image, (preprocessing.cut, preprocessing.cut), Image.Resampling.BICUBIC)


def enough_for(preprocessing: Preprocessing) -> int:
    """Return how many pixels of an image's short side are enough for `decode`.

    Of so many on next to nothing of what the network sees depends on a reduced scale: two and a
    half times what it is resized to (docs/adr/0068-reduced-scale.md has the measurements).
    """
    return 2 * LARGEST_DRAWING if preprocessing.fit == "ink" else 5 * preprocessing.cut // 2


def lossless(image: Image.Image) -> bytes:
    """Return a file that is decoded to the very pixels of a grey or RGB image: a plain PPM."""
    if image.mode not in ("L", "RGB"):
        raise ValueError(f"image must be of mode L or RGB, not {image.mode}")
    form = b"P5" if image.mode == "L" else b"P6"
    return b"%s %d %d 255\n" % (form, *image.size) + image.tobytes()

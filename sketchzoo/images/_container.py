"""Container: an image file taken apart, without decoding a pixel.

Pillow gets what the pixels are decoded from and no more: notes, colour profiles, thumbnails
and other programs' data would be unpacked, searched or warned about for nothing, and some
files are made to have it take hours. What is told of the picture is read by ourselves.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

from sketchzoo.images._exif import first_value

Form = Literal["JPEG", "PNG", "WEBP", "GIF", "BMP", "PPM", "TIFF", "HEIF", "AVIF"]

_XMP_TURN = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')
_EXIF_TURN = 0x0112


@dataclass(frozen=True, slots=True)
class Container:
    """An image file taken apart.

    `pieces` are, in order, a file of the same format that holds what the pixels are decoded
    from; `exif` and `xmp` are what is told of them, in TIFF's form and as a packet.
    `turn` is EXIF's number for how the camera was held, 1 to 8. `head` is how many
    bytes a JPEG has before its scans, which `scans` counts; `coefficients` is how many
    bytes its decoder holds beside the pixels, 0 where a single scan brings them in order;
    `area` is how many pixels are decoded, where that is known: more than are shown, maybe.
    `transparent` is the body of a PNG's tRNS chunk, `layout` its bits a sample and its
    colour type. `lossless` says that a WebP, or its alpha, may be coded without loss.
    `size` is that of a picture which is decoded apart, as it is shown; its decoder turns it.
    """

    form: Form
    pieces: tuple[bytes | memoryview, ...] = field(repr=False)
    exif: bytes = field(default=b"", repr=False)
    xmp: bytes = field(default=b"", repr=False)
    turn: int = 1
    head: int = 0
    scans: int = 0
    coefficients: int = 0
    area: int = 0
    transparent: bytes = b""
    layout: tuple[int, int] = (0, 0)
    lossless: bool = False
    size: tuple[int, int] | None = None


def turn_of(exif: bytes, xmp: bytes) -> int:
    """Return how the camera was held, from EXIF's first directory or else from XMP; 1 upright."""
    match first_value(exif, _EXIF_TURN):
        case (int() as turn, *_):
            return turn if 1 <= turn <= 8 else 1  # noqa: PLR2004 - EXIF's values
    found = _XMP_TURN.search(xmp)
    return int(found[1]) if found else 1

"""TIFF taken apart: its first picture's size, and what is told of it."""

from sketchzoo.images._container import Container, turn_of
from sketchzoo.images._exif import first_bytes, first_value
from sketchzoo.images._limits import ImageError

TIFFS = (b"II*\0", b"MM\0*")
_WIDTH, _HEIGHT, _XMP = 256, 257, 700
_ON_ITS_SIDE = (5, 6, 7, 8)


def read_tiff(content: bytes) -> Container:
    """Read the outline of a TIFF's first picture.

    Raises:
        ImageError: it has none.

    """
    match first_value(content, _WIDTH), first_value(content, _HEIGHT):
        case (int() as width, *_), (int() as height, *_) if width > 0 and height > 0:
            size = (width, height)
        case _:
            raise ImageError("is damaged: its TIFF directory makes no sense", "truncated")
    xmp = first_bytes(content, _XMP)
    # Its decoder turns it, by its own tag or else by XMP.
    on_its_side = turn_of(content, xmp) in _ON_ITS_SIDE
    return Container("TIFF", (content,), content, xmp, size=size[::-1] if on_its_side else size)

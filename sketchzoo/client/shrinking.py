"""Shrinking: a large picture is sent as small as its embedding allows.

The service resizes what it gets to some hundred pixels a side. What is sent has several times
as many, so that the embedding stays the same to a cosine of .999 (docs/images.md).
"""

import io
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from PIL import Image

    from sketchzoo.images import Preprocessing

Kind = Literal["photo", "sketch"]

SMALL_BYTES = 1024 * 1024
"""Files of at most so many bytes are sent as they are, unread."""
_SMALL_PIXELS = 2_000_000
_LARGEST_INPUT = 384
"""The largest square, in pixels a side, that networks of photos are made for here."""
_SHORT_SIDE = 4 * _LARGEST_INPUT
_QUALITY = 95
_LANCZOS = 1  # Pillow's number, of which most who send need nothing


def shrunk_file(kind: Kind, content: bytes) -> bytes:
    """Return a smaller image file that the service sees the same in, or the file itself.

    What cannot be decoded here is the service's to judge.
    """
    from sketchzoo.images import (  # noqa: PLC0415 - only for what is large
        ImageError,
        decode,
        enough_for,
        measure,
    )

    try:
        size = measure(content)
        image = decode(content, enough=enough_for(_preprocessing(kind)))
    except ImageError:
        return content
    if kind == "photo" and size == image.size and size[0] * size[1] <= _SMALL_PIXELS:
        return content
    file = _written(kind, image)
    return file if len(file) < len(content) else content


def shrunk_image(kind: Kind, image: "Image.Image") -> bytes | None:
    """Return an image file of many pixels; None where they are few, or neither grey nor RGB."""
    if image.width * image.height <= _SMALL_PIXELS or image.mode not in ("L", "RGB"):
        return None
    return _written(kind, image)


def _written(kind: Kind, image: "Image.Image") -> bytes:
    file = io.BytesIO()
    if kind == "sketch":
        from sketchzoo.images import fitted  # noqa: PLC0415 - only for what is large

        fitted(image, _preprocessing(kind)).save(file, "PNG", compress_level=1)
    else:
        scale = _SHORT_SIDE / min(image.size)
        if scale < 1:
            size = (round(image.width * scale), round(image.height * scale))
            # Sharper than by plain means, which the embedding would tell.
            image = image.resize(size, _LANCZOS, reducing_gap=3.0)
        image.save(file, "JPEG", quality=_QUALITY, subsampling=0)
    return file.getvalue()


def _preprocessing(kind: Kind) -> "Preprocessing":
    from sketchzoo.images import Preprocessing  # noqa: PLC0415 - the same

    if kind == "sketch":
        return Preprocessing(_LARGEST_INPUT, "ink", (0.0,), (1.0,))
    return Preprocessing(_LARGEST_INPUT, "crop", (0.0,) * 3, (1.0,) * 3)

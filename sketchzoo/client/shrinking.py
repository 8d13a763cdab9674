"""Shrinking: a large picture is sent as small as its embedding allows.

The service resizes what it gets to some hundred pixels a side. What is sent has several times
as many, so that the embedding stays the same to a cosine of .999 (docs/images.md).
"""

import io
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from PIL import Image

Kind = Literal["photo", "sketch"]

SMALL_BYTES = 1024 * 1024
"""Files of at most so many bytes are sent as they are, unread."""
_SMALL_PIXELS = 2_000_000
_SHORT_SIDE = 896
"""Four times what networks of photos see here, and so little that the encoder reduces no more."""
_ENOUGH = {"photo": 1536, "sketch": 1280}
_LANCZOS = 1  # Pillow's number, of which most who send need nothing


def shrunk_file(kind: Kind, content: bytes) -> bytes:
    """Return a smaller image file that the service sees the same in, or the file itself.

    What cannot be decoded here is the service's to judge.
    """
    from sketchzoo.images import (  # noqa: PLC0415 - only for what is large
        ImageError,
        decode,
        measure,
    )

    try:
        size = measure(content)
        image = decode(content, enough=_ENOUGH[kind])
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
    from sketchzoo.images import Preprocessing, fitted  # noqa: PLC0415 - the same

    file = io.BytesIO()
    if kind == "sketch":
        drawing = Preprocessing(256, "ink", (0.0,), (1.0,))  # its size changes nothing of it
        fitted(image, drawing).save(file, "PNG", compress_level=1)
        return file.getvalue()
    scale = _SHORT_SIDE / min(image.size)
    if scale < 1:
        size = (round(image.width * scale), round(image.height * scale))
        # Sharper than by plain means, which the embedding would tell.
        image = image.resize(size, _LANCZOS, reducing_gap=3.0)
    # A JPEG, even of quality 98, would cost more than all else.
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()

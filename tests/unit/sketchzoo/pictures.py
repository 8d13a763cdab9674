"""Pictures that tests of decoding share."""

import io

import numpy as np
import pillow_heif
from PIL import Image, ImageDraw

pillow_heif.register_heif_opener()  # for tests to write HEIC with Pillow; none reads by it


def drawing(size: tuple[int, int] = (100, 75)) -> Image.Image:
    """Draw a ring and a stick, black on white; neither looks the same when turned."""
    image = Image.new("L", size, 255)
    pen = ImageDraw.Draw(image)
    pen.ellipse((20, 10, 70, 50), outline=0, width=6)
    pen.line((24, 40, 24, 70), fill=0, width=6)
    return image


def saved(form: str, image: Image.Image | None = None, **options: object) -> bytes:
    """Save an image, the drawing unless told otherwise."""
    file = io.BytesIO()
    (image or drawing().convert("RGB")).save(file, form, **options)
    return file.getvalue()


def farthest(one: Image.Image, other: Image.Image) -> int:
    """Return the largest difference of two images' values."""
    assert one.size == other.size
    pair = [np.asarray(image.convert("RGB")).astype(int) for image in (one, other)]
    return int(np.abs(pair[0] - pair[1]).max())

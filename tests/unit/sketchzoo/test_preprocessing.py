"""The one preprocessing: its pixels are pinned, its version is part of every fingerprint."""

import base64
import hashlib
import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageDraw

from sketchzoo.images import (
    PREPROCESSING_VERSION,
    ImageError,
    Preprocessing,
    decode,
    prepare,
)
from tests.hostile_images import chunk, png

PHOTO = Preprocessing(48, "crop", (0.5,) * 3, (0.5,) * 3, keep=0.9)
WHOLE = Preprocessing(48, "letterbox", (0.5,), (0.5,), keep=0.9)
SKETCH = Preprocessing(64, "ink", (0.5,), (0.5,), keep=0.8)

# A JPEG of 40 x 30 pixels as a camera on its side writes it: encoders differ, it does not.
CAMERA = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/4QAiRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAD/2wBDAA0JCgsK"
    "CA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4O"
    "DhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//wAAR"
    "CAAeACgDASIAAhEBAxEB/8QAGgAAAwADAQAAAAAAAAAAAAAAAAQFAgMGB//EAB8QAAICAgIDAQAAAAAAAAAAAAEC"
    "AAQDEQUSEyExQf/EABYBAQEBAAAAAAAAAAAAAAAAAAUEA//EABwRAAIDAQEBAQAAAAAAAAAAAAECAAMEIREiQf/a"
    "AAwDAQACEQMRAD8AetMqKdTnr90qToxi5f77AMiWA2VvUJy4/OtL7MyqPUmrJcZ21uMVcZzEbmrBRZm3qX+Opddb"
    "EvsVEHJPXeyHxpnT4wMASsJfrKqKIQtncmbtpqJnnmPK2RpYo0/JrYi9KkvYHYnTcfgVAI5oIUfMnq0kcaFbjFAB"
    "1GTgGIfI8rBV+RG7l9H1D1Vnbsw1uHHzFM1vx/sJJuZCSYROvEpEKWm0/s//2Q=="
)


def drawing(side: int = 200) -> Image.Image:
    """Draw a house, black on white."""
    image = Image.new("L", (side, side), 255)
    pen = ImageDraw.Draw(image)
    corners = [(0.2, 0.8), (0.2, 0.4), (0.5, 0.2), (0.8, 0.4), (0.8, 0.8), (0.2, 0.8)]
    pen.line([(x * side, y * side) for x, y in corners], 0, 5)
    return image


def noise(height: int, width: int) -> np.ndarray:
    """Return noise around zero that is the same on every machine."""
    steps = np.arange(height * width, dtype=np.uint64) * np.uint64(2654435761)
    return ((steps >> np.uint64(12)) % 21).astype(np.float64).reshape(height, width) - 10


def netpbm(values: np.ndarray) -> bytes:
    """Write an uncompressed image, whose pixels no decoder changes."""
    form = b"P6" if values.ndim == 3 else b"P5"
    pixels = np.clip(values, 0, 255).astype(np.uint8)
    return form + b" %d %d 255\n" % pixels.shape[1::-1] + pixels.tobytes()


def photo() -> bytes:
    """Return soft colours with grain."""
    rows, columns = np.mgrid[:130, :170]
    colours = [128 + 90 * np.sin(rows / (9 + k)) * np.cos(columns / (7 + k)) for k in range(3)]
    return netpbm(np.stack([c + noise(130, 170) for c in colours], axis=-1))


def paper(level: float = 230) -> np.ndarray:
    """Return the drawing on paper with a shadow and grain."""
    ink = np.asarray(drawing(), np.float64) / 255
    return level * (0.3 + 0.7 * ink) * np.linspace(0.6, 1, 200) + noise(200, 200)


def desk() -> bytes:
    """Return that paper on a dark, grainy desk."""
    values = 50 + noise(300, 360)
    values[40:240, 70:270] = paper()
    return netpbm(values)


def see_through() -> bytes:
    """Return the drawing with 16 bits a colour on paper that is not there."""
    values = np.repeat(np.where(np.asarray(drawing()) > 127, 0x0102, 0)[..., None], 3, axis=2)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return png((200, 200), 16, 2, rows, chunk(b"tRNS", struct.pack(">HHH", *[0x0102] * 3)))


CASES = {
    "a photo": (photo, PHOTO),
    "a photo whole": (photo, WHOLE),
    "a photo of a camera held on its side": (lambda: CAMERA, PHOTO),
    "a drawing": (lambda: netpbm(np.asarray(drawing())), SKETCH),
    "chalk": (lambda: netpbm(255 - np.asarray(drawing())), SKETCH),
    "paper": (lambda: netpbm(paper()), SKETCH),
    "a sheet on a desk": (desk, SKETCH),
    "paper that is not there": (see_through, SKETCH),
}
PIXELS = {
    "a photo": "6f6e2deaa75734b3",
    "a photo whole": "ebcb45a140dfc4fd",
    "a photo of a camera held on its side": "0f819d2ed7b56914",
    "a drawing": "38cd1d593e95154b",
    "chalk": "38cd1d593e95154b",
    "paper": "0576d366f3f8546b",
    "a sheet on a desk": "6317e32e5b9260c5",
    "paper that is not there": "38cd1d593e95154b",
}


@pytest.mark.parametrize("case", CASES)
def test_the_pixels_of_a_version_never_change(case: str) -> None:
    """A network sees in service what it saw in training, or its fingerprint is another.

    Who changed a pixel raises PREPROCESSING_VERSION, writes the new digests here and gives
    the shipped models their new fingerprints.
    """
    content, preprocessing = CASES[case]
    pixels = prepare(decode(content()), preprocessing)
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()[:16]
    assert (PREPROCESSING_VERSION, digest) == (4, PIXELS[case])


def test_another_version_is_refused() -> None:
    """This release prepares by one version only."""
    with pytest.raises(ValueError, match=f"version must be {PREPROCESSING_VERSION}, not 1"):
        Preprocessing(64, "ink", (0.5,), (0.5,), version=1)


def blank(form: str, mode: str, colour: object) -> bytes:
    """Write an image of one colour."""
    file = io.BytesIO()
    Image.new(mode, (120, 90), colour).save(file, form)  # type: ignore[arg-type] # a colour
    return file.getvalue()


BLANK = {
    "white": blank("PNG", "L", 255),
    "black": blank("PNG", "RGB", "black"),
    "cream": blank("JPEG", "RGB", (250, 240, 220)),
    "nothing at all": blank("PNG", "RGBA", (0, 0, 0, 0)),
    "a gradient": netpbm(np.tile(np.linspace(180, 240, 160), (120, 1))),
}


@pytest.mark.parametrize("name", BLANK)
def test_a_blank_picture_is_no_drawing(name: str) -> None:
    """It is called empty; the network would see whatever it likes in it."""
    image = decode(BLANK[name])
    with pytest.raises(ImageError, match="is empty: nothing is drawn on it") as refused:
        prepare(image, SKETCH)
    assert refused.value.reason == "empty"
    assert prepare(image, PHOTO).shape == (3, 48, 48)


def test_a_picture_without_lines_is_not_called_blank() -> None:
    """A soft photo has no lines either: the message says how a photo is searched with."""
    soft = netpbm(np.tile(np.linspace(0, 255, 160), (120, 1)))
    with pytest.raises(ImageError, match="shows no lines: a photo is searched with as a photo"):
        prepare(decode(soft), SKETCH)

"""A fetched file made into a sample's photo: checked, cropped, and not larger than wanted."""

import io
from pathlib import Path

from sample_gallery.fetch._manifest import Row
from sample_gallery.fetch._report import Outcome, PhotoError
from sample_gallery.limits import MIB
from sketchzoo.images import ImageError, ImageLimits, decode, measure

_LARGEST = ImageLimits(max_bytes=1024 * MIB, max_memory_bytes=1024 * MIB, max_seconds=30.0)
_ENDINGS = {b"\xff\xd8": ".jpg", b"\x89P": ".png", b"RI": ".webp", b"GI": ".gif", b"BM": ".bmp"}


def finish(part: Path, row: Row, max_side: int) -> tuple[bytes, str, str]:
    """Return a photo's bytes, its file name's ending, and what was changed in plain words.

    A photo that needs no change keeps its bytes.

    Raises `PhotoError` if the file is no image that can be decoded.
    """
    content = part.read_bytes()
    try:
        width, height = measure(content, _LARGEST)
        ending = _ENDINGS.get(content[:2])
        if row.crop is None and max(width, height) <= max_side and ending is not None:
            decode(content, _LARGEST)
            return content, ending, ""
        image = decode(content, _LARGEST)
    except ImageError as error:
        outcome = Outcome.TOO_LARGE if error.reason == "too_large" else Outcome.NOT_AN_IMAGE
        raise PhotoError(outcome, f"the file {error}") from error
    changes = []
    if row.crop is not None:
        left, top, right, bottom = row.crop
        image = image.crop(
            (
                round(left * image.width),
                round(top * image.height),
                max(round(left * image.width) + 1, round(right * image.width)),
                max(round(top * image.height) + 1, round(bottom * image.height)),
            )
        )
        changes.append("cropped")
    if max(image.size) > max_side:
        image.thumbnail((max_side, max_side))
        changes.append("made smaller")
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92)
    return buffer.getvalue(), ".jpg", " and ".join(changes) or "saved as JPEG"

"""QuickDraw's simplified drawings: one JSON object a line, strokes as polylines on 256x256.

https://github.com/googlecreativelab/quickdraw-dataset: `word`, `recognized` (whether its
game understood the drawing) and `drawing`, a list of `[[x...], [y...]]`.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sketchzoo.images import Modality
from sketchzoo.strokes import Stroke, Strokes, encode
from sketchzoo_training.data._image_file import ImageFile, class_name_of
from sketchzoo_training.errors import DataError

MAX_DRAWINGS = 1000  # a file; QuickDraw's own hold 100,000 and more
CANVAS = 256


def list_drawings(path: Path, *, limit: int = MAX_DRAWINGS) -> Iterator[ImageFile]:
    """List the first `limit` recognised drawings of a file; the class is the file's stem.

    Google's own names, `full_simplified_sea turtle.ndjson`, are understood.

    Raises:
        DataError: a line is not a drawing; the message tells which.

    """
    class_name = class_name_of(path.stem.removeprefix("full_simplified_"))
    found = 0
    offset = 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            start, offset = offset, offset + len(line)
            if not line.strip():
                continue
            if _parse(line, path, f"line {number}").get("recognized", True):
                yield ImageFile(path, class_name, Modality.SKETCH, drawing=start)
                found += 1
            if found >= limit:
                return


def drawing_image(path: Path, offset: int) -> bytes:
    """Draw the strokes of the line that begins at `offset` bytes, as an image file's bytes.

    Raises:
        DataError: no drawing begins there.

    """
    with path.open("rb") as lines:
        lines.seek(offset)
        values = _parse(lines.readline(), path, f"byte {offset}")
    try:
        strokes = tuple(Stroke(tuple(zip(xs, ys, strict=True))) for xs, ys, *_ in values["drawing"])
        drawing = Strokes(CANVAS, CANVAS, strokes)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} at byte {offset} is no drawing: {error!r}") from error
    return encode(drawing)


def _parse(line: bytes, path: Path, where: str) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except ValueError as error:
        raise DataError(f"{path} {where} is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise DataError(f"{path} {where} is no JSON object")
    return values

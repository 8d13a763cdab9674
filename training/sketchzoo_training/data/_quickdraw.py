"""QuickDraw's simplified drawings: one JSON object a line, strokes as polylines on 256x256.

https://github.com/googlecreativelab/quickdraw-dataset: `word`, `recognized` (whether its
game understood the drawing) and `drawing`, a list of `[[x...], [y...]]`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sketchzoo.images import Modality
from sketchzoo.strokes import Stroke, Strokes, encode
from sketchzoo_training.data._image_file import ImageFile
from sketchzoo_training.errors import DataError

MAX_DRAWINGS = 1000  # a file; QuickDraw's own hold 100,000 and more
CANVAS = 256
GOOGLES_PREFIX = "full_simplified_"
"""Before the word in the names of Google's own files."""


@dataclass(frozen=True, slots=True)
class Drawing(ImageFile):
    """A drawing of strokes: a line of an `.ndjson` file.

    `line` is its number, from 1, and `offset` where it begins, in bytes.
    """

    line: int = 1
    offset: int = 0

    @property
    def name(self) -> str:
        """The file's name and the drawing's offset."""
        return f"{self.path.stem}_{self.offset}"

    @property
    def place(self) -> str:
        """The file and the line's number."""
        return f"{self.path}#{self.line}"

    @property
    def photo_name(self) -> str | None:
        """None: QuickDraw's were drawn from words."""
        return None

    @property
    def source(self) -> str:
        """`quickdraw`, whatever the file's name."""
        return "quickdraw"

    def content(self) -> bytes:
        """Draw the strokes, as an image file's bytes.

        Raises:
            OSError: the file cannot be read.
            DataError: the line holds no drawing.

        """
        with self.path.open("rb") as lines:
            lines.seek(self.offset)
            values = _parse(lines.readline(), self.path, self.line)
        try:
            strokes = tuple(
                Stroke(tuple(zip(xs, ys, strict=True))) for xs, ys, *_ in values["drawing"]
            )
            drawing = Strokes(CANVAS, CANVAS, strokes)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{self.path} line {self.line} is no drawing: {error!r}") from error
        return encode(drawing)


def list_drawings(path: Path, class_name: str) -> Iterator[tuple[Drawing, str]]:
    """List the first recognised drawings of a file, up to `MAX_DRAWINGS`.

    Each comes with the reason why it takes no part, empty where it does: its line is damaged,
    or is the first beyond the limit.
    """
    found = 0
    offset = 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            drawing = Drawing(path, class_name, Modality.SKETCH, line=number, offset=offset)
            offset += len(line)
            if found == MAX_DRAWINGS:
                yield drawing, f"beyond_{MAX_DRAWINGS}_drawings"
                return
            try:
                if line.strip() and _parse(line, path, number).get("recognized", True):
                    yield drawing, ""
                    found += 1
            except DataError:
                yield drawing, "not_a_drawing"


def _parse(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except ValueError as error:
        raise DataError(f"{path} line {number} is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise DataError(f"{path} line {number} is no JSON object")
    return values

"""Sheets of hits: sketches, those that fail worst or some, each with the twelve photos it got."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from sketchzoo_training.data import ImageFile
from sketchzoo_training.evaluate.evaluation import Evaluation

CELL = 112
GAP = 6
TEXT = 16
HITS = 12
_RIGHT, _WRONG, _INK = "#2a9d55", "#d04545", "#222222"


def failure_sheet(evaluation: Evaluation, *, count: int = 24) -> Image.Image:
    """Draw a row for each of the `count` worst queries: the sketch, then its first photos.

    Photos of the sketch's class are framed in green, others in red, each with its class.
    """
    return _sheet(evaluation, evaluation.worst(count))


def hits_sheet(evaluation: Evaluation, *, count: int = 8) -> Image.Image:
    """Draw the same rows for `count` queries, evenly among all, the same each time."""
    step = max(1, len(evaluation.queries) // count)
    return _sheet(evaluation, range(0, len(evaluation.queries), step)[:count])


def _sheet(evaluation: Evaluation, rows: Sequence[int]) -> Image.Image:
    width = (HITS + 1) * (CELL + GAP) + 2 * GAP
    sheet = Image.new("RGB", (width, len(rows) * (CELL + TEXT + GAP) + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for line, query_index in enumerate(rows):
        query = evaluation.queries[query_index]
        top = GAP + line * (CELL + TEXT + GAP)
        _put(sheet, query, (GAP, top), _INK)
        draw.text((GAP, top + CELL + 2), f"{query.class_name} ({query.source})", fill=_INK)
        for column, photo_index in enumerate(evaluation.rankings[query_index][:HITS]):
            photo = evaluation.gallery[photo_index]
            left = 3 * GAP + (column + 1) * (CELL + GAP) - GAP
            colour = _RIGHT if photo.class_name == query.class_name else _WRONG
            _put(sheet, photo, (left, top), colour)
            draw.text((left, top + CELL + 2), photo.class_name, fill=colour)
    return sheet


def write_failures(evaluation: Evaluation, path: Path, *, count: int = 24) -> Path:
    """Write the sheet as PNG; a folder gets `failures.png`. Returns the file's path."""
    if path.is_dir() or not path.suffix:
        path /= "failures.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    failure_sheet(evaluation, count=count).save(path)
    return path


def _put(sheet: Image.Image, file: ImageFile, place: tuple[int, int], colour: str) -> None:
    image = ImageOps.contain(file.load(), (CELL - 4, CELL - 4))
    framed = Image.new("RGB", (CELL, CELL), colour)
    framed.paste("white", (2, 2, CELL - 2, CELL - 2))
    framed.paste(image, ((CELL - image.width) // 2, (CELL - image.height) // 2))
    sheet.paste(framed, place)

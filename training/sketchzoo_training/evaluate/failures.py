"""Failure sheets: the sketches that fail worst, each with the twelve photos it got."""

from pathlib import Path

from PIL import Image

from sketchzoo_training.evaluate.evaluation import Evaluation
from sketchzoo_training.plotting import GREEN, VERMILLION
from sketchzoo_training.sheets import Cell, Row, draw_sheet

HITS = 12


def failure_sheet(evaluation: Evaluation, *, count: int = 24) -> Image.Image:
    """Draw a row for each of the `count` worst queries: the sketch, then its first photos.

    Photos of the sketch's class are framed in green and ticked, others in vermillion and
    crossed, each with its class.
    """
    rows = []
    for index in evaluation.worst(count):
        query = evaluation.queries[index]
        photos = [evaluation.gallery[i] for i in evaluation.rankings.order[index][:HITS]]
        cells = [
            Cell(photo, f"✓ {photo.class_name}", GREEN)
            if photo.class_name == query.class_name
            else Cell(photo, f"✗ {photo.class_name}", VERMILLION)
            for photo in photos
        ]
        rows.append(Row(f"{query.class_name}\n({query.source})", [Cell(query, "sketch"), *cells]))
    title = (
        f"The {len(rows)} worst of {len(evaluation.queries)} sketches: each with its first "
        f"photos, nearest first; ✓ of its class, ✗ of another"
    )
    return draw_sheet(title, rows)


def write_failures(evaluation: Evaluation, path: Path, *, count: int = 24) -> Path:
    """Write the sheet as PNG; a folder gets `failures.png`. Returns the file's path."""
    if path.is_dir() or not path.suffix:
        path /= "failures.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    failure_sheet(evaluation, count=count).save(path)
    return path

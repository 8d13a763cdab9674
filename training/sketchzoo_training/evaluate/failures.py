"""Sheets of hits: sketches, those that fail worst or some, each with the twelve photos it got."""

from collections.abc import Sequence
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
    worst = evaluation.worst(count)
    return _sheet(
        f"The {len(worst)} worst of {len(evaluation.queries)} sketches", evaluation, worst
    )


def hits_sheet(evaluation: Evaluation, *, count: int = 8) -> Image.Image:
    """Draw the same rows for some queries, evenly among all and the same each time."""
    every = max(1, len(evaluation.queries) // count)
    some = range(0, len(evaluation.queries), every)[:count]
    return _sheet(f"{len(some)} of {len(evaluation.queries)} sketches", evaluation, some)


def _sheet(title: str, evaluation: Evaluation, chosen: Sequence[int]) -> Image.Image:
    rows = []
    for index in chosen:
        query = evaluation.queries[index]
        photos = [evaluation.gallery[i] for i in evaluation.rankings.order[index][:HITS]]
        cells = [
            Cell(photo, f"✓ {photo.class_name}", GREEN)
            if photo.class_name == query.class_name
            else Cell(photo, f"✗ {photo.class_name}", VERMILLION)
            for photo in photos
        ]
        rows.append(Row(f"{query.class_name}\n({query.source})", [Cell(query, "sketch"), *cells]))
    told = "each with its first photos, nearest first; ✓ of its class, ✗ of another"
    return draw_sheet(f"{title}: {told}", rows)


def write_failures(evaluation: Evaluation, path: Path, *, count: int = 24) -> Path:
    """Write the sheet as PNG; a folder gets `failures.png`. Returns the file's path."""
    if path.is_dir() or not path.suffix:
        path /= "failures.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    failure_sheet(evaluation, count=count).save(path)
    return path

"""What `sketchzoo data split` does: list, draw, write, count."""

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sketchzoo.images import Modality
from sketchzoo_training.data import SPLITS, check_apart, list_images, split_by_photo, write_splits
from sketchzoo_training.errors import DataError


def run(folder: Path, fractions: tuple[float, float, float], seed: int, *, replace: bool) -> None:
    """Draw a data set's splits by photo and write them as its `splits.csv`.

    Raises:
        DataError: the folder cannot be used, or has splits already.

    """
    folder = folder.expanduser().resolve()
    photos = list_images(folder, Modality.PHOTO)
    sketches = list_images(folder, Modality.SKETCH)
    check_apart(photos, sketches)
    try:
        files = split_by_photo((*photos, *sketches), seed=seed, fractions=fractions)
    except ValueError as error:
        raise DataError(str(error)) from error
    path = write_splits(folder, files, replace=replace)
    counts = Counter((file.split, file.modality) for file in files)
    table = Table("split", "photos", "sketches", title=str(path))
    for split in SPLITS:
        table.add_row(split, *(str(counts[split, modality]) for modality in Modality))
    Console().print(table)

"""The folder that the shipped model's recipes learn from: `zoo/` and, beside it, `extra/`."""

from pathlib import Path

from sketchzoo_training.data import DataFolders, DataSource
from sketchzoo_training.errors import DataError


def zoo_folder(source: DataSource, name: str) -> Path:
    """Return the one folder of a data set, from which a run called `name` is to learn.

    Raises:
        DataError: the data set is another: two folders, or a plug-in.

    """
    if not isinstance(source, DataFolders) or source.photos != source.sketches:
        raise DataError(f"{name} learns from a folder with zoo/ and extra/, not from {source}")
    return source.photos

"""Photos as the network's squares, with class, split and the name that sketches pair by."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sketchzoo.images import Modality, Preprocessing, squared
from sketchzoo_training.data import ImageFile, list_images
from sketchzoo_training.recipes.towers.drawings import UNSEEN, same
from sketchzoo_training.recipes.towers.kept import kept, key_of

ANYTHING = "anything"
"""The split of photos of no class that counts: pairs of a photo and its own contour."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Photos as squares: uint8 `(n, size, size, 3)`.

    `labels` index `names`, int64 `(n,)`, -1 for photos of anything. `split` is train, val, test,
    unseen or anything; `stems` are what their sketches' names begin with.
    """

    squares: npt.NDArray[np.uint8] = field(repr=False)
    labels: npt.NDArray[np.int64] = field(repr=False)
    split: npt.NDArray[np.str_] = field(repr=False)
    stems: tuple[str, ...] = field(repr=False)
    names: tuple[str, ...]

    def where(self, *splits: str) -> npt.NDArray[np.intp]:
        """Return the indexes of some splits' photos."""
        return np.flatnonzero(np.isin(self.split, splits))


def load_pictures(
    data: Path, names: tuple[str, ...], unseen: frozenset[str], how: Preprocessing, cache: Path
) -> Pictures:
    """Read the photos below `data`: the zoo's, those of other classes, and of anything.

    `names` number the classes, the zoo's first; photos of others are of no class.

    Raises:
        DataError: a photo cannot be used.

    """
    files = list(list_images(data / "zoo", Modality.PHOTO))
    splits = [file.split or "train" for file in files]
    extra = data / "extra"
    for file in _listed(extra / "photo"):
        name = same(file.class_name)
        files.append(file)
        splits.append(UNSEEN if name in unseen else "train")
    anything = _listed(extra / "photo_any")
    files += anything
    splits += [ANYTHING] * len(anything)
    number = {name: index for index, name in enumerate(names)}
    labels = [
        -1 if split == ANYTHING else number.get(same(file.class_name), -1)
        for file, split in zip(files, splits, strict=True)
    ]

    def compute() -> npt.NDArray[np.uint8]:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return np.stack(list(pool.map(lambda file: squared(file.required(), how), files)))

    return Pictures(
        squares=kept(cache, key_of(files, how=asdict(how)), compute),
        labels=np.array(labels, np.int64),
        split=np.array(splits),
        stems=tuple(file.name for file in files),
        names=names,
    )


def _listed(folder: Path) -> list[ImageFile]:
    return list(list_images(folder, Modality.PHOTO)) if folder.is_dir() else []

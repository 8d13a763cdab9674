"""A data set as training sees it: split, narrowed, labelled and fingerprinted."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sketchzoo.images import Modality
from sketchzoo_training.data._folders import check_apart, list_images
from sketchzoo_training.data._image_file import ImageFile
from sketchzoo_training.data._splits import SPLITS, split_by_photo
from sketchzoo_training.errors import DataError
from sketchzoo_training.recipes.siamese.config import DataConfig


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Photos and sketches of every split, the classes in order, and a fingerprint.

    The fingerprint hashes each file's content, class, modality and split, not its place.
    """

    photos: tuple[ImageFile, ...] = field(repr=False)
    sketches: tuple[ImageFile, ...] = field(repr=False)
    classes: tuple[str, ...]
    fingerprint: str

    def of(self, modality: Modality, split: str) -> tuple[ImageFile, ...]:
        """Return the files of one modality and split."""
        files = self.photos if modality is Modality.PHOTO else self.sketches
        return tuple(file for file in files if file.split == split)

    def counts(self) -> dict[str, int]:
        """Return how many photos and sketches each split holds."""
        return {
            f"{split}_{modality}": len(self.of(modality, split))
            for split in SPLITS
            for modality in Modality
        }


def load_training_set(folder: Path, config: DataConfig) -> TrainingSet:
    """List a data set; where it states no splits, draw them by photo.

    Raises:
        DataError: the folder cannot be used, tells no photos from sketches, or lacks a
            class that `config` names.

    """
    photos = list_images(folder, Modality.PHOTO)
    sketches = list_images(folder, Modality.SKETCH)
    check_apart(photos, sketches)
    if all(file.split is None for file in photos + sketches):
        photos = split_by_photo(photos, seed=config.split_seed)
        sketches = split_by_photo(sketches, seed=config.split_seed)
    classes = {file.class_name for file in photos} & {file.class_name for file in sketches}
    if config.classes:
        missing = sorted(set(config.classes) - classes)
        if missing:
            raise DataError(f"{folder} lacks photos or sketches of {', '.join(missing)}")
        classes = set(config.classes)
    photos = tuple(file for file in photos if file.class_name in classes and file.split)
    sketches = tuple(file for file in sketches if file.class_name in classes and file.split)
    if config.photos_per_class is not None:
        photos = _at_most(photos, config.photos_per_class)
    return TrainingSet(photos, sketches, tuple(sorted(classes)), _fingerprint(photos + sketches))


def filled_up(
    photos: Sequence[ImageFile], others: Sequence[ImageFile], count: int = 12
) -> tuple[ImageFile, ...]:
    """Add others where a class has fewer than `count` photos.

    The `val` split may hold two photos of a class, of which P@12 could never pass 2/12.
    """
    of_class = Counter(photo.class_name for photo in photos)
    added = []
    for other in others:
        if of_class[other.class_name] < count:
            of_class[other.class_name] += 1
            added.append(other)
    return (*photos, *added)


def _at_most(photos: tuple[ImageFile, ...], count: int) -> tuple[ImageFile, ...]:
    """Keep the first `count` training photos of each class, and all others."""
    seen: Counter[str] = Counter()
    kept = []
    for photo in photos:
        if photo.split == "train":
            seen[photo.class_name] += 1
            if seen[photo.class_name] > count:
                continue
        kept.append(photo)
    return tuple(kept)


def _fingerprint(files: tuple[ImageFile, ...]) -> str:
    lines = []
    for file in files:
        try:
            content = hashlib.sha256(file.content()).hexdigest()
        except (OSError, DataError):
            content = "unreadable"
        lines.append(f"{content} {file.class_name} {file.modality} {file.split}")
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]

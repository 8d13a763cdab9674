"""A data set as training sees it: split, narrowed, labelled and fingerprinted."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sketchzoo.images import ImageError, Modality, measure
from sketchzoo_training.data._image_file import ImageFile, class_name_of
from sketchzoo_training.data._left_out import LeftOut
from sketchzoo_training.data._source import DataSource, check_apart, look
from sketchzoo_training.data._splits import SPLITS, split_by_photo
from sketchzoo_training.errors import DataError


class Narrowing(Protocol):
    """Which of a data set's images a run sees; `recipes.siamese.config.DataConfig` is one.

    `classes` (empty: all), at most `photos_per_class` training photos of each, and where the
    data set states no splits, the seed that draws them.
    """

    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def photos_per_class(self) -> int | None: ...
    @property
    def split_seed(self) -> int: ...


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Photos and sketches of every split, the classes in order, and a fingerprint.

    The fingerprint hashes each file's content, class, modality and split, not its place.
    `left_out` are the files and classes that dropped out, and why.
    """

    photos: tuple[ImageFile, ...] = field(repr=False)
    sketches: tuple[ImageFile, ...] = field(repr=False)
    classes: tuple[str, ...]
    fingerprint: str
    left_out: LeftOut = field(default_factory=LeftOut, repr=False)

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


def load_training_set(source: Path | DataSource, config: Narrowing) -> TrainingSet:
    """List a data set; where it states no splits, draw them by photo.

    A class without photos and sketches in `train` drops out whole: nothing can be learnt of
    it. So do files that are no images by their headers, what has the content of a photo
    listed before it, and what no split holds.

    Raises:
        DataError: the source cannot be used, tells no photos from sketches, or lacks a
            class that `config` names.

    """
    photos, sketches = (look(source, modality) for modality in Modality)
    check_apart(photos.files, sketches.files)
    files, left_out = photos.files + sketches.files, photos.left_out + sketches.left_out
    if all(file.split is None for file in files):
        files = split_by_photo(files, seed=config.split_seed)
    if config.classes:
        wanted = {class_name_of(name) for name in config.classes}
        missing = sorted(wanted - _in_both(files))
        if missing:
            raise DataError(f"{source} lacks photos or sketches of {', '.join(missing)}")
        files = tuple(file for file in files if file.class_name in wanted)
    hashes, unusable = _read(files)
    left_out += unusable + copies(hashes)
    kept = left_out.without(hashes)
    left_out += untrainable(kept)
    kept = left_out.without(kept)
    if not kept:
        raise DataError(f"{source} has no class with photos and sketches in train")
    if config.photos_per_class is not None:
        kept = _at_most(kept, config.photos_per_class)
    return TrainingSet(
        photos=tuple(file for file in kept if file.modality is Modality.PHOTO),
        sketches=tuple(file for file in kept if file.modality is Modality.SKETCH),
        classes=tuple(sorted(_in_both(kept))),
        fingerprint=_fingerprint(kept, hashes),
        left_out=left_out,
    )


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


def untrainable(files: Sequence[ImageFile]) -> LeftOut:
    """Return the files of which nothing can be learnt: classes without photos and sketches.

    Where there are splits, both must be in `train`.
    """
    known, trainable = _in_both(files), _in_both(f for f in files if f.split in ("train", None))
    alone = (file for file in files if file.class_name not in known)
    untrained = (file for file in files if file.class_name in known - trainable)
    return LeftOut.because("class_of_one_modality", alone) + LeftOut.because(
        "class_not_in_train", untrained
    )


def _in_both(files: Iterable[ImageFile]) -> set[str]:
    """Return the classes of which there are photos and sketches."""
    pairs = {(file.class_name, file.modality) for file in files}
    return {name for name, _ in pairs if pairs >= {(name, each) for each in Modality}}


def copies(hashes: Mapping[ImageFile, str]) -> LeftOut:
    """Return the files with the content of a photo before them; `hashes` has photos first."""
    first: dict[str, ImageFile] = {}
    for file, content in hashes.items():
        if file.modality is Modality.PHOTO:
            first.setdefault(content, file)
    return LeftOut.because(
        "duplicate", (file for file, content in hashes.items() if first.get(content, file) != file)
    )


def _read(files: Iterable[ImageFile]) -> tuple[dict[ImageFile, str], LeftOut]:
    """Read every file of a split: the hash of its content, or the reason why it is no image."""
    hashes: dict[ImageFile, str] = {}
    unusable: list[tuple[ImageFile, str]] = []
    for file in files:
        if file.split not in SPLITS:
            unusable.append((file, "in_another_split" if file.split else "not_in_splits"))
            continue
        try:
            content = file.content()
            measure(content)
        except ImageError as error:
            unusable.append((file, error.reason))
        except (OSError, DataError):
            unusable.append((file, "unreadable"))
        else:
            hashes[file] = hashlib.sha256(content).hexdigest()
    return hashes, LeftOut(tuple(unusable))


def _at_most(files: tuple[ImageFile, ...], count: int) -> tuple[ImageFile, ...]:
    """Keep the first `count` training photos of each class, and all others."""
    seen: Counter[str] = Counter()
    kept = []
    for file in files:
        if file.split == "train" and file.modality is Modality.PHOTO:
            seen[file.class_name] += 1
            if seen[file.class_name] > count:
                continue
        kept.append(file)
    return tuple(kept)


def _fingerprint(files: Iterable[ImageFile], hashes: Mapping[ImageFile, str]) -> str:
    lines = [f"{hashes[file]} {file.class_name} {file.modality} {file.split}" for file in files]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]

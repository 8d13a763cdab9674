"""Inspection: what a data set holds, before anything is trained on it."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sketchzoo.images import ImageError, Modality
from sketchzoo_training.data import DataError, ImageFile, list_images
from sketchzoo_training.evaluate.embedding import default_workers
from sketchzoo_training.inspect.near_duplicates import Hash, difference_hash, near_duplicates


@dataclass(frozen=True, slots=True)
class Looked:
    """What one file turned out to be: its size in pixels and hash, or why it is damaged."""

    file: ImageFile
    size: tuple[int, int] = (0, 0)
    bytes: int = 0
    hash: Hash | None = None
    damage: str = ""


@dataclass(frozen=True, slots=True)
class Twins:
    """Two files of a modality that look the same; `bits` of 256 differ."""

    one: ImageFile
    other: ImageFile
    bits: int

    @property
    def worries(self) -> tuple[str, ...]:
        """Why they matter: another class, or another split (a leak)."""
        worries = []
        if self.one.class_name != self.other.class_name:
            worries.append("two classes")
        if self.one.split != self.other.split:
            worries.append("two splits")
        return tuple(worries)


@dataclass(frozen=True, slots=True)
class Inspection:
    """A data set looked through: every file, and the pairs that look the same."""

    folder: Path
    looked: tuple[Looked, ...] = field(repr=False)
    twins: tuple[Twins, ...] = field(repr=False)

    def whole(self, modality: Modality) -> list[Looked]:
        """Return the files of a modality that decode."""
        return [one for one in self.looked if one.file.modality is modality and not one.damage]

    @property
    def damaged(self) -> list[Looked]:
        """The files that do not decode."""
        return [one for one in self.looked if one.damage]

    def per_class(self, modality: Modality) -> dict[str, int]:
        """Return how many whole images each class has, every class being named."""
        counts = Counter(one.file.class_name for one in self.whole(modality))
        return {name: counts[name] for name in self.classes}

    @property
    def classes(self) -> list[str]:
        """All classes by name."""
        return sorted({one.file.class_name for one in self.looked})

    def summary(self) -> dict[str, Any]:
        """Return the figures as JSON's types."""
        photos, sketches = (self.whole(modality) for modality in Modality)
        paired = {photo.file.name for photo in photos}
        sources = Counter(sketch.file.source for sketch in sketches)
        splits = Counter(
            f"{one.file.split or 'none'} {one.file.modality}"
            for one in self.looked
            if not one.damage
        )
        return {
            "classes": len(self.classes),
            "photos": len(photos),
            "sketches": len(sketches),
            "sketches_with_their_photo": sum(s.file.photo_name in paired for s in sketches),
            "sketch_sources": dict(sorted(sources.items())),
            "splits": dict(sorted(splits.items())),
            "photos_a_class": _spread(self.per_class(Modality.PHOTO)),
            "sketches_a_class": _spread(self.per_class(Modality.SKETCH)),
            "damaged": len(self.damaged),
            "near_duplicates": len(self.twins),
            "near_duplicates_of_two_classes": self._worrying("two classes"),
            "near_duplicates_of_two_splits": self._worrying("two splits"),
        }

    def _worrying(self, worry: str) -> int:
        return sum(worry in twins.worries for twins in self.twins)


def inspect(folder: Path, *, advance: Callable[[int], Any] = lambda _: None) -> Inspection:
    """Open every photo and sketch of a data set; `advance` is told the number of files.

    A data set of one modality is inspected too.

    Raises:
        DataError: the folder holds neither photos nor sketches.

    """
    files: list[ImageFile] = []
    problems = []
    for modality in Modality:
        try:
            files.extend(list_images(folder, modality))
        except DataError as error:
            problems.append(error)
    if len(problems) == len(Modality):
        raise problems[0]
    # A folder without levels lists the same files as photos and as sketches.
    files = list({(file.path, file.drawing): file for file in files}.values())
    advance(len(files))

    def look(file: ImageFile) -> Looked:
        looked = _look(file)
        advance(0)
        return looked

    with ThreadPoolExecutor(default_workers()) as pool:
        looked = tuple(pool.map(look, files))
    return Inspection(folder, looked, tuple(_twins(looked)))


def _look(file: ImageFile) -> Looked:
    try:
        image = file.load()
    except ImageError as error:
        return Looked(file, damage=str(error))
    except (OSError, DataError) as error:
        return Looked(file, damage=f"cannot be read: {error}")
    return Looked(file, image.size, file.path.stat().st_size, difference_hash(image))


def _twins(looked: Sequence[Looked]) -> list[Twins]:
    found = []
    for modality in Modality:
        own = [one for one in looked if one.file.modality is modality and one.hash is not None]
        hashes = [one.hash for one in own if one.hash is not None]
        found += [Twins(own[a].file, own[b].file, bits) for a, b, bits in near_duplicates(hashes)]
    return sorted(found, key=lambda twins: (not twins.worries, twins.bits))


def _spread(counts: dict[str, int]) -> dict[str, float]:
    values = np.array(list(counts.values()))
    return {
        "least": int(values.min()),
        "median": float(np.median(values)),
        "most": int(values.max()),
    }

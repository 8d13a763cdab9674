"""Inspection: what a data set holds, before anything is trained on it."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sketchzoo.images import ImageError, Modality, decode
from sketchzoo_training.data import (
    DataError,
    DataFolders,
    DataSource,
    ImageFile,
    LeftOut,
    Listing,
    copies,
    data_source,
    look,
    modality_called,
    untrainable,
)
from sketchzoo_training.evaluate.embedding import default_workers
from sketchzoo_training.inspect.near_duplicates import Hash, difference_hash, near_duplicates


@dataclass(frozen=True, slots=True)
class Looked:
    """What one file turned out to be: its size in pixels, its bytes and its hashes."""

    file: ImageFile
    size: tuple[int, int]
    bytes: int
    sha256: str = field(repr=False)
    hash: Hash = field(repr=False)


@dataclass(frozen=True, slots=True)
class Damaged:
    """A file that does not decode: the reason in a few words, and all that is known of it."""

    file: ImageFile
    reason: str
    message: str


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
    """A data set looked through: every file that decodes, and the pairs that look the same.

    `left_out` is what training would leave out, the damaged files among it.
    """

    source: DataSource
    looked: tuple[Looked, ...] = field(repr=False)
    damaged: tuple[Damaged, ...] = field(repr=False)
    twins: tuple[Twins, ...] = field(repr=False)
    left_out: LeftOut = field(default_factory=LeftOut, repr=False)

    def whole(self, modality: Modality) -> list[Looked]:
        """Return the files of a modality that decode."""
        return [one for one in self.looked if one.file.modality is modality]

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
        splits = Counter(f"{one.file.split or 'none'} {one.file.modality}" for one in self.looked)
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
            "left_out": self.left_out.report(),
        }

    def _worrying(self, worry: str) -> int:
        return sum(worry in twins.worries for twins in self.twins)


def inspect(
    source: Path | DataSource, *, advance: Callable[[int], Any] = lambda _: None
) -> Inspection:
    """Open every photo and sketch of a data set; `advance` is told the number of files.

    A data set of one modality is inspected too; a folder without levels is taken for photos.

    Raises:
        DataError: the source holds neither photos nor sketches.

    """
    if isinstance(source, Path):
        source = data_source(source)
    listings: list[Listing] = []
    problems = []
    for modality in Modality:
        try:
            listings.append(look(source, modality))
        except DataError as error:
            problems.append(error)
    if not listings:
        raise problems[0]
    # A folder without levels lists the same files as photos and as sketches: its name may tell.
    if isinstance(source, DataFolders) and modality_called(source.photos.name) is Modality.SKETCH:
        listings.reverse()
    files = list({file.place: file for each in reversed(listings) for file in each.files}.values())
    advance(len(files))

    def look_at(file: ImageFile) -> Looked | Damaged:
        looked = _look(file)
        advance(0)
        return looked

    with ThreadPoolExecutor(default_workers()) as pool:
        found = list(pool.map(look_at, files))
    looked = tuple(one for one in found if isinstance(one, Looked))
    damaged = tuple(one for one in found if isinstance(one, Damaged))
    left_out = sum((each.left_out for each in listings), LeftOut())
    left_out += LeftOut(tuple((one.file, one.reason) for one in damaged))
    left_out += copies({one.file: one.sha256 for one in looked})
    if len({one.file.modality for one in looked}) == len(Modality):
        left_out += untrainable([one.file for one in looked])
    return Inspection(source, looked, damaged, tuple(_twins(looked)), left_out)


def _look(file: ImageFile) -> Looked | Damaged:
    try:
        content = file.content()
        image = decode(content)
    except ImageError as error:
        return Damaged(file, error.reason, str(error))
    except (OSError, DataError) as error:
        return Damaged(file, "unreadable", str(error))
    digest = hashlib.sha256(content).hexdigest()
    return Looked(file, image.size, len(content), digest, difference_hash(image))


def _twins(looked: Sequence[Looked]) -> list[Twins]:
    found = []
    for modality in Modality:
        own = [one for one in looked if one.file.modality is modality]
        pairs = near_duplicates([one.hash for one in own])
        found += [Twins(own[a].file, own[b].file, bits) for a, b, bits in pairs]
    return sorted(found, key=lambda twins: (not twins.worries, twins.bits))


def _spread(counts: dict[str, int]) -> dict[str, float]:
    values = np.array(list(counts.values()))
    return {
        "least": int(values.min()),
        "median": float(np.median(values)),
        "most": int(values.max()),
    }

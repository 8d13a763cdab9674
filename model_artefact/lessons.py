"""Lessons: the classes that someone's folders teach, and those that the model knows already."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from model_artefact.photos import Picture, listed, pictures_in, root_of
from sketchzoo.class_names import ClassNameError, class_name
from sketchzoo.images import Modality
from sketchzoo.model_error import ModelError

FEWEST = 5
"""A class of fewer photos is not learned."""
MOST = 10_000
"""Of more pictures at once the features take too much memory: of so many some 3 GB."""
_BETWEEN_WORDS = re.compile(r"[\s_-]+")
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Lessons:
    """Pictures by class: `photos` and `drawings` of new ones, in the order of `names`.

    `known` counts photos of the classes that the model has already, by its own names.
    """

    names: tuple[str, ...]
    photos: tuple[Picture, ...] = field(repr=False)
    drawings: tuple[Picture, ...] = field(repr=False)
    known: Mapping[str, int] = field(default_factory=dict)

    def of(self, photos: Iterable[bool], drawings: Iterable[bool]) -> "Lessons":
        """Return the lessons without the pictures that are marked False."""
        return Lessons(
            self.names,
            tuple(each for each, keep in zip(self.photos, photos, strict=True) if keep),
            tuple(each for each, keep in zip(self.drawings, drawings, strict=True) if keep),
            self.known,
        )

    def counts(self, pictures: Iterable[Picture]) -> dict[str, int]:
        """Return how many pictures each new class has."""
        found = Counter(picture.class_name for picture in pictures)
        return {name: found[name] for name in self.names}

    def check(self, fewest: int = FEWEST) -> None:
        """Refuse classes of too few photos.

        Raises:
            ModelError: names them.

        """
        short = {name: n for name, n in self.counts(self.photos).items() if n < fewest}
        if short:
            told = ", ".join(f"{name} ({count})" for name, count in list(short.items())[:_NAMED])
            more = f" and {len(short) - _NAMED} more" if len(short) > _NAMED else ""
            raise ModelError(
                f"too few photos that can be read: {told}{more}; a class needs at least {fewest}"
            )


def lessons(known: Iterable[str], photos: Path, sketches: Path | None, most: int) -> Lessons:
    """List what folders teach a model that knows some classes; up to `most` pictures of a class.

    Names are the same that differ in capitals, or in what stands between words.

    Raises:
        ModelError: a folder cannot be listed, two of its folders have one name, no class is
            new, sketches are of classes that have no photos, or there are more pictures than
            memory is meant for.

    """
    of_model = {key(name): name for name in known}
    seen = _by_key(photos, Modality.PHOTO, most)
    names = tuple(sorted(some[0].class_name for each, some in seen.items() if each not in of_model))
    if not names:
        had = _some(sorted(of_model[each] for each in seen))
        raise ModelError(f"the model knows every class of {photos} already: {had}")
    drawn = {} if sketches is None else _by_key(sketches, Modality.SKETCH, most)
    strange = sorted(
        some[0].class_name
        for each, some in drawn.items()
        if each not in seen and each not in of_model
    )
    if strange:
        raise ModelError(
            f"{sketches} has sketches of what {photos} has no photos of: {_some(strange)}; "
            "folders must have the same names"
        )
    of_new = tuple(picture for name in names for picture in seen[key(name)])
    drawings = tuple(
        Picture(picture.path, name) for name in names for picture in drawn.get(key(name), ())
    )
    if (count := len(of_new) + len(drawings)) > MOST:
        raise ModelError(
            f"{count:,} photos and drawings of {len(names):,} new classes; {MOST:,} can be learned "
            "from at once: take fewer of each (--per-class), or teach some classes first and the "
            "others to what is made"
        )
    return Lessons(
        names,
        of_new,
        drawings,
        {of_model[each]: len(some) for each, some in sorted(seen.items()) if each in of_model},
    )


def one_lesson(
    known: Iterable[str], name: str, photos: Path, sketches: Path | None, most: int = 200
) -> Lessons:
    """List what one class's folders teach; pictures may lie in folders of it.

    Raises:
        ModelError: a folder is none, the name names nothing, or the model knows it.

    """
    try:
        called = class_name(name)
    except ClassNameError as error:
        raise ModelError(f"NAME: {error}") from error
    if any(key(each) == key(called) for each in known):
        raise ModelError(f"the model knows {called} already")
    seen, drawn = (
        () if folder is None else tuple(pictures_in(folder, called, most))
        for folder in (photos, sketches)
    )
    return Lessons((called,), seen, drawn)


def key(name: str) -> str:
    """Return what a class's name is compared by."""
    return _BETWEEN_WORDS.sub(" ", name.casefold()).strip()


def _by_key(folder: Path, modality: Modality, most: int) -> Mapping[str, list[Picture]]:
    found: dict[str, list[Picture]] = defaultdict(list)
    for picture in listed(folder, modality, most):
        found[key(picture.class_name)].append(picture)
    root = root_of(folder, modality)
    for pictures in found.values():
        names = sorted({picture.path.relative_to(root).parts[0] for picture in pictures})
        if len(names) > 1:
            raise ModelError(
                f"{root}: {' and '.join(names)} are one name: join the folders, or rename one"
            )
    return found


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more

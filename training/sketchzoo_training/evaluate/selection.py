"""Which photos and sketches an evaluation measures: of which folders, splits and classes."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sketchzoo.images import Modality
from sketchzoo_training.data import (
    ClassList,
    DataError,
    ImageFile,
    LeftOut,
    Listing,
    check_apart,
    class_list,
    class_name_of,
    look,
)
from sketchzoo_training.errors import InputError


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to be measured.

    `split` names one split or several with commas between; with `whole` folders that state none
    are taken as they are. Only sketches of `classes`, or of those on `class_list`, ask: among
    photos of these alone, or with `among_all` among all photos. `unknown` are folders of sketches
    of other things than the gallery shows.
    """

    gallery: tuple[Path, ...]
    queries: tuple[Path, ...]
    split: str | None = None
    whole: bool = False
    classes: tuple[str, ...] = ()
    class_list: str | None = None
    among_all: bool = False
    unknown: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if not self.gallery:
            raise ValueError("gallery must name at least one folder of photos")
        if not self.queries:
            raise ValueError("queries must name at least one folder of sketches")
        if self.classes and self.class_list:
            raise InputError("give --classes or --class-list, not both")
        if self.among_all and not (self.classes or self.class_list):
            raise InputError("--among all says where sketches of --classes or a --class-list look")
        if self.whole and not self.split:
            raise InputError("--whole says what becomes of folders without splits; give --split")


@dataclass(frozen=True, slots=True)
class Selection:
    """The photos and sketches that take part.

    `wanted` are the classes that were asked for, none where all are; `listed` is the list that
    they are on. `unknown` are sketches of classes that the photos do not show.
    """

    gallery: tuple[ImageFile, ...] = field(repr=False)
    queries: tuple[ImageFile, ...] = field(repr=False)
    unknown: tuple[ImageFile, ...] = field(default=(), repr=False)
    left_out: LeftOut = field(default_factory=LeftOut)
    wanted: frozenset[str] = frozenset()
    listed: ClassList | None = None

    def list_report(self, learned: frozenset[str] | None) -> dict[str, Any] | None:
        """Say how much of the list was there, and which of it the model has learned from."""
        if self.listed is None:
            return None
        return {
            "name": self.listed.name,
            "about": self.listed.about,
            "source": self.listed.source,
            "classes": len(self.listed.classes),
            "missing": sorted(self.listed.classes - self.wanted),
            "learned": None if learned is None else self.listed.among(learned),
        }


def select(choice: Choice) -> Selection:
    """List what takes part.

    Raises:
        DataError: a folder cannot be used, or has nothing of what was asked for.

    """
    photos = _listing(choice, choice.gallery, Modality.PHOTO)
    sketches = _listing(choice, choice.queries, Modality.SKETCH)
    gallery, queries = photos.files, sketches.files
    check_apart(gallery, queries)
    listed, wanted = None, frozenset[str]()
    if choice.class_list:
        listed = class_list(choice.class_list)
        gallery, queries = listed.called(gallery), listed.called(queries)
        wanted = listed.classes & _names(gallery) & _names(queries)
        if not wanted:
            raise DataError(f"no class on the list {listed.name} has both photos and sketches here")
    elif choice.classes:
        wanted = _classes(choice.classes, _names(gallery) | _names(queries))
    if wanted:
        own, queries = _of(wanted, gallery), _of(wanted, queries)
        gallery = gallery if choice.among_all else own
    unknown = _listing(replace(choice, split=None, whole=False), choice.unknown, Modality.SKETCH)
    strange = unknown.files if listed is None else listed.called(unknown.files)
    shown = _names(gallery)
    strange = tuple(file for file in strange if file.class_name not in shown)
    if choice.unknown and not strange:
        raise DataError("--unknown: the gallery shows every class of these sketches")
    left_out = photos.left_out + sketches.left_out + unknown.left_out
    return Selection(gallery, queries, strange, left_out, wanted, listed)


def _listing(choice: Choice, folders: tuple[Path, ...], modality: Modality) -> Listing:
    listings = []
    for folder in folders:
        everything = look(folder, modality)
        states_none = not any(file.split for file in everything.files)
        if choice.split is None or (choice.whole and states_none):
            listings.append(everything)
        else:
            splits = choice.split.split(",")
            listings += [look(folder, modality, split=split.strip()) for split in splits]
    # The same file under two folders given counts once.
    files = {file.place: file for listing in listings for file in listing.files}
    left_out = dict.fromkeys(out for listing in listings for out in listing.left_out.files)
    return Listing(tuple(files.values()), LeftOut(tuple(left_out)))


def _names(files: tuple[ImageFile, ...]) -> frozenset[str]:
    return frozenset(file.class_name for file in files)


def _classes(named: tuple[str, ...], known: frozenset[str]) -> frozenset[str]:
    """Return the classes named, spelled as folders may be; commas stand between or within."""
    whole = frozenset(class_name_of(name) for name in named) & known
    parts = (name.split(",") for name in named if class_name_of(name) not in known)
    return whole.union(class_name_of(part) for names in parts for part in names)


def _of(wanted: frozenset[str], files: tuple[ImageFile, ...]) -> tuple[ImageFile, ...]:
    missing = sorted(wanted - _names(files))
    if missing:
        raise DataError(f"no {files[0].modality} is of class {', '.join(missing)}")
    return tuple(file for file in files if file.class_name in wanted)

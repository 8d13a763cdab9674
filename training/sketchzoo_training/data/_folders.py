"""Folders: a folder per class, in the layouts that are in use.

`DIR/<class>/*`, the same under a level called `photo` or `sketch` or by another usual name,
the Sketchy database's `256x256/photo/tx_000000000000/<class>/*`, a level within each class
(`DIR/<class>/photo/*`), and any of these below a folder per split (`DIR/test/...`).
TU-Berlin's folders and folders of QuickDraw's `.ndjson` files are folders per class too.
`splits.csv` lies at the data set's root, beside the level.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sketchzoo.class_names import ClassNameError
from sketchzoo.ignored import READ, of_file, of_folder
from sketchzoo.images import Modality
from sketchzoo_training.data._image_file import ImageFile, class_name_of
from sketchzoo_training.data._left_out import LeftOut
from sketchzoo_training.data._quickdraw import GOOGLES_PREFIX, list_drawings
from sketchzoo_training.data._splits import SPLITS, read_splits, split_name
from sketchzoo_training.errors import DataError

NO_CLASS = "(no class)"
"""The class of files that are left out for want of one."""
_NAMES = {
    Modality.PHOTO: "photo photos photograph photographs image images img imgs picture pictures "
    "pic pics bild bilder foto fotos fotografie fotografien",
    Modality.SKETCH: "sketch sketches drawing drawings doodle doodles skizze skizzen zeichnung "
    "zeichnungen dessin dessins croquis dibujo dibujos boceto bocetos schizzo schizzi",
}
_LEVELS = {modality: frozenset(names.split()) for modality, names in _NAMES.items()}
_EVERY_LEVEL = frozenset[str]().union(*_LEVELS.values())


@dataclass(frozen=True, slots=True)
class Listing:
    """A data set's photos or sketches by class and name, and what was passed over."""

    files: tuple[ImageFile, ...] = field(repr=False)
    left_out: LeftOut = field(default_factory=LeftOut)


def list_folder(folder: Path, modality: Modality, *, listed: bool = True) -> Listing:
    """List the images of one modality in a folder, each in its split where it has one.

    Splits are folders, or what `splits.csv` says; it is read only where `listed` is set.

    Hidden files, ignored ones (`sketchzoo.ignored`) and folders without images are passed
    over without a word.

    Raises:
        DataError: no such folder, or no class folder with images in it.

    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise DataError(f"{folder} {what}; give a folder with a folder per class")
    parts = _split_folders(folder)
    if parts:
        listings = {split: list_folder(part, modality) for split, part in parts.items()}
        files = (file.in_split(name) for name, part in listings.items() for file in part.files)
        return Listing(tuple(files), sum((o.left_out for o in listings.values()), LeftOut()))
    root = _level(folder, modality)
    found, passed_over = [], []
    for file, reason in _images(root, modality, nested=root == folder):
        if reason:
            passed_over.append((file, reason))
        else:
            found.append(file)
    if not found:
        raise DataError(_nothing_found(folder, root, modality))
    left_out = LeftOut(tuple(passed_over))
    splits = read_splits(folder, root) if listed else None
    if splits is None:
        return Listing(tuple(found), left_out)
    named = ((file, splits.of(file)) for file in found)
    return Listing(
        tuple(file.in_split(split) if split else file for file, split in named), left_out
    )


def modality_called(name: str) -> Modality | None:
    """Return what a folder of that name holds, None where the name does not say."""
    return next((each for each, names in _LEVELS.items() if name.casefold() in names), None)


def _split_folders(folder: Path) -> dict[str, Path]:
    """Return the folder of each split, where there are nothing but such folders."""
    inner = _folders_in(folder)
    parts = {split_name(path.name): path for path in inner}
    if not parts.keys() <= set(SPLITS):
        return {}
    if len(parts) < len(inner):
        names = ", ".join(path.name for path in inner)
        raise DataError(f"{folder} has two folders of one split: {names}")
    return dict(sorted(parts.items()))


def _level(folder: Path, modality: Modality) -> Path:
    """Descend to the folder that holds the class folders."""
    root = folder
    if (root / "256x256").is_dir():
        root /= "256x256"
    inner = _named(root, modality)
    other = next(each for each in Modality if each is not modality)
    if inner is not None:
        root = inner
    elif (level := _named(root, other)) is not None:
        raise DataError(
            f"{folder} has a {other} level, {level.name}, but none that is called {modality}; "
            "give both with --photos DIR --sketches DIR"
        )
    transforms = [path for path in _folders_in(root) if path.name.startswith("tx_")]
    # Sketchy holds each image in several crops; tx_000000000000 is the one as drawn.
    return transforms[0] if transforms else root


def _named(folder: Path, modality: Modality, *, among_classes: bool = True) -> Path | None:
    """Return the one folder below whose name says that it is the modality's level.

    `photo` itself goes before all other names. Among classes a folder of images is a class,
    whatever its name.
    """
    inner = _folders_in(folder)
    levels = [path for path in inner if path.name.casefold() in _LEVELS[modality]]
    if among_classes and any(path.name.casefold() not in _EVERY_LEVEL for path in inner):
        levels = [path for path in levels if _folders_in(path) or any(path.glob("*.ndjson"))]
    levels = [path for path in levels if path.name.casefold() == modality] or levels
    if len(levels) > 1:
        names = " and ".join(path.name for path in levels)
        raise DataError(
            f"{folder} holds {names}, either of which may be its {modality} level: say which "
            "with --photos DIR --sketches DIR"
        )
    return levels[0] if levels else None


def _images(root: Path, modality: Modality, *, nested: bool) -> Iterator[tuple[ImageFile, str]]:
    """Yield each image with the reason why it takes no part, empty where it does.

    `nested` says that a level may lie within each class.
    """
    for entry in sorted(root.iterdir()):
        if _is_hidden(entry.name):
            continue
        if entry.is_dir():
            class_name, wrong = _class_of(entry.name)
            own, *others = (
                _named(entry, each, among_classes=False) if nested else None
                for each in sorted(Modality, key=lambda each: each is not modality)
            )
            if own is None and any(others):
                continue  # the class has images of the other modality only
            for path in sorted((own or entry).rglob("*")):
                if path.is_file() and _shown(path, entry):
                    reason = "" if path.suffix.lower() in READ else "ending_not_read"
                    yield ImageFile(path, class_name, modality), wrong or reason
        elif entry.suffix == ".ndjson" and modality is Modality.SKETCH:
            class_name, wrong = _class_of(entry.stem.removeprefix(GOOGLES_PREFIX))
            drawings = list_drawings(entry, class_name)
            yield from ((drawing, wrong or reason) for drawing, reason in drawings)
        elif entry.suffix.lower() in READ:
            yield ImageFile(entry, NO_CLASS, modality), "in_no_class_folder"


def _class_of(name: str) -> tuple[str, str]:
    """Return a folder's class, and what is wrong with its name."""
    try:
        return class_name_of(name), ""
    except ClassNameError:
        return NO_CLASS, "bad_class_name"


def _folders_in(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not _is_hidden(p.name))


def _shown(path: Path, below: Path) -> bool:
    parts = path.relative_to(below).parts
    hidden = any(part.startswith(".") or of_folder(part) for part in parts)
    return not hidden and of_file(path.name) is None


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "__")) or of_folder(name) is not None


def _nothing_found(folder: Path, root: Path, modality: Modality) -> str:
    if any(path.suffix.lower() in READ for path in root.iterdir() if path.is_file()):
        return (
            f"{root} holds images but no class folders; put each {modality} into its class's folder"
        )
    return (
        f"{folder} holds no {modality}: expected {root}/<class>/ with image files, such as .jpg, "
        ".png or .heic"
    )

"""A folder per class, in the layouts that are in use.

`DIR/<class>/*`, the same under a `photo/` or `sketch/` level (also in the plural), and
the Sketchy database's `256x256/photo/tx_000000000000/<class>/*`, a level within each class
(`DIR/<class>/photo/*`), and any of these below a folder per split (`DIR/test/...`).
TU-Berlin's folders and folders of QuickDraw's `.ndjson` files are folders per class too.
`splits.csv` lies at the data set's root, beside the level.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from sketchzoo.bystanders import of_folder
from sketchzoo.images import Modality
from sketchzoo_training.data._image_file import ImageFile, class_name_of
from sketchzoo_training.data._quickdraw import list_drawings
from sketchzoo_training.data._splits import read_splits
from sketchzoo_training.errors import DataError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".ppm"})
_SPLIT_FOLDERS = {"train": "train", "val": "val", "valid": "val", "test": "test"}
_LEVELS = {
    Modality.PHOTO: ("photo", "photos"),
    Modality.SKETCH: ("sketch", "sketches"),
}


def list_images(
    folder: Path, modality: Modality, *, split: str | None = None
) -> tuple[ImageFile, ...]:
    """List a data set's photos or sketches, by class and name.

    Files that are no images by their ending, hidden ones and folders without images are
    passed over. With `split` only that part of the data set, as its `splits.csv` says.

    Raises:
        DataError: no such folder, no class folder with images in it, or no such split.

    """
    folder = folder.expanduser().resolve()
    parts = _split_folders(folder)
    if parts:
        return _from_parts(folder, parts, modality, split)
    root = _level(folder, modality)
    files = tuple(_images(root, modality))
    if not files:
        raise DataError(_nothing_found(folder, root, modality))
    splits = read_splits(folder, root)
    if splits is None:
        if split is not None:
            raise DataError(
                f"{folder} has no splits.csv, so it has no {split} split: "
                "add one (columns path and split) or leave --split out"
            )
        return files
    files = tuple(
        file.in_split(splits.of(file.path)) if splits.of(file.path) else file for file in files
    )
    if split is None:
        return files
    chosen = tuple(file for file in files if file.split == split)
    if not chosen:
        raise DataError(
            f"{splits.path} puts no {modality} of {root} in split {split!r}; "
            f"its splits are {', '.join(splits.names)}"
        )
    return chosen


def check_apart(photos: Iterable[ImageFile], sketches: Iterable[ImageFile]) -> None:
    """Refuse photos and sketches that are the same files.

    A folder without the levels `photo` and `sketch` is a folder of either: taken for both,
    every file would be its own sketch and be found at once.

    Raises:
        DataError: a file is in both; the message says how folders are told apart.

    """
    both = {file.path for file in photos} & {file.path for file in sketches}
    if both:
        raise DataError(
            f"{len(both)} files are photos and sketches at once, for instance {min(both)}: "
            "put photos below a folder named photo and sketches below one named sketch"
        )


def _split_folders(folder: Path) -> dict[str, Path]:
    """Return the folder of each split, where there are nothing but such folders."""
    if not folder.is_dir():
        return {}
    inner = [path for path in folder.iterdir() if path.is_dir() and not _is_hidden(path.name)]
    if any(path.name not in _SPLIT_FOLDERS for path in inner):
        return {}
    return {_SPLIT_FOLDERS[path.name]: path for path in sorted(inner)}


def _from_parts(
    folder: Path, parts: dict[str, Path], modality: Modality, split: str | None
) -> tuple[ImageFile, ...]:
    if split is not None and split not in parts:
        raise DataError(f"{folder} has no split {split!r}; its splits are {', '.join(parts)}")
    return tuple(
        file.in_split(name)
        for name, part in parts.items()
        if split in (None, name)
        for file in list_images(part, modality)
    )


def _level(folder: Path, modality: Modality) -> Path:
    """Descend to the folder that holds the class folders."""
    if not folder.exists():
        raise DataError(f"{folder} does not exist; give a folder with a folder per class")
    if not folder.is_dir():
        raise DataError(f"{folder} is a file; give a folder with a folder per class")
    root = folder
    if (root / "256x256").is_dir():
        root /= "256x256"
    inner = _child(root, _LEVELS[modality])
    if inner is None:
        other = next(m for m in Modality if m is not modality)
        if _child(root, _LEVELS[other]) is not None:
            raise DataError(f"{folder} has a {other} level, but none called {modality}")
    else:
        root = inner
    transforms = sorted(path for path in root.glob("tx_*") if path.is_dir())
    # Sketchy holds each image in several crops; tx_000000000000 is the one as drawn.
    return transforms[0] if transforms else root


def _child(folder: Path, names: tuple[str, ...]) -> Path | None:
    """Return the folder below that bears one of the names, in any case."""
    found = {p.name.casefold(): p for p in sorted(folder.iterdir()) if p.is_dir()}
    return next((found[name] for name in names if name in found), None)


def _images(root: Path, modality: Modality) -> Iterator[ImageFile]:
    for entry in sorted(root.iterdir()):
        if _is_hidden(entry.name):
            continue
        if entry.is_dir():
            class_name = class_name_of(entry.name)
            own = _child(entry, _LEVELS[modality])
            others = (_child(entry, names) for names in _LEVELS.values())
            if own is None and any(others):
                continue  # the class has images of the other modality only
            for path in sorted((own or entry).rglob("*")):
                if path.suffix.lower() in SUFFIXES and path.is_file() and _shown(path, entry):
                    yield ImageFile(path, class_name, modality)
        elif entry.suffix == ".ndjson" and modality is Modality.SKETCH:
            yield from list_drawings(entry)


def _shown(path: Path, below: Path) -> bool:
    parts = path.relative_to(below).parts
    return not any(part.startswith(".") or of_folder(part) for part in parts)


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "__")) or of_folder(name) is not None


def _nothing_found(folder: Path, root: Path, modality: Modality) -> str:
    if any(path.suffix.lower() in SUFFIXES for path in root.iterdir() if path.is_file()):
        return (
            f"{root} holds images but no class folders; put each {modality} into its class's folder"
        )
    endings = ", ".join(sorted(SUFFIXES))
    return f"{folder} holds no {modality}: expected {root}/<class>/ with {endings} files"

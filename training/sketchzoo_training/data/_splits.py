"""Splits: read from `splits.csv`, or drawn by photo.

A photo and every sketch drawn from it share a split, else a network is asked for photos
whose sketches it was taught.
"""

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sketchzoo.class_names import composed
from sketchzoo.files import write_atomically
from sketchzoo_training.data._image_file import ImageFile
from sketchzoo_training.errors import DataError

SPLITS = ("train", "val", "test")
_CALLED = {
    "training": "train",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "testing": "test",
}


def split_name(text: str) -> str:
    """Return the name of a split that a folder or a cell names: `Validation` is `val`."""
    name = text.strip().lower()
    return _CALLED.get(name, name)


@dataclass(frozen=True, slots=True)
class Splits:
    """What a `splits.csv` says: the split of each path, relative to the file's folder."""

    path: Path
    by_path: Mapping[str, str]

    def of(self, file: ImageFile) -> str | None:
        """Return a file's split, None where the list does not name it.

        A list that was copied along with one level of its data set still names
        `photo/<class>/<file>` or `<class>/<file>`, which is understood. A drawing of many
        in a file is `<file>#<line>`, or goes with its file.
        """
        names = ["/".join(file.path.parts[-3:]), "/".join(file.path.parts[-2:])]
        if file.path.is_relative_to(self.path.parent):
            names.insert(0, file.path.relative_to(self.path.parent).as_posix())
        within = file.place.removeprefix(str(file.path))
        names = [*(name + within for name in names), *names]
        found = (self.by_path.get(composed(name)) for name in names)
        return next(filter(None, found), None)

    @property
    def names(self) -> tuple[str, ...]:
        """The splits that occur, by name."""
        return tuple(sorted(set(self.by_path.values())))


def read_splits(folder: Path, root: Path) -> Splits | None:
    """Find and read the `splits.csv` of a data set.

    It is looked for from `root`, where the class folders lie, up to the data set's own
    `folder`, and beside `folder` where that is itself a photo or sketch level.

    Raises:
        DataError: the file has no columns `path` and `split`, or a row lacks a value.

    """
    places = [root, *root.parents]
    last = places.index(folder) if folder in places else 0
    for place in places[: last + 2]:
        path = place / "splits.csv"
        if path.is_file():
            return _read(path)
    return None


def _read(path: Path) -> Splits:
    by_path: dict[str, str] = {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8: save it so, for class names' sake") from error
    header = lines[0] if lines else ""
    # A spreadsheet writes semicolons where the comma is for decimals.
    rows = csv.DictReader(lines, delimiter=max(",;\t", key=header.count))
    rows.fieldnames = [name.strip().lower() for name in rows.fieldnames or ()]
    if not {"path", "split"} <= set(rows.fieldnames):
        raise DataError(f"{path} must have the columns path and split, not {rows.fieldnames}")
    for row in rows:
        if not row["path"] or not row["split"]:
            raise DataError(f"{path} line {rows.line_num} lacks its path or its split")
        name = composed(row["path"].strip().replace("\\", "/").removeprefix("./"))
        by_path[name] = split_name(row["split"])
    if not by_path:
        raise DataError(f"{path} names no file")
    return Splits(path, by_path)


def split_by_photo(
    files: Sequence[ImageFile],
    *,
    seed: int = 0,
    fractions: tuple[float, float, float] = (0.7, 0.1, 0.2),
) -> tuple[ImageFile, ...]:
    """Give each file a split, so that a photo and its sketches share one.

    The split follows from the seed and the photo's name (of a sketch without a photo: its
    own), so more files move none of the old ones. `fractions` are those of train, val and
    test.
    """
    if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:  # noqa: PLR2004 - rounding
        raise ValueError(f"fractions must be three shares that add up to 1, not {fractions}")
    return tuple(file.in_split(_draw(file, seed, fractions)) for file in files)


def write_splits(folder: Path, files: Sequence[ImageFile]) -> Path:
    """Write the split of each file below `folder` as its `splits.csv`, which commands read."""
    path = folder / "splits.csv"
    rows = {(Path(file.place).relative_to(folder).as_posix(), str(file.split)) for file in files}
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows([("path", "split"), *sorted(rows)])
    write_atomically(path, lines.getvalue())
    return path


def _draw(file: ImageFile, seed: int, fractions: tuple[float, float, float]) -> str:
    key = f"{seed}/{file.class_name}/{file.photo_name or file.name}"
    share = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) / 2**64
    if share < fractions[0]:
        return "train"
    return "val" if share < fractions[0] + fractions[1] else "test"

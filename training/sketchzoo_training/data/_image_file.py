"""One image of a data set: where it lies, its class, what its name tells."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from PIL import Image

from sketchzoo.class_names import class_name, composed
from sketchzoo.images import ImageError, ImageLimits, Modality, decode
from sketchzoo_training.errors import DataError

_SKETCHY = re.compile(r"n\d{8}_\d+(-\d+)?$")
_PAIR = re.compile(r"(?P<photo>.+)-\d+$")
_PREFIX = re.compile(r"(?P<prefix>[A-Za-z]+)\d*_")
_SOURCES = {"tub": "tuberlin", "qd": "quickdraw", "tx": "sketchy"}


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image of a data set, as a file on disk.

    `split` is the part of the data set it belongs to, None where the data set states none.
    What lies elsewhere (in an archive, in strokes) is a subclass with a `content` of its own.
    """

    path: Path
    class_name: str
    modality: Modality
    split: str | None = None

    def __post_init__(self) -> None:
        if not self.class_name:
            raise ValueError(f"class_name of {self.path} must not be empty")

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    @property
    def place(self) -> str:
        """Where it lies, different for each image."""
        return str(self.path)

    @property
    def photo_name(self) -> str | None:
        """The name of the photo a sketch was drawn from: `A-3` was drawn from photo `A`.

        Follows the Sketchy database's names. A photo answers its own name; a sketch
        whose name tells of no photo answers None.
        """
        if self.modality is Modality.PHOTO:
            return self.name
        match = _PAIR.fullmatch(self.name)
        return match["photo"] if match else None

    @property
    def source(self) -> str:
        """Where the image comes from, by its name's prefix.

        `n02131653_10374` is Sketchy's way and answers `sketchy`, `tub_…` answers
        `tuberlin`, `qd_…` `quickdraw`, another prefix itself, and a name without one (or
        with the class as one) `other`.
        """
        if _SKETCHY.match(self.name):
            return "sketchy"
        match = _PREFIX.match(self.name)
        if not match or _folded(self.name).startswith(self.class_name):
            return "other"
        prefix = match["prefix"].lower()
        return _SOURCES.get(prefix, prefix)

    def in_split(self, split: str) -> Self:
        """Return the same image as part of a split."""
        return replace(self, split=split)

    def content(self) -> bytes:
        """Read the bytes of an image file.

        Raises:
            OSError: the file cannot be read.
            DataError: no image can be made of it.

        """
        return self.path.read_bytes()

    def load(self, limits: ImageLimits | None = None) -> Image.Image:
        """Decode to RGB as every service does.

        Raises:
            sketchzoo.images.ImageError: not an image, damaged or over the limits.
            OSError: the file cannot be read.
            DataError: no image can be made of it.

        """
        return decode(self.content(), limits)

    def required(self) -> Image.Image:
        """Decode as `load` does an image that nothing can be done without.

        Raises:
            OSError: the file cannot be read.
            DataError: it cannot be used; the message names it.

        """
        try:
            return self.load()
        except ImageError as error:
            raise DataError(f"{self.place} {error}") from error


def class_name_of(folder_name: str) -> str:
    """Return a class's name from a folder's: as search has it, lower case, spaces as underscores.

    Data sets spell the same class as `sea turtle`, `Sea_Turtle` and `sea_turtle`, a Mac a letter
    as two characters.

    Raises:
        sketchzoo.class_names.ClassNameError: search would refuse it as a class's name.

    """
    return _folded(class_name(folder_name))


def _folded(name: str) -> str:
    # Not `casefold`, which makes Weissfisch of Weißfisch.
    return composed("_".join(name.lower().split()))

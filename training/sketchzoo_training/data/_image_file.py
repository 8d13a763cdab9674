"""One image of a data set: where it lies, its class, what its name tells."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from PIL import Image

from sketchzoo.class_names import composed
from sketchzoo.images import ImageLimits, Modality, decode

_SKETCHY = re.compile(r"n\d{8}_\d+(-\d+)?$")
_PAIR = re.compile(r"(?P<photo>.+)-\d+$")
_PREFIX = re.compile(r"(?P<prefix>[A-Za-z]+)\d*_")
_SOURCES = {"tub": "tuberlin", "qd": "quickdraw", "tx": "sketchy"}


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image as it lies on disk.

    `drawing` is where its line begins in an `.ndjson` file of strokes, in bytes; None for
    an image file. `split` is the part of the data set it belongs to, None where the data
    set states none.
    """

    path: Path
    class_name: str
    modality: Modality
    split: str | None = None
    drawing: int | None = None

    def __post_init__(self) -> None:
        if not self.class_name:
            raise ValueError(f"class_name of {self.path} must not be empty")
        if self.drawing is not None and self.drawing < 0:
            raise ValueError(f"drawing must be an offset of at least 0, not {self.drawing}")

    @property
    def name(self) -> str:
        """The file's name without its ending; a drawing's offset is added."""
        return self.path.stem if self.drawing is None else f"{self.path.stem}_{self.drawing}"

    @property
    def photo_name(self) -> str | None:
        """The name of the photo a sketch was drawn from: `A-3` was drawn from photo `A`.

        Follows the Sketchy database's names. A photo answers its own name; a sketch
        whose name tells of no photo answers None.
        """
        if self.modality is Modality.PHOTO:
            return self.name
        if self.drawing is not None:
            return None
        match = _PAIR.fullmatch(self.name)
        return match["photo"] if match else None

    @property
    def source(self) -> str:
        """Where the image comes from, by its name's prefix.

        `n02131653_10374` is Sketchy's way and answers `sketchy`, `tub_…` answers
        `tuberlin`, `qd_…` and `.ndjson` drawings `quickdraw`, another prefix itself, and
        a name without one (or with the class as one) `other`.
        """
        if self.drawing is not None:
            return "quickdraw"
        if _SKETCHY.match(self.name):
            return "sketchy"
        match = _PREFIX.match(self.name)
        if not match or class_name_of(self.name).startswith(self.class_name):
            return "other"
        prefix = match["prefix"].lower()
        return _SOURCES.get(prefix, prefix)

    def in_split(self, split: str) -> Self:
        """Return the same image as part of a split."""
        return replace(self, split=split)

    def content(self) -> bytes:
        """Read the image file's bytes; a drawing of strokes is rasterised into one.

        Raises:
            OSError: the file cannot be read.
            DataError: the line holds no drawing.

        """
        if self.drawing is None:
            return self.path.read_bytes()
        from sketchzoo_training.data._quickdraw import drawing_image  # noqa: PLC0415 - avoids a cycle

        return drawing_image(self.path, self.drawing)

    def load(self, limits: ImageLimits | None = None) -> Image.Image:
        """Decode to RGB as every service does.

        Raises:
            sketchzoo.images.ImageError: not an image, damaged or over the limits.
            OSError: the file cannot be read.
            DataError: the line holds no drawing.

        """
        return decode(self.content(), limits)


def class_name_of(folder_name: str) -> str:
    """Return a class's name from a folder's: lower case, spaces as underscores.

    Data sets spell the same class as `sea turtle`, `Sea_Turtle` and `sea_turtle`, a Mac a letter
    as two characters.
    """
    return "_".join(composed(folder_name).casefold().split())

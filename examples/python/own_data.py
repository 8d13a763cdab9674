"""A data set of one's own: images in a ZIP archive that its index.csv lists.

In this folder, and the same with `train` and `study`:

    PETS=pets.zip sketchzoo data inspect plugin:own_data:pets --out report
    PETS=pets.zip sketchzoo evaluate --gallery plugin:own_data:pets --queries plugin:own_data:pets
"""

import csv
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

from sketchzoo.images import Modality
from sketchzoo_training.data import ImageFile, class_name_of


@dataclass(frozen=True, slots=True)
class Packed(ImageFile):
    """An image in an archive: `path` is the archive's, `member` the image's name in it."""

    member: str = ""

    @property
    def name(self) -> str:
        """The image's name; `A-3` tells of photo `A`."""
        return Path(self.member).stem

    @property
    def place(self) -> str:
        """Where it lies, unlike any other image."""
        return f"{self.path}#{self.member}"

    def content(self) -> bytes:
        """Return an image file's bytes, in any format that SketchZoo reads."""
        with ZipFile(self.path) as archive:
            return archive.read(self.member)


def pets() -> Iterator[ImageFile]:
    """List the images: index.csv has the columns file, class, modality and split."""
    path = Path(os.environ["PETS"])
    with ZipFile(path) as archive, archive.open("index.csv") as index:
        for row in csv.DictReader(io.TextIOWrapper(index, encoding="utf-8")):
            yield Packed(
                path=path,
                class_name=class_name_of(row["class"]),
                modality=Modality(row["modality"]),
                split=row["split"] or None,
                member=row["file"],
            )

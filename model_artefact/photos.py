"""Photos and drawings to calibrate with: a folder a class, listed as ingest lists them."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from model_artefact.running import Session
from sketchzoo.class_names import ClassNameError, class_name
from sketchzoo.ignored import READ, may_be_photos, of_folder
from sketchzoo.images import ImageError, ImageLimits, Modality, decode, enough_for, prepare
from sketchzoo.model import ModelArtefact
from sketchzoo.model_error import ModelError
from sketchzoo.text_tower import Vectors

_LIMITS = ImageLimits()


@dataclass(frozen=True, slots=True)
class Picture:
    """An image file and what it shows."""

    path: Path
    class_name: str


@dataclass(frozen=True, slots=True)
class Embedded:
    """Pictures that could be embedded: their classes and, row by row, their unit vectors.

    `left_out` counts the others by why they could not.
    """

    classes: tuple[str, ...] = field(repr=False)
    vectors: Vectors = field(repr=False)
    left_out: Counter[str] = field(default_factory=Counter)


def listed(folder: Path, modality: Modality, most: int) -> list[Picture]:
    """List up to `most` pictures of each class, spread over the names.

    The first folders name the classes, however deep a file lies in them, and `photo/` or `sketch/`
    may lie above these. What is hidden or no picture by its name is passed over.

    Raises:
        ModelError: the folder is missing, or has no folders with pictures.

    """
    if not folder.is_dir():
        raise ModelError(f"{folder} is no folder")
    found: list[Picture] = []
    for entry in _folders(root_of(folder, modality)):
        try:
            name = class_name(entry.name)
        except ClassNameError as error:
            raise ModelError(f"{entry}: {error}") from error
        found += pictures_in(entry, name, most)
    if not found:
        raise ModelError(f"{folder} has no {modality}: put each into a folder of its class's name")
    return found


def root_of(folder: Path, modality: Modality) -> Path:
    """Return what the classes' folders lie in: a folder itself, or `photo/` or `sketch/` in it."""
    level = folder / modality.value
    return level if level.is_dir() and _folders(level) else folder


def pictures_in(folder: Path, name: str, most: int) -> list[Picture]:
    """List up to `most` pictures of one class, however deep they lie, spread over the names.

    Raises:
        ModelError: the folder is missing.

    """
    if not folder.is_dir():
        raise ModelError(f"{folder} is no folder")
    files = sorted(path for path in may_be_photos(folder) if path.suffix.lower() in READ)
    chosen = np.linspace(0, len(files) - 1, min(most, len(files))).round().astype(int)
    return [Picture(files[place], name) for place in chosen]


def embed(
    artefact: ModelArtefact,
    pictures: Sequence[Picture],
    modality: Modality,
    advance: Callable[[], object] = lambda: None,
) -> Embedded:
    """Embed pictures, one a core at a time; `advance` is called after each.

    The same content twice is one picture, as ingest has it.

    Raises:
        ModelError: the tower is missing or broken.

    """
    session = Session(artefact.onnx(modality))
    how = artefact.towers[modality].preprocessing

    def one(picture: Picture) -> tuple[bytes, Vectors] | str:
        try:
            if picture.path.stat().st_size > _LIMITS.max_bytes:
                return "too_large"
            content = picture.path.read_bytes()
            image = decode(content, _LIMITS, enough=enough_for(how))
            vector: Vectors = session.embed(prepare(image, how)[None])[0]
        except ImageError as error:
            return error.reason
        except OSError:
            return "unreadable"
        finally:
            advance()
        if len(vector) != artefact.dimension:
            raise ModelError(
                f"{artefact.name} answers {len(vector)} values, not {artefact.dimension} as "
                "config.json says"
            )
        if not np.isfinite(vector).all():
            return "not_finite"
        return hashlib.sha256(content).digest(), vector

    classes: list[str] = []
    vectors: list[Vectors] = []
    left_out: Counter[str] = Counter()
    seen: set[bytes] = set()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for picture, found in zip(pictures, pool.map(one, pictures), strict=True):
            if isinstance(found, str):
                left_out[found] += 1
            elif found[0] in seen:
                left_out["duplicate"] += 1
            else:
                seen.add(found[0])
                classes.append(picture.class_name)
                vectors.append(found[1])
    rows = np.array(vectors, np.float32).reshape(len(vectors), artefact.dimension)
    return Embedded(tuple(classes), rows, left_out)


def _folders(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_dir() and not path.name.startswith(".") and of_folder(path.name) is None
    )

"""Studying: a class's photos and its drawings as features of both towers."""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from model_artefact.class_head import Floats
from model_artefact.features import FeatureSession
from model_artefact.fitting import Labels
from model_artefact.hands import drawn_anew
from model_artefact.lessons import Lessons
from model_artefact.photos import Picture
from sketchzoo.images import ImageError, ImageLimits, Modality, decode, enough_for, prepare
from sketchzoo.ink import lines
from sketchzoo.model import ModelArtefact

T = TypeVar("T", bound=tuple[Any, ...])
_LIMITS = ImageLimits()
_KEEP = 0.92
"""The share of the square that a drawing takes before it is drawn anew, which shrinks it."""
HANDS = 10
"""So often a drawing is drawn anew."""


@dataclass(frozen=True, slots=True)
class Material:
    """Features of what lessons hold, class by number; `lessons` has what could be read.

    `photos` `(n, 2, f)` as they are and mirrored; `drawings` `(m, HANDS + 1, f)`, the first one as
    it is. `left_out` tells files that are not taken, and why.
    """

    lessons: Lessons
    photos: Floats = field(repr=False)
    labels: Labels = field(repr=False)
    drawings: Floats = field(repr=False)
    drawn: Labels = field(repr=False)
    left_out: tuple[tuple[Path, str], ...] = ()


def study(
    artefact: ModelArtefact,
    lessons: Lessons,
    advance: Callable[[], object] = lambda: None,
) -> Material:
    """Run both towers over all pictures of new classes, one a core at a time.

    What is made of a drawing by dice follows from its content alone. The same photo twice is one.

    Raises:
        ModelError: a tower is broken.

    """
    photo, sketch = (FeatureSession(artefact, each) for each in (Modality.PHOTO, Modality.SKETCH))
    number = {name: place for place, name in enumerate(lessons.names)}
    size = sketch.preprocessing.size

    def of_photo(picture: Picture) -> tuple[bytes, Floats]:
        content, image = _read(picture.path, enough_for(photo.preprocessing))
        plain = prepare(image, photo.preprocessing)
        seen = [photo.run(each)[0] for each in (plain, np.ascontiguousarray(plain[:, :, ::-1]))]
        return hashlib.sha256(content).digest(), np.stack(seen)

    def of_drawing(picture: Picture) -> tuple[bytes, Floats]:
        content, image = _read(picture.path, None)
        dice, drawn = _dice(content), lines(image, _KEEP)
        seen = [sketch.run(prepare(image, sketch.preprocessing))[0]]
        seen += [sketch.run(drawn_anew(drawn, size, dice))[0] for _ in range(HANDS)]
        return hashlib.sha256(content).digest(), np.stack(seen)

    photos = _each(lessons.photos, of_photo, advance)
    drawings = _each(lessons.drawings, of_drawing, advance)
    bad = [
        (picture.path, found)
        for some, all_found in ((lessons.photos, photos), (lessons.drawings, drawings))
        for picture, found in zip(some, all_found, strict=True)
        if isinstance(found, str)
    ]
    left = lessons.of(
        *([not isinstance(found, str) for found in some] for some in (photos, drawings))
    )
    good = [found for found in photos if not isinstance(found, str)]
    lines_of = [found for found in drawings if not isinstance(found, str)]
    return Material(
        left,
        np.array([seen for _, seen in good], np.float32),
        np.array([number[each.class_name] for each in left.photos], np.int64),
        np.array([seen for _, seen in lines_of], np.float32),
        np.array([number[each.class_name] for each in left.drawings], np.int64),
        tuple(bad),
    )


def _each(
    pictures: Sequence[Picture], study_one: Callable[[Picture], T], advance: Callable[[], object]
) -> list[T | str]:
    def one(picture: Picture) -> T | str:
        try:
            return study_one(picture)
        except ImageError as error:
            return str(error)
        except OSError as error:
            return error.strerror or "cannot be read"
        finally:
            advance()

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = list(pool.map(one, pictures))
    seen: dict[bytes, int] = {}
    for place, each in enumerate(found):
        if not isinstance(each, str) and seen.setdefault(each[0], place) != place:
            found[place] = f"is the same as {pictures[seen[each[0]]].path}"
    return found


def _read(path: Path, enough: int | None) -> tuple[bytes, Image.Image]:
    if path.stat().st_size > _LIMITS.max_bytes:
        raise ImageError(f"is over {_LIMITS.max_bytes} bytes", "too_large")
    content = path.read_bytes()
    return content, decode(content, _LIMITS, enough=enough)


def _dice(content: bytes) -> np.random.Generator:
    return np.random.default_rng(list(hashlib.sha256(content).digest()[:8]))

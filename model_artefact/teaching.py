"""Teaching: classes of someone's own photos join a model.

Backbones stay as they are. Both classifiers get a row more for each class. That for photos is
fitted to the class's photos. That for sketches points where these photos lie in the general part,
and is fitted to drawings beside where there are some.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from model_artefact import fitting
from model_artefact.class_head import ClassHead, Floats, Rows
from model_artefact.fitting import Labels
from model_artefact.prototypes import Pointing, directions
from model_artefact.studying import Material
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact

FOLDS = 4
"""Fewer than the fewest photos that a class may have (`model_artefact.lessons.FEWEST`)."""
_OF_PHOTOS, _OF_SKETCHES = Pointing(gain=2.0, caution=0.0), Pointing(gain=2.0, caution=6.5)
_DRAWN = Pointing(gain=1.0, caution=3.0)
"""Chosen by measurement: docs/finetune.md has the figures."""


@dataclass(frozen=True, slots=True)
class Teacher:
    """How a model's two classifiers learn; `by_prototypes` that of photos is not fitted."""

    photo: ClassHead
    sketch: ClassHead
    by_prototypes: bool = False

    @classmethod
    def of(cls, artefact: ModelArtefact, *, by_prototypes: bool = False) -> "Teacher":
        """Read both classifiers of an artefact.

        Raises:
            ModelError: it has none.

        """
        photo, sketch = (ClassHead.of(artefact, each) for each in (Modality.PHOTO, Modality.SKETCH))
        return cls(photo, sketch, by_prototypes)

    def taught(
        self, material: Material, photos: Labels | None = None, drawings: Labels | None = None
    ) -> Mapping[Modality, Rows]:
        """Return a row a class for each tower, from all of the material or from these places."""
        photos = np.arange(len(material.labels)) if photos is None else photos
        drawings = np.arange(len(material.drawn)) if drawings is None else drawings
        labels = material.labels[photos]
        seen, which = _flat(material.photos[photos], labels)
        drawn, whose = _flat(material.drawings[drawings], material.drawn[drawings])
        towards = directions(self.photo, material.photos[photos, 0], labels)
        if self.by_prototypes:
            of_photos = _OF_PHOTOS.level(self.photo, towards, seen, which)
        else:
            of_photos = fitting.fit(self.photo.rows, seen, which, fitting.PHOTOS)
        of_sketches = _OF_SKETCHES.rows(self.sketch, towards)
        if len(drawn):
            there, number = np.unique(whose, return_inverse=True)
            rows = fitting.fit(self.sketch.rows, drawn, number, fitting.SKETCHES)
            beside = _DRAWN.beside(rows, self.sketch, towards[there], drawn, number)
            of_sketches = of_sketches.replaced(there, beside)
        return {Modality.PHOTO: of_photos, Modality.SKETCH: of_sketches}


@dataclass(frozen=True, slots=True)
class Figures:
    """What rows that have not seen a picture say of it, by cross-validation; None without any.

    Shares of photos and drawings that are named right among all classes, old and new.
    `claims` are the posteriors of what photos were named, with whether that was right.
    """

    photos: float
    drawings: float | None
    claims: tuple[Floats, np.ndarray] = field(repr=False)

    def values(self) -> dict[str, Any]:
        """Return the figures as the artefact's notes have them."""
        values = {"photos": self.photos, "drawings": self.drawings}
        return {name: round(value, 4) for name, value in values.items() if value is not None}


def cross_validated(teacher: Teacher, material: Material) -> Figures:
    """Teach all but a fold, and look what the rows say of that fold, for each of `FOLDS`."""
    photo_fold, drawing_fold = _folds(material.labels), _folds(material.drawn)
    names = len(material.lessons.names)
    right: dict[str, list[bool]] = {"photos": [], "drawings": []}
    sure: list[float] = []
    for fold in range(FOLDS):
        asked, drawn = np.flatnonzero(photo_fold == fold), np.flatnonzero(drawing_fold == fold)
        rows = teacher.taught(
            material, np.flatnonzero(photo_fold != fold), np.flatnonzero(drawing_fold != fold)
        )
        for kind, head, features, labels in (
            ("photos", teacher.photo, material.photos[asked, 0], material.labels[asked]),
            ("drawings", teacher.sketch, material.drawings[drawn, 0] if len(drawn) else None,
             material.drawn[drawn]),
        ):  # fmt: skip
            if features is None or not len(features):
                continue
            modality = Modality.PHOTO if kind == "photos" else Modality.SKETCH
            posterior = head.posterior(features, rows[modality])[:, : head.shared + names]
            said = posterior.argmax(axis=1)
            right[kind] += list(said == head.shared + labels)
            if kind == "photos":
                sure += list(posterior.max(axis=1))
    shares = {kind: float(np.mean(some)) if some else None for kind, some in right.items()}
    return Figures(
        shares["photos"] or 0.0,
        shares["drawings"],
        (np.array(sure, np.float32), np.array(right["photos"], np.bool_)),
    )


def _folds(labels: Labels) -> Labels:
    """Return a fold for each picture; a class's are spread over all folds."""
    fold = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        fold[members] = np.random.default_rng(int(label)).permutation(len(members)) % FOLDS
    return fold


def _flat(features: Floats, labels: Labels) -> tuple[Floats, Labels]:
    if not len(labels):
        return np.zeros((0, 0), np.float32), labels
    return features.reshape(-1, features.shape[-1]), np.repeat(labels, features.shape[1])

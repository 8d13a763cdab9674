"""Teaching: classes of someone's own photos join a model.

Backbones stay as they are. Both classifiers get a row more for each class: fitted to the class's
photos, to contours that stand for drawings and to drawings where there are some, and pointing
where the class's photos lie in the general part; or the latter alone, without any training.
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
_FITTED = Pointing(gain=1.0, caution=1.5)
_OF_PHOTOS, _OF_SKETCHES = Pointing(gain=2.0, caution=1.0), Pointing(gain=2.0, caution=3.0)
"""Chosen by measurement: docs/finetune.md has the figures."""


@dataclass(frozen=True, slots=True)
class Teacher:
    """How a model's two classifiers learn from material; `by_prototypes` without training."""

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
        traced = np.flatnonzero(np.isin(material.traced, photos))
        drawn, who = _flat(material.drawings[drawings], material.drawn[drawings])
        contours, whose = material.contours[traced], material.labels[material.traced[traced]]
        sketches = np.concatenate([contours, drawn]) if len(drawn) else contours
        of_whom = np.concatenate([whose, who])
        towards = directions(self.photo, material.photos[photos, 0], labels)
        if self.by_prototypes:
            return {
                Modality.PHOTO: _OF_PHOTOS.rows(self.photo, towards, seen, which),
                Modality.SKETCH: _OF_SKETCHES.rows(self.sketch, towards, sketches, of_whom),
            }
        rows = fitting.fit(self.sketch.rows, sketches, of_whom, fitting.SKETCHES)
        return {
            Modality.PHOTO: fitting.fit(self.photo.rows, seen, which, fitting.PHOTOS),
            Modality.SKETCH: _FITTED.beside(rows, self.sketch, towards, sketches, of_whom),
        }


@dataclass(frozen=True, slots=True)
class Figures:
    """What rows that have not seen a picture say of it, by cross-validation; None without any.

    Shares of photos, contours and drawings that are named right among all classes, old and new.
    `claims` are the posteriors of what photos were named, with whether that was right.
    """

    photos: float
    contours: float
    drawings: float | None
    claims: tuple[Floats, np.ndarray] = field(repr=False)

    def values(self) -> dict[str, Any]:
        """Return the figures as the artefact's notes have them."""
        values = {"photos": self.photos, "contours": self.contours, "drawings": self.drawings}
        return {name: round(value, 4) for name, value in values.items() if value is not None}


def cross_validated(teacher: Teacher, material: Material) -> Figures:
    """Teach all but a fold, and look what the rows say of that fold, for each of `FOLDS`."""
    photo_fold, drawing_fold = _folds(material.labels), _folds(material.drawn)
    names = len(material.lessons.names)
    right: dict[str, list[bool]] = {"photos": [], "contours": [], "drawings": []}
    sure: list[float] = []
    for fold in range(FOLDS):
        asked, drawn = np.flatnonzero(photo_fold == fold), np.flatnonzero(drawing_fold == fold)
        rows = teacher.taught(
            material, np.flatnonzero(photo_fold != fold), np.flatnonzero(drawing_fold != fold)
        )
        traced = np.flatnonzero(np.isin(material.traced, asked))
        for kind, head, features, labels in (
            ("photos", teacher.photo, material.photos[asked, 0], material.labels[asked]),
            ("contours", teacher.sketch, material.contours[traced],
             material.labels[material.traced[traced]]),
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
        shares["contours"] or 0.0,
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

"""Prototypes: rows for new classes from where their photos lie, without any training.

Both towers map into one general part, sketches to where photos of such things lie. So the mean
direction of a class's photos there is a row for both: what an image has of that direction, less a
caution that keeps old classes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model_artefact.class_head import ClassHead, Floats, Rows
from model_artefact.fitting import Labels


@dataclass(frozen=True, slots=True)
class Pointing:
    """How much a prototype says: `gain` logits at its full length, `caution` logits taken off."""

    gain: float
    caution: float

    def rows(self, head: ClassHead, towards: Floats) -> Rows:
        """Return rows towards directions, whatever the class's own images are like."""
        rows = np.float32(self.gain) * towards @ head.general.weight
        return _rows(rows, np.full(len(rows), -self.caution))

    def level(self, head: ClassHead, towards: Floats, features: Floats, labels: Labels) -> Rows:
        """Return rows towards directions, level with old ones on the classes' own `features`."""
        rows = np.float32(self.gain) * towards @ head.general.weight
        old = head.rows(features).max(axis=1, keepdims=True)
        return _rows(rows, _means(old - features @ rows.T, labels) - self.caution)

    def beside(
        self, fitted: Rows, head: ClassHead, towards: Floats, features: Floats, labels: Labels
    ) -> Rows:
        """Return fitted rows that point towards directions as well.

        On a class's own features both say in the mean what the fitted row said, less the caution.
        """
        rows = np.float32(self.gain) * towards @ head.general.weight
        level = fitted.bias - _means(features @ rows.T, labels)
        return _rows(fitted.weight + rows, level - self.caution)


def directions(photos: ClassHead, features: Floats, labels: Labels) -> Floats:
    """Return the mean direction of each class's photos in the general part, a row a class."""
    general = _unit(photos.general(features))
    count = int(labels.max()) + 1
    return _unit(np.stack([general[labels == each].mean(axis=0) for each in range(count)]))


def _means(logits: npt.NDArray[np.floating], labels: Labels) -> npt.NDArray[np.float64]:
    """Return the mean of each class's logits on its own features."""
    own = [logits[labels == number, number].mean() for number in range(logits.shape[1])]
    return np.array(own, np.float64)


def _rows(weight: npt.NDArray[np.floating], bias: npt.NDArray[np.floating]) -> Rows:
    return Rows(weight.astype(np.float32), bias.astype(np.float32))


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit

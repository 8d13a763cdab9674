"""The class posterior that some embeddings begin with, read off them.

The first values of a posterior head's embedding are the roots of the classes' posterior,
times the root of its weight (`sketchzoo.heads.PosteriorHead`): nothing else needs to run.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from sketchzoo.model import ModelArtefact
from sketchzoo.parts import CLASS


@dataclass(frozen=True, slots=True)
class Posterior:
    """Which classes a model's photo embeddings tell, and with which weight."""

    classes: tuple[str, ...]
    weight: float

    def __post_init__(self) -> None:
        if not self.classes or not 0 < self.weight <= 1:
            raise ValueError("classes must not be empty, and weight above 0 and at most 1")

    @classmethod
    def of(cls, artefact: ModelArtefact) -> Self | None:
        """Return what a model's embeddings tell; None where they begin with no posterior."""
        part = artefact.layout.parts[0]
        classes = tuple(artefact.notes.get("shared_classes", ()))
        if part.name != CLASS or not classes or part.size != len(classes) + 1:
            return None
        return cls(classes, part.weight)

    def read(self, vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the posteriors `(n, classes)` of embeddings `(n, dimension)`."""
        posteriors: npt.NDArray[np.float32] = np.minimum(
            1, vectors[:, : len(self.classes)] ** 2 / self.weight
        )
        return posteriors

"""The class posterior that some embeddings begin with, read off them.

The first values of such a photo's embedding are the roots of the classes' posterior, the last of
them that of all other things, times whatever the class part counts in that photo
(`sketchzoo.heads.PosteriorHead`, `PartsHead`): nothing else needs to run.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from sketchzoo.model import ModelArtefact
from sketchzoo.parts import CLASS


@dataclass(frozen=True, slots=True)
class Posterior:
    """Which classes a model's photo embeddings tell."""

    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.classes:
            raise ValueError("classes must not be empty")

    @classmethod
    def of(cls, artefact: ModelArtefact) -> Self | None:
        """Return what a model's embeddings tell; None where they begin with no posterior."""
        part = artefact.layout.parts[0]
        classes = tuple(artefact.notes.get("shared_classes", ()))
        if part.name != CLASS or not classes or part.size != len(classes) + 1:
            return None
        return cls(classes)

    def read(self, vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the posteriors `(n, classes)` of embeddings `(n, dimension)`."""
        squares = vectors[:, : len(self.classes) + 1].astype(np.float32) ** 2
        # How much the class part counts differs from photo to photo: a doubtful one's counts less.
        whole = np.maximum(squares.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
        posteriors: npt.NDArray[np.float32] = squares[:, :-1] / whole
        return posteriors

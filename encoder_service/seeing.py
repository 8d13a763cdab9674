"""Seeing: the class that a model is sure of, read off a photo's embedding.

The first values of a posterior head's embedding are the roots of the classes' posterior,
times the root of its weight (`sketchzoo.towers.PosteriorHead`): nothing else needs to run.
"""

from typing import Self

import numpy as np

from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo.seen import SeenClass


class Seeing:
    """Tells what is seen on photos, by the posterior from which the model is right."""

    def __init__(self, classes: tuple[str, ...], weight: float, seen_from: float) -> None:
        """Name the likeliest of `classes` where its posterior is `seen_from` at least."""
        if not classes or not 0 < weight <= 1:
            raise ValueError("classes must not be empty, and weight above 0 and at most 1")
        self._classes = classes
        self._weight = weight
        self._seen_from = seen_from

    @classmethod
    def of(cls, artefact: ModelArtefact) -> Self | None:
        """Return what reads a model's embeddings; None where nothing was calibrated for it."""
        head = artefact.towers[Modality.PHOTO].network.get("head")
        classes = tuple(artefact.notes.get("shared_classes", ()))
        if artefact.seen_from is None or not isinstance(head, dict):
            return None
        if head.get("kind") != "posterior" or head.get("shared") != len(classes):
            return None
        return cls(classes, head["weight"], artefact.seen_from)

    def on(self, vector: bytes) -> SeenClass | None:
        """Return the class that a photo's packed embedding is sure of."""
        roots = np.frombuffer(vector, "<f4", len(self._classes))
        likeliest = int(roots.argmax())
        posterior = min(1.0, float(roots[likeliest]) ** 2 / self._weight)
        if posterior < self._seen_from:
            return None
        return SeenClass(self._classes[likeliest], posterior)

"""Seeing: the class that a model is sure of, read off a photo's embedding."""

from typing import Self

import numpy as np

from sketchzoo.model import ModelArtefact
from sketchzoo.posterior import Posterior
from sketchzoo.seen import SeenClass


class Seeing:
    """Tells what is seen on photos, by the posterior from which the model is right."""

    def __init__(self, posterior: Posterior, seen_from: float) -> None:
        """Name the likeliest class where its posterior is `seen_from` at least."""
        self._posterior = posterior
        self._seen_from = seen_from

    @classmethod
    def of(cls, artefact: ModelArtefact) -> Self | None:
        """Return what reads a model's embeddings; None where nothing was calibrated for it."""
        posterior = Posterior.of(artefact)
        if artefact.seen_from is None or posterior is None:
            return None
        return cls(posterior, artefact.seen_from)

    def on(self, vector: bytes) -> SeenClass | None:
        """Return the class that a photo's packed embedding is sure of."""
        (posteriors,) = self._posterior.read(np.frombuffer(vector, "<f4")[None])
        likeliest = int(posteriors.argmax())
        confidence = float(posteriors[likeliest])
        if confidence < self._seen_from:
            return None
        return SeenClass(self._posterior.classes[likeliest], confidence)

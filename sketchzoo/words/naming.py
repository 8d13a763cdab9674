"""Naming: which class a text means, as values of the class part of a model's embeddings."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import sqrt
from typing import Self

import numpy as np
import numpy.typing as npt

from sketchzoo.model import ModelArtefact
from sketchzoo.parts import CLASS
from sketchzoo.posterior import Posterior
from sketchzoo.text_tower import TextTower, Vectors
from sketchzoo.words.phrases import FILE, Calibration, Phrases
from sketchzoo.words.sentences import CONTEXT, SHA256, in_order, kept_vectors, open_sentences

CONFIDENT = 0.5
"""The posterior of a class from which on a text is believed to mean it: as likely as not."""
Likeness = npt.NDArray[np.float32]
"""float32 `(n, classes + 1)`: cosines of texts to each class, and at last to all else."""


class Naming:
    """Names texts by some classes' phrases."""

    context = CONTEXT

    def __init__(
        self,
        sentences: TextTower,
        phrases: Phrases,
        classes: tuple[str, ...],
        kept: Mapping[str, npt.NDArray[np.float32]] | None = None,
    ) -> None:
        """Embed the phrases of `classes`, and of all else, but for those that are `kept`."""
        self.classes = classes
        self._sentences = sentences
        self._phrases = phrases
        each = [*map(phrases.of, classes), phrases.others(classes)]
        self._vectors = _embedded(sentences, [phrase for one in each for phrase in one], kept or {})
        self._sizes = [len(one) for one in each]

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits: of two namings with the same ones a text means the same."""
        told = [SHA256, self.classes, asdict(self._phrases)]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]

    def likeness(self, texts: Sequence[str], nearest: int | None = None) -> Likeness:
        """Return how like texts are to each class, and to what is none.

        By the `nearest` phrases of each; as many as the calibration says if unset.
        """
        nearest = nearest or self._phrases.calibration.nearest
        vectors = in_order(self._sentences, [self._phrases.plain(text) for text in texts])
        # By no library's threads: waking them takes longer than all of this.
        cosines = np.einsum("ij,kj->ik", vectors, self._vectors)
        starts = np.cumsum([0, *self._sizes[:-1]])
        total = likest = np.maximum.reduceat(cosines, starts, axis=1)
        for _ in range(nearest - 1):
            # Without the likest so far; what has no further phrase is as like as it was.
            cosines[cosines == np.repeat(likest, self._sizes, axis=1)] = -np.inf
            further = np.maximum.reduceat(cosines, starts, axis=1)
            likest = np.where(np.isinf(further), likest, further)
            total = total + likest
        return np.asarray(total / nearest, np.float32)

    def posterior(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return the posteriors of texts `(n, classes + 1)`, the last that of something else."""
        return posterior(self.likeness(texts), self._phrases.calibration)


class Words:
    """Embeds texts among the photos of a model that knows classes."""

    context = CONTEXT

    def __init__(self, naming: Naming, start: int, weight: float, dimension: int) -> None:
        """Fill the class part, from `start` on, of embeddings of `dimension` values.

        `weight` is the class part's share of a photo's squared norm.
        """
        self.naming = naming
        self._start = start
        self._weight = weight
        self._dimension = dimension

    @classmethod
    def of(cls, artefact: ModelArtefact) -> Self | None:
        """Open the words of a model; None where its embeddings have no part for classes.

        Its folder may have a `phrases.toml` of its own.

        Raises:
            WordsMissingError: the sentence model is not installed.
            ModelError: it can't be used.

        """
        told = Posterior.of(artefact)
        if told is None:
            return None
        own = artefact.folder / FILE.name
        phrases = Phrases.read(own if own.is_file() else FILE)
        naming = Naming(open_sentences(), phrases, told.classes, kept_vectors())
        start = artefact.layout.slices()[CLASS].start
        return cls(naming, start, artefact.layout.parts[0].weight, artefact.dimension)

    @property
    def min_score(self) -> float:
        """What a photo that is sure of its class scores with a text that is just `CONFIDENT`."""
        return (1 + sqrt(self._weight * CONFIDENT)) / 2

    @property
    def fingerprint(self) -> str:
        """Changes with what a text means."""
        return self.naming.fingerprint

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed texts: the roots of their posteriors, and zeros in all other parts; norm 1."""
        roots = np.sqrt(self.naming.posterior(texts))
        vectors = np.zeros((len(texts), self._dimension), np.float32)
        vectors[:, self._start : self._start + roots.shape[1]] = roots
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


def posterior(likeness: Likeness, calibration: Calibration) -> npt.NDArray[np.float32]:
    """Return the posteriors `(n, classes + 1)` that likeness comes to."""
    logits = likeness.copy()
    logits[:, -1] = np.maximum(logits[:, -1] + calibration.margin, calibration.floor)
    logits = (logits - logits.max(axis=1, keepdims=True)) / calibration.temperature
    shares = np.exp(logits)
    posteriors: npt.NDArray[np.float32] = shares / shares.sum(axis=1, keepdims=True)
    return posteriors


def _embedded(
    sentences: TextTower, phrases: Sequence[str], kept: Mapping[str, npt.NDArray[np.float32]]
) -> Vectors:
    new = [phrase for phrase in phrases if phrase not in kept]
    found = {**kept, **dict(zip(new, in_order(sentences, new), strict=True))} if new else kept
    return np.stack([found[phrase] for phrase in phrases])

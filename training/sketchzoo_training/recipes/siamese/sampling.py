"""Sampling: which sketches and photos a batch holds.

A batch follows from the seed and the step alone. So a resumed run draws what the
interrupted one would have drawn, and every process the same: the whole state is the step.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sketchzoo_training.errors import DataError
from sketchzoo_training.recipes.siamese.config import SamplingConfig

Indexes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A batch by its indexes: int64 `(sketches,)` and `(photos,)`.

    Pairs: photo i goes with sketch i. Triplets: photos i and n + i are sketch i's
    positive and negative. Balanced: sketches and photos of the same classes.
    """

    sketches: Indexes
    photos: Indexes


class BatchSampler(Protocol):
    """Draws the batch of any step."""

    def batch(self, step: int) -> Drawn:
        """Return the batch of a step, counted from 0; the same each time."""


@dataclass(frozen=True, slots=True)
class Labels:
    """The class of each image as a number: int64 `(sketches,)` and `(photos,)`."""

    sketches: Indexes
    photos: Indexes

    def __post_init__(self) -> None:
        both = np.intersect1d(self.sketches, self.photos)
        if len(both) < 2:  # noqa: PLR2004 - said in the message
            raise DataError(
                "training needs photos and sketches of at least 2 classes, "
                f"{len(both)} have both in the train split"
            )


def make_sampler(config: SamplingConfig, loss: str, labels: Labels, seed: int) -> BatchSampler:
    """Return the sampler that a configuration, or else a loss, asks for."""
    draws = _Draws(labels, seed)
    kind = config.kind
    if kind == "auto":
        kind = "pairs" if loss == "contrastive" else "triplets" if loss == "triplet" else "balanced"
    if kind == "pairs":
        return PairSampler(draws, config.batch)
    if kind == "triplets":
        return TripletSampler(draws, config.batch)
    return BalancedSampler(draws, config)


class _Draws:
    """The images of each class, and random numbers by purpose."""

    def __init__(self, labels: Labels, seed: int) -> None:
        self.classes = np.intersect1d(labels.sketches, labels.photos)
        self.sketches = {c: np.flatnonzero(labels.sketches == c) for c in self.classes.tolist()}
        self.photos = {c: np.flatnonzero(labels.photos == c) for c in self.classes.tolist()}
        self.usable = np.flatnonzero(np.isin(labels.sketches, self.classes))
        self.label_of = labels.sketches
        self._seed = seed

    def rng(self, purpose: int, number: int) -> np.random.Generator:
        return np.random.default_rng((self._seed, purpose, number))

    def in_turn(self, step: int, batch: int) -> Indexes:
        """Return a step's sketches: each once an epoch, in an order of the epoch's own."""
        places = np.arange(step * batch, (step + 1) * batch)
        epochs, offsets = np.divmod(places, len(self.usable))
        orders = {e: self.rng(0, e).permutation(self.usable) for e in set(epochs.tolist())}
        return np.array(
            [orders[e][o] for e, o in zip(epochs.tolist(), offsets.tolist(), strict=True)], np.int64
        )

    def photo(self, class_label: int, rng: np.random.Generator) -> int:
        return int(rng.choice(self.photos[class_label]))

    def other(self, class_label: int, rng: np.random.Generator) -> int:
        """Return another class's label, all others being equally likely."""
        return int(rng.choice(self.classes[self.classes != class_label]))


class PairSampler:
    """The study's pairs: every sketch in turn, half with a photo of its class."""

    def __init__(self, draws: _Draws, batch: int) -> None:
        self._draws, self._batch = draws, batch

    def batch(self, step: int) -> Drawn:
        """Return `batch` sketches, each with one photo."""
        sketches = self._draws.in_turn(step, self._batch)
        rng = self._draws.rng(1, step)
        photos = []
        for label in self._draws.label_of[sketches].tolist():
            same = rng.random() < 0.5  # noqa: PLR2004 - half
            photos.append(self._draws.photo(label if same else self._draws.other(label, rng), rng))
        return Drawn(sketches, np.array(photos, np.int64))


class TripletSampler:
    """The study's triplets: every sketch in turn, a photo of its class, one of another."""

    def __init__(self, draws: _Draws, batch: int) -> None:
        self._draws, self._batch = draws, batch

    def batch(self, step: int) -> Drawn:
        """Return `batch` sketches, their positive photos, then their negative ones."""
        sketches = self._draws.in_turn(step, self._batch)
        rng = self._draws.rng(1, step)
        labels = self._draws.label_of[sketches].tolist()
        positives = [self._draws.photo(label, rng) for label in labels]
        negatives = [self._draws.photo(self._draws.other(label, rng), rng) for label in labels]
        return Drawn(sketches, np.array(positives + negatives, np.int64))


class BalancedSampler:
    """Classes drawn evenly, with as many sketches and photos of each."""

    def __init__(self, draws: _Draws, config: SamplingConfig) -> None:
        self._draws, self._config = draws, config

    def batch(self, step: int) -> Drawn:
        """Return the sketches and photos of `classes` classes (all, where there are fewer)."""
        rng = self._draws.rng(1, step)
        count = min(self._config.classes, len(self._draws.classes))
        classes = rng.choice(self._draws.classes, count, replace=False).tolist()
        sketches = [_some(self._draws.sketches[c], self._config.sketches, rng) for c in classes]
        photos = [_some(self._draws.photos[c], self._config.photos, rng) for c in classes]
        return Drawn(np.concatenate(sketches), np.concatenate(photos))


def _some(images: Indexes, count: int, rng: np.random.Generator) -> Indexes:
    # A class of few images shows some twice rather than weighing less.
    return rng.choice(images, count, replace=len(images) < count)

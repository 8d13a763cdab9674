"""Fitting: rows for new classes, beside old ones that stay.

A softmax over old and new classes whose old rows are frozen is fitted to the new classes' images.
Nobody has the images that the old rows were fitted to. What they are about stands in the rows
themselves: a class's mean lies, seen from the middle of all, in the direction of its row times the
scatter within classes, as in a linear discriminant (Fisher 1936). Features made so stand for the
old classes, and the new rows learn to leave them alone.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model_artefact.class_head import Floats, Rows, softmax

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Fitting:
    """How rows are fitted: Adam on all examples at once, `decay` times the rows pulling them back.

    `sure` is how sure an old row is of the features that stand for its class, of which there are
    `each`. These are not all that an old class's images may be: of what a new row leads the old
    ones by on its class's own features, in the mean, the share `caution` is taken off. Chosen by
    measurement (docs/finetune.md).
    """

    steps: int = 60
    rate: float = 0.05
    decay: float = 0.1
    sure: float = 0.95
    each: int = 4
    caution: float = 0.0


PHOTOS = Fitting(decay=0.01, caution=0.5)
SKETCHES = Fitting(decay=0.3, sure=0.9)


def fit(old: Rows, features: Floats, labels: Labels, how: Fitting, *, seed: int = 0) -> Rows:
    """Fit a row for each of the labels 0 to `labels.max()`: `features` are `(n, f)`."""
    count = int(labels.max()) + 1
    likely = stand_ins(old, features, labels, how, np.random.default_rng(seed))
    examples = np.concatenate([features, likely])
    mean = features.mean(axis=0)
    spread = features.std(axis=0)
    spread = spread + 0.1 * spread.mean() + 1e-6
    scaled = (examples - mean) / spread
    before = old(examples)
    # What old rows say of what stands for them is to stay; of new images the new class is right.
    wanted = np.concatenate(
        [np.zeros((len(features), count), np.float32), np.zeros((len(likely), count), np.float32)]
    )
    wanted[np.arange(len(features)), labels] = 1
    share = 1 / np.bincount(labels, minlength=count)[labels] / count
    weight = np.concatenate([share, np.full(len(likely), 1 / len(likely))])
    weight = weight.astype(np.float32)[:, None]
    rows, bias = np.zeros((count, features.shape[1]), np.float32), np.zeros(count, np.float32)
    adam = [_Adam(rows.shape), _Adam(bias.shape)]
    for step in range(how.steps):
        said = softmax(np.concatenate([before, scaled @ rows.T + bias], axis=1))[:, -count:]
        wrong = (said - wanted) * weight
        rate = how.rate * (1 + np.cos(np.pi * step / how.steps)) / 2
        rows -= rate * adam[0].step(wrong.T @ scaled + how.decay * rows)
        bias -= rate * adam[1].step(wrong.sum(axis=0))
    plain = rows / spread
    fitted = Rows(plain, bias - plain @ mean)
    own = np.arange(len(labels))
    lead = fitted(features)[own, labels] - old(features).max(axis=1)
    leads = np.bincount(labels, lead, count) / np.bincount(labels, minlength=count)
    return Rows(plain, (fitted.bias - how.caution * leads).astype(np.float32))


def stand_ins(
    old: Rows, features: Floats, labels: Labels, how: Fitting, dice: np.random.Generator
) -> Floats:
    """Make features that stand for the old classes: `(classes * each, f)`, none below 0."""
    classes, inverse = np.unique(labels, return_inverse=True)
    means = np.stack([features[labels == label].mean(axis=0) for label in classes])
    scatter = features - means[inverse]
    rows = old.weight - old.weight.mean(axis=0)
    even = float((scatter**2).mean())
    directions = 0.7 * (rows @ scatter.T) @ scatter / len(scatter) + 0.3 * even * rows
    length = np.sqrt(np.maximum((rows * directions).sum(axis=1, keepdims=True), 1e-12))
    directions /= length
    middle = features.mean(axis=0)
    own = np.arange(len(rows))
    near, far = 0.0, 1000.0
    for _ in range(20):  # as far out as the rows are sure, half of them
        reach = (near + far) / 2
        posterior = softmax(old(np.maximum(middle + reach * directions, 0)))
        if np.median(posterior[own, own]) < how.sure:
            near = reach
        else:
            far = reach
    made = np.repeat(middle + near * directions, how.each, axis=0)
    made += scatter[dice.integers(0, len(scatter), len(made))]
    likely: Floats = np.maximum(made, 0).astype(np.float32)
    return likely


class _Adam:
    """Adam's memory of one parameter's gradients (arXiv 1412.6980)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._mean = np.zeros(shape, np.float32)
        self._square = np.zeros(shape, np.float32)
        self._steps = 0

    def step(self, gradient: Floats) -> Floats:
        """Take a gradient in and return the step that it comes to."""
        self._steps += 1
        self._mean = 0.9 * self._mean + 0.1 * gradient
        self._square = 0.999 * self._square + 0.001 * gradient**2
        mean = self._mean / (1 - 0.9**self._steps)
        square = self._square / (1 - 0.999**self._steps)
        stepped: Floats = mean / (np.sqrt(square) + 1e-8)
        return stepped

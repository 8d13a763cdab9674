"""Calibration: temperatures, doubt and how the three parts count, chosen on val."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sketchzoo.heads import roots
from sketchzoo.parts import Focus
from sketchzoo_training.recipes.joint.figures import pairs, precision
from sketchzoo_training.recipes.joint.network import Parts

PHOTO_TEMPERATURES = (0.7, 1.0, 1.4)
SKETCH_TEMPERATURES = (0.35, 0.5, 0.7, 1.0)
DOUBTS = (0.0, 0.25, 0.5, 1.0)
LIFTS = (0.0, 0.5)
SLACK = 0.005
"""What of the best P@12 on val a search for both, subject and shape, may cost."""

Mixture = tuple[float, float, float]
"""How class, general and shape part count, 1 in all."""
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sharpness:
    """How the class part is made of logits, on either side.

    `lift` takes back what training taught of how often each class is drawn (arXiv 2007.07314),
    `doubt` is `PartsHead`'s.
    """

    photo_temperature: float
    sketch_temperature: float
    doubt: float
    lift: float


@dataclass(frozen=True, slots=True)
class Found:
    """What a mixture finds; each is a share of 1.

    P@12 of val's sketches; where the photo stands that a sketch of val was drawn from, among
    those of its class: `percentile`, `first`; P@12 of things no class names, among all photos.
    """

    p12: float
    percentile: float
    first: float
    unseen: float

    @property
    def worth(self) -> float:
        """The mean of all that no class's name finds; what was not measured counts nothing."""
        return float(np.nan_to_num([self.percentile, self.first, self.unseen]).mean())


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was chosen, and what each focus's mixture finds on val."""

    sharpness: Sharpness
    mixtures: Mapping[Focus, Mixture]
    found: Mapping[Focus, Found]

    @property
    def default(self) -> Focus:
        """The focus of a query that says none; photos are stored by its mixture."""
        return Focus.BOTH

    @property
    def weights(self) -> Mixture:
        """How the parts of a photo count as it is stored."""
        return self.mixtures[self.default]

    def factors(self, focus: Focus) -> Mixture:
        """Return what a query's parts are multiplied by, so that they count as the focus wants."""
        wanted = zip(self.mixtures[focus], self.weights, strict=True)
        named, general, shape = (round(share / stored, 4) for share, stored in wanted)
        return named, general, shape

    def notes(self) -> dict[str, Any]:
        """Return the figures for the artefact's configuration."""
        return {
            **asdict(self.sharpness),
            "weights": list(self.weights),
            "val_p12": round(self.found[self.default].p12, 4),
            "val": {
                str(focus): {name: _rounded(value) for name, value in asdict(found).items()}
                for focus, found in self.found.items()
            },
        }


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)


@dataclass(frozen=True, slots=True)
class Examples:
    """What is asked on val, and the photos that answer; training has not learned from them.

    `gallery` are the photos' parts; the first `own` of them are of the classes that val's
    sketches ask for, the others of all other classes. `labels` are their classes. `asked` are
    val's sketches with their classes `wanted` and, for those that are `paired`, the photo's
    place in the gallery (-1: none). `strange` are sketches of classes that no training saw.
    """

    gallery: Parts = field(repr=False)
    labels: Labels = field(repr=False)
    own: int
    asked: Parts = field(repr=False)
    wanted: Labels = field(repr=False)
    photo: npt.NDArray[np.intp] = field(repr=False)
    strange: Parts = field(repr=False)
    strange_wanted: Labels = field(repr=False)
    shared: int
    shares: Tensor = field(repr=False)


def calibrate(examples: Examples) -> Calibration:
    """Choose how the parts count.

    The objective, in this order. The subject's focus is the mixture of the best P@12 on val.
    The focus on both, the default, is worth the most among those whose P@12 is at most `SLACK`
    below the best that any setting reaches; that decides temperatures, doubt and lift too.
    The focus on shape is worth the most whatever its P@12. Worth is the mean of three: the
    paired photo's percentile within its class, how often it is first there, and P@12 of unseen
    classes among all photos.
    """
    tried = [
        (sharpness, mixture, found)
        for sharpness in _sharpnesses()
        for mixture, found in _Asked(examples, sharpness).all(_mixtures(10))
    ]
    best = max(found.p12 for *_, found in tried)
    enough = [each for each in tried if each[2].p12 >= best - SLACK]
    sharpness, *_ = max(enough, key=lambda each: each[2].worth)
    finer = list(_Asked(examples, sharpness).all(_mixtures(20)))
    best = max(best, *(found.p12 for _, found in finer))
    stored = [each for each in finer if min(each[0]) > 0]
    kept = [each for each in stored if each[1].p12 >= best - SLACK]
    chosen = {
        Focus.SUBJECT: max(finer, key=lambda each: (each[1].p12, each[1].worth)),
        Focus.BOTH: max(kept or stored, key=lambda each: (each[1].worth, each[1].p12)),
        Focus.SHAPE: max(finer, key=lambda each: (each[1].worth, each[1].p12)),
    }
    return Calibration(
        sharpness,
        {focus: mixture for focus, (mixture, _) in chosen.items()},
        {focus: found for focus, (_, found) in chosen.items()},
    )


def lifted(logits: Tensor, shares: Tensor, lift: float) -> Tensor:
    """Return a sketch's logits, or the bias behind them, with what was drawn seldom lifted."""
    return logits - lift * shares.log()


class _Asked:
    """Val's sketches asked with one sharpness: how the parts agree with each photo's."""

    def __init__(self, examples: Examples, sharpness: Sharpness) -> None:
        self._examples = examples
        there = _named(examples.gallery.logits, examples.shared, sharpness.photo_temperature)
        self._known = self._agreement(examples.asked, sharpness, there, examples.own)
        self._strange = self._agreement(examples.strange, sharpness, there, len(there))

    def _agreement(
        self, asked: Parts, sharpness: Sharpness, there: Tensor, photos: int
    ) -> tuple[Tensor, ...]:
        examples = self._examples
        logits = lifted(asked.logits, examples.shares, sharpness.lift)
        posterior = torch.softmax(logits / sharpness.sketch_temperature, 1)
        here = roots(posterior, examples.shared)
        here = here * posterior.amax(1, keepdim=True) ** sharpness.doubt
        gallery = examples.gallery
        return (
            here @ there[:photos].T,
            asked.general @ gallery.general[:photos].T,
            asked.shape @ gallery.shape[:photos].T,
        )

    def all(self, mixtures: Iterable[Mixture]) -> Iterator[tuple[Mixture, Found]]:
        """Yield what mixtures find."""
        examples = self._examples
        paired = np.flatnonzero(examples.photo >= 0)
        own = np.arange(examples.own)
        for mixture in mixtures:
            known, strange = _mixed(self._known, mixture), _mixed(self._strange, mixture)
            near = pairs(known[paired], own, examples.labels, examples.photo[paired])
            yield (
                mixture,
                Found(
                    precision(known, examples.labels[own], examples.wanted),
                    near["percentile"],
                    near["first"],
                    precision(strange, examples.labels, examples.strange_wanted),
                ),
            )


def _mixed(agreements: tuple[Tensor, ...], mixture: Mixture) -> Tensor:
    named, general, shape = agreements
    return mixture[0] * named + mixture[1] * general + mixture[2] * shape


def _named(logits: Tensor, shared: int, temperature: float) -> Tensor:
    return roots(torch.softmax(logits / temperature, 1), shared)


def _sharpnesses() -> Iterator[Sharpness]:
    for values in product(PHOTO_TEMPERATURES, SKETCH_TEMPERATURES, DOUBTS, LIFTS):
        yield Sharpness(*values)


def _mixtures(steps: int) -> list[Mixture]:
    """Return mixtures in so many even steps; the class part may count nothing."""
    return [
        (named / steps, general / steps, (steps - named - general) / steps)
        for named in range(steps + 1)
        for general in range(1, steps - named)
    ]

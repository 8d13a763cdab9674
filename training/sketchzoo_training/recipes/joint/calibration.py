"""Calibration: temperatures, doubt and how the three parts count, chosen on val."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, astuple, dataclass, field
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

PHOTO_TEMPERATURES = (0.5, 0.7, 1.0)
SKETCH_TEMPERATURES = (0.35, 0.5, 0.7, 1.0)
PHOTO_DOUBTS = (0.0, 0.5, 1.0)
SKETCH_DOUBTS = (0.0, 0.5, 1.0, 2.0)
LIFTS = (0.0, 0.5)
SLACK = 0.015
"""What of the best P@12 on val a search for both, subject and shape, may cost."""

Mixture = tuple[float, float, float]
"""How class, general and shape part count, 1 in all."""
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sharpness:
    """How the class part is made of logits, on either side.

    `lift` takes back what training taught of how often each class is drawn (arXiv 2007.07314),
    either `doubt` is `PartsHead`'s.
    """

    photo_temperature: float
    sketch_temperature: float
    photo_doubt: float
    sketch_doubt: float
    lift: float


@dataclass(frozen=True, slots=True)
class Found:
    """What a mixture finds; each is a share of 1.

    P@12 of val's sketches; where the photo stands that a sketch of val was drawn from, among
    those of its class (`percentile`, `first`) and among all (`very_first`, `twelve`); P@12 of
    things no class names, among all photos.
    """

    p12: float
    percentile: float
    first: float
    very_first: float
    twelve: float
    unseen: float

    @property
    def worth(self) -> float:
        """The mean of all that no class's name finds; what was not measured counts nothing."""
        _, *others = astuple(self)
        return float(np.nan_to_num(others).mean())

    @property
    def nearness(self) -> float:
        """The mean of what finds the very photo."""
        return float(np.nan_to_num([self.percentile, self.first]).mean())


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
    The focus on both, the default, is worth the most (`Found.worth`) among those whose P@12 is at
    most `SLACK` below the best that any setting reaches. The focus on shape finds the very photo
    best (`Found.nearness`), whatever its P@12, among photos that are stored by the default.
    Temperatures, doubts and lift are those with which these two do best together.
    """
    tried = {sharpness: _whole(Asked(examples, sharpness), 10) for sharpness in _sharpnesses()}
    best = max(found.p12 for each in tried.values() for _, found in each)
    defaults = {
        sharpness: max(kept, key=lambda each: each[1].worth)
        for sharpness, each in tried.items()
        if (kept := _within(each, best))
    }

    def together(sharpness: Sharpness) -> float:
        stored, found = defaults[sharpness]
        others = Asked(examples, sharpness).all(_mixtures(10), stored)
        return found.worth + max(other.nearness for _, other in others)

    sharpness = max(defaults, key=together)
    asked = Asked(examples, sharpness)
    finer = _whole(asked, 20)
    best = max(best, *(found.p12 for _, found in finer))
    both = max(_within(finer, best) or finer, key=lambda each: (each[1].worth, each[1].p12))
    others = list(asked.all(_mixtures(20), stored=both[0]))
    chosen = {
        Focus.SUBJECT: max(others, key=lambda each: (each[1].p12, each[1].worth)),
        Focus.BOTH: both,
        Focus.SHAPE: max(others, key=lambda each: (each[1].nearness, each[1].worth)),
    }
    return Calibration(
        sharpness,
        {focus: mixture for focus, (mixture, _) in chosen.items()},
        {focus: found for focus, (_, found) in chosen.items()},
    )


def _whole(asked: "Asked", steps: int) -> list[tuple[Mixture, Found]]:
    """Return what mixtures find in which every part counts: photos can be stored by these."""
    return list(asked.all(each for each in _mixtures(steps) if min(each) > 0))


def _within(tried: list[tuple[Mixture, Found]], best: float) -> list[tuple[Mixture, Found]]:
    return [each for each in tried if each[1].p12 >= best - SLACK]


def lifted(logits: Tensor, shares: Tensor, lift: float) -> Tensor:
    """Return a sketch's logits, or the bias behind them, with what was drawn seldom lifted."""
    return logits - lift * shares.log()


class Asked:
    """Val's sketches asked with one sharpness: how the parts agree with each photo's."""

    def __init__(self, examples: Examples, sharpness: Sharpness) -> None:
        self._examples = examples
        self._sharpness = sharpness
        gallery, shared = examples.gallery, examples.shared
        there, sure = _named(gallery.logits, shared, sharpness.photo_temperature)
        self._sure = sure**sharpness.photo_doubt
        there = there * self._sure
        self._known = self._agreement(examples.asked, there, examples.own)
        self._strange = self._agreement(examples.strange, there, len(there))

    def _agreement(self, asked: Parts, there: Tensor, photos: int) -> tuple[Tensor, ...]:
        examples, sharpness = self._examples, self._sharpness
        logits = lifted(asked.logits, examples.shares, sharpness.lift)
        here, sure = _named(logits, examples.shared, sharpness.sketch_temperature)
        gallery = examples.gallery
        return (
            here * sure**sharpness.sketch_doubt @ there[:photos].T,
            asked.general @ gallery.general[:photos].T,
            asked.shape @ gallery.shape[:photos].T,
        )

    def all(
        self, mixtures: Iterable[Mixture], stored: Mixture | None = None
    ) -> Iterator[tuple[Mixture, Found]]:
        """Yield what mixtures find among photos that are `stored` by one; None: each by its own."""
        examples = self._examples
        paired = np.flatnonzero(examples.photo >= 0)
        own = np.arange(examples.own)
        for mixture in mixtures:
            # A doubted class part leaves the others more of a photo's norm.
            named, general, shape = stored or mixture
            norms = (named * self._sure[:, 0].square() + general + shape).sqrt()
            known = _mixed(self._known, mixture) / norms[: examples.own]
            strange = _mixed(self._strange, mixture) / norms
            near = pairs(known[paired], own, examples.labels, examples.photo[paired])
            yield (
                mixture,
                Found(
                    precision(known, examples.labels[own], examples.wanted),
                    near["percentile"],
                    near["first"],
                    near["very_first"],
                    near["twelve"],
                    precision(strange, examples.labels, examples.strange_wanted),
                ),
            )


def _mixed(agreements: tuple[Tensor, ...], mixture: Mixture) -> Tensor:
    named, general, shape = agreements
    return mixture[0] * named + mixture[1] * general + mixture[2] * shape


def _named(logits: Tensor, shared: int, temperature: float) -> tuple[Tensor, Tensor]:
    """Return the class part's direction, and how sure a tower is of the likeliest class."""
    posterior = torch.softmax(logits / temperature, 1)
    return roots(posterior, shared), posterior.amax(1, keepdim=True)


def _sharpnesses() -> Iterator[Sharpness]:
    for values in product(
        PHOTO_TEMPERATURES, SKETCH_TEMPERATURES, PHOTO_DOUBTS, SKETCH_DOUBTS, LIFTS
    ):
        yield Sharpness(*values)


def _mixtures(steps: int) -> list[Mixture]:
    """Return mixtures in so many even steps; the class part may count nothing."""
    return [
        (named / steps, general / steps, (steps - named - general) / steps)
        for named in range(steps + 1)
        for general in range(1, steps - named)
    ]

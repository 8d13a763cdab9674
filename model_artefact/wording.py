"""Words measured: are texts taken for what they mean, and those that mean nothing for nothing."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from sketchzoo.model_error import ModelError
from sketchzoo.thresholds import auroc
from sketchzoo.words.naming import CONFIDENT, Likeness, Naming, posterior
from sketchzoo.words.phrases import FILE as PHRASES
from sketchzoo.words.phrases import Calibration

FILE = PHRASES.with_name("queries.toml")
_NEAREST = (1, 2, 3)
_TEMPERATURES = (0.02, 0.025, 0.03, 0.035, 0.04, 0.045, 0.05, 0.06)
_MARGINS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1)
_FLOORS = (0.0, 0.4, 0.45, 0.5, 0.55)
_LEAST = 1e-6

Posteriors = npt.NDArray[np.float32]
"""`(n, classes + 1)`, the last one something else's."""


@dataclass(frozen=True, slots=True)
class Queries:
    """Texts with the classes that each means, and texts that mean none."""

    means: Mapping[str, tuple[str, ...]]
    nothing: tuple[str, ...]

    @classmethod
    def read(cls, path: Path = FILE) -> Self:
        """Read a file of queries.

        Raises:
            ModelError: it is none.

        """
        try:
            values = tomllib.loads(path.read_text())
            means = {text: tuple(classes) for text, classes in values["means"].items()}
            queries = cls(means, tuple(values["nothing"]["texts"]))
        except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{path} is no file of queries: {error!r}") from error
        if not queries.means or not queries.nothing:
            raise ModelError(f"{path} must have queries of both kinds, means and nothing")
        return queries

    def half(self, first: int) -> Self:
        """Return every second query of each kind, from the `first` on."""
        return type(self)(dict(list(self.means.items())[first::2]), self.nothing[first::2])

    def known(self, classes: tuple[str, ...]) -> Self:
        """Return those that mean a class of a model, and those that mean nothing."""
        kept = {
            text: tuple(each for each in means if each in classes)
            for text, means in self.means.items()
        }
        return type(self)({text: means for text, means in kept.items() if means}, self.nothing)


@dataclass(frozen=True, slots=True)
class Figures:
    """How well words do.

    `right` is the share of texts whose likeliest class is one that they mean, `confident` the share
    of texts that are taken for a class at least as likely as not, `refused` that of those that
    mean nothing and are not. `auroc` is the chance that of a text of each kind the one with a
    meaning has the likelier class.
    `wrong` are the texts whose likeliest class is another, `found` those that mean nothing and are
    confident all the same.
    """

    texts: int
    nothing: int
    right: float
    confident: float
    refused: float
    auroc: float
    wrong: tuple[tuple[str, str], ...]
    found: tuple[tuple[str, str], ...]


def measured(words: Naming, queries: Queries) -> Figures:
    """Measure words; texts whose likeliest class is `CONFIDENT` at least are confident."""
    known = words.posterior(list(queries.means))[:, :-1]
    unknown = words.posterior(queries.nothing)[:, :-1]
    likeliest = [words.classes[index] for index in known.argmax(axis=1)]
    claimed = [words.classes[index] for index in unknown.argmax(axis=1)]
    told = list(zip(queries.means.items(), likeliest, strict=True))
    wrong = tuple((text, named) for (text, means), named in told if named not in means)
    sure, unsure = known.max(axis=1), unknown.max(axis=1)
    found = tuple(
        (text, named)
        for text, named, share in zip(queries.nothing, claimed, unsure, strict=True)
        if share >= CONFIDENT
    )
    return Figures(
        len(told),
        len(queries.nothing),
        1 - len(wrong) / len(told),
        float((sure >= CONFIDENT).mean()),
        1 - len(found) / len(queries.nothing),
        auroc(sure.astype(np.float64), unsure.astype(np.float64)),
        wrong,
        found,
    )


def calibrated(words: Naming, queries: Queries) -> Calibration:
    """Find the calibration that is the least surprised by what queries mean.

    Both kinds count the same: the mean of minus the logarithm of what each means.
    """
    texts, best = list(queries.means), None
    meant = [[words.classes.index(name) for name in means] for means in queries.means.values()]
    for nearest in _NEAREST:
        known, unknown = words.likeness(texts, nearest), words.likeness(queries.nothing, nearest)
        for temperature, margin, floor in product(_TEMPERATURES, _MARGINS, _FLOORS):
            tried = Calibration(nearest, temperature, margin, floor)
            surprise = _surprise(known, unknown, meant, tried)
            if best is None or surprise < best[0]:
                best = surprise, tried
    if best is None:
        raise RuntimeError("there is nothing to try")
    return best[1]


def _surprise(
    known: Likeness, unknown: Likeness, meant: list[list[int]], tried: Calibration
) -> float:
    rows = posterior(known, tried)
    shares = np.array([row[means].sum() for row, means in zip(rows, meant, strict=True)])
    nothing = posterior(unknown, tried)[:, -1]
    return float(-np.log(shares + _LEAST).mean() - np.log(nothing + _LEAST).mean())

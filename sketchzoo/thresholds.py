"""Thresholds: from which score on a model is believed, by examples of what it knows or not."""

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]
"""`(n,)`, 0 to 1."""
SEEN_FROM, SEEN_PRECISION = 0.95, 0.95
"""From which posterior a class counts as seen on a photo, if it is right as often."""
SEEN_LEVELS = (SEEN_FROM, 0.97, 0.98, 0.99, 0.995)
"""From which posterior a class may count as seen, the least that is right often enough."""


@dataclass(frozen=True, slots=True)
class OpenWorld:
    """How well best scores tell what a gallery has from what it has not, and where they part.

    `auroc` is the chance that something known scores higher. Of the known `known_kept` reach
    `min_score`, of the unknown `unknown_refused` don't.
    """

    min_score: float
    auroc: float
    known_kept: float
    unknown_refused: float

    @classmethod
    def of(cls, known: Scores, unknown: Scores) -> Self:
        """Find the score that parts them best; both must hold at least one."""
        return cls.at(round(best_threshold(known, unknown), 3), known, unknown)

    @classmethod
    def at(cls, min_score: float, known: Scores, unknown: Scores) -> Self:
        """Tell how well a score that was found before parts them."""
        return cls(
            min_score,
            round(auroc(known, unknown), 4),
            round(float((known >= min_score).mean()), 4),
            round(float((unknown < min_score).mean()), 4),
        )

    def figures(self) -> dict[str, Any]:
        """Return what an artefact's notes tell beside its `min_score`."""
        figures = asdict(self)
        del figures["min_score"]
        return figures


def auroc(known: Scores, unknown: Scores) -> float:
    """Return the chance that a known thing's score is above an unknown one's; ties count half."""
    order = np.sort(unknown)
    below = np.searchsorted(order, known, "left")
    upto = np.searchsorted(order, known, "right")
    return float((below + upto).mean() / (2 * len(unknown)))


def best_threshold(known: Scores, unknown: Scores) -> float:
    """Return the score that tells known from unknown best: the largest sum of both shares.

    It lies in the middle between the two scores that it parts, so that few examples do as well.
    """
    cuts = np.unique(np.concatenate([known, unknown]))
    kept = 1 - np.searchsorted(np.sort(known), cuts, "left") / len(known)
    refused = np.searchsorted(np.sort(unknown), cuts, "left") / len(unknown)
    best = int(np.argmax(kept + refused))
    return float(cuts[max(best - 1, 0)] + cuts[best]) / 2

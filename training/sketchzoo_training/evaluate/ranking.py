"""Rankings: every photo for every query, nearest first, with what is equally near."""

from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Distance = Literal["cosine", "euclidean"]

TOLERANCE = 5e-7
"""Scores are equal that differ by less, as a share of the query's largest: float32's own noise."""


@dataclass(frozen=True, slots=True)
class Rankings:
    """Indexes into the gallery, int32 `(queries, photos)`, each row all of it, best first.

    `tied`, bool of the same shape, is True where a photo is as near as the one before it. Among
    such photos their order says nothing.
    """

    order: npt.NDArray[np.int32] = field(repr=False)
    tied: npt.NDArray[np.bool_] = field(repr=False)

    def __post_init__(self) -> None:
        if self.order.shape != self.tied.shape or self.order.ndim != 2:  # noqa: PLR2004 - as said
            raise ValueError(
                f"order and tied must be queries x photos, not {self.order.shape}, "
                f"{self.tied.shape}"
            )

    @classmethod
    def of_scores(cls, scores: npt.NDArray[np.floating]) -> Self:
        """Rank by scores `(queries, photos)`, the highest first."""
        order = np.argsort(-scores, axis=1, kind="stable").astype(np.int32)
        fall = -np.diff(np.take_along_axis(scores, order, axis=1), axis=1)
        tied = np.zeros(order.shape, np.bool_)
        tied[:, 1:] = fall < TOLERANCE * np.abs(scores).max(axis=1, initial=1e-30, keepdims=True)
        return cls(order, tied)

    @classmethod
    def of_order(cls, order: npt.ArrayLike) -> Self:
        """Return rankings in which no two photos are equally near."""
        rows = np.asarray(order, np.int32)
        return cls(rows, np.zeros(rows.shape, np.bool_))


def rank(
    queries: Vectors, gallery: Vectors, distance: Distance = "cosine", *, chunk: int = 256
) -> Rankings:
    """Rank the whole gallery for each query; embeddings of any length, one a row."""
    if distance == "cosine":
        queries, gallery = _unit(queries), _unit(gallery)
    order = np.empty((len(queries), len(gallery)), np.int32)
    tied = np.empty(order.shape, np.bool_)
    # |q - g|² ranks as |g|² / 2 - q·g.
    offset = (gallery**2).sum(1) / 2 if distance == "euclidean" else np.float32(0)
    for start in range(0, len(queries), chunk):
        rows = slice(start, start + chunk)
        part = Rankings.of_scores(queries[rows] @ gallery.T - offset)
        order[rows], tied[rows] = part.order, part.tied
    return Rankings(order, tied)


def best_scores(queries: Vectors, gallery: Vectors) -> npt.NDArray[np.float64]:
    """Return the score of each query's nearest photo, 0 to 1; embeddings of norm 1, one a row."""
    scores: npt.NDArray[np.float64] = (1 + (queries @ gallery.T).max(1).astype(np.float64)) / 2
    return scores


def _unit(vectors: Vectors) -> Vectors:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = vectors / np.maximum(norms, 1e-12)
    return unit

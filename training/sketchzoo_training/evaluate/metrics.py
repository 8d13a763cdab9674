"""Retrieval metrics of rankings, by trec_eval's definitions.

A photo is relevant to a sketch of its own class. P@K is the share of relevant photos
among the first K (of K, even where the gallery holds fewer); AP is the mean of the
precisions at every relevant photo, over the whole ranking ("mAP@all"); Recall@1 asks for
the very photo a sketch was drawn from. Where photos are equally near, each value is what
is expected when they stand in random order (McSherry and Najork, ECIR 2008), so that
neither names nor places decide. A test compares with ir-measures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sketchzoo_training.evaluate.ranking import Rankings

METRICS = ("p@12", "map", "recall@1", "p@1", "p@5")
_CUTS = {"p@1": 1, "p@5": 5, "p@12": 12}
_AT_ONCE = 2_000_000  # places of rankings, or values drawn; bounds the memory

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class QueryKey:
    """What a query is asked to find: its class and, where known, its own photo's name."""

    class_name: str
    photo_name: str | None = None


@dataclass(frozen=True, slots=True)
class PerQuery:
    """Each query's value of each metric, float64 `(queries,)`; nan where it has none.

    A query whose class no photo shows has no value of any metric; one whose own photo is
    not in the gallery none of `recall@1`.
    """

    values: Mapping[str, Values] = field(repr=False)

    def mean(self, metric: str) -> float | None:
        """Return a metric's mean over the queries that have a value, None where none has."""
        return mean(self.values[metric])


def measure(
    rankings: Rankings, queries: Sequence[QueryKey], gallery: Sequence[QueryKey]
) -> PerQuery:
    """Measure rankings of all of the gallery for each query."""
    if rankings.order.shape != (len(queries), len(gallery)):
        raise ValueError(
            f"rankings must be {len(queries)} queries x {len(gallery)} photos, "
            f"not {rankings.order.shape}"
        )
    classes = np.array([photo.class_name for photo in gallery], object)
    wanted = np.array([query.class_name for query in queries], object)
    own: dict[QueryKey, int] = {}
    for index, photo in enumerate(gallery):
        own.setdefault(photo, index)
    own_photo = np.array([-1 if q.photo_name is None else own.get(q, -1) for q in queries])
    values = {metric: np.full(len(queries), np.nan) for metric in METRICS}
    step = max(1, _AT_ONCE // max(1, len(gallery)))
    for rows in (slice(start, start + step) for start in range(0, len(queries), step)):
        order, tied = rankings.order[rows], rankings.tied[rows]
        right = classes[order] == wanted[rows, None]
        known = right.any(axis=1)
        for metric, found in _by_class(right, tied).items():
            values[metric][rows] = np.where(known, found, np.nan)
        nearest = np.logical_and.accumulate(np.hstack([~tied[:, :1], tied[:, 1:]]), axis=1)
        first = (nearest & (order == own_photo[rows, None])).any(axis=1) / nearest.sum(axis=1)
        values["recall@1"][rows] = np.where(own_photo[rows] >= 0, first, np.nan)
    return PerQuery(values)


def _by_class(right: npt.NDArray[np.bool_], tied: npt.NDArray[np.bool_]) -> dict[str, Values]:
    """Return each query's expected P@K and AP; `right` says which places are of its class."""
    places = np.arange(right.shape[1])
    starts = np.maximum.accumulate(np.where(tied, 0, places), axis=1)
    last = np.hstack([~tied[:, 1:], np.ones((len(tied), 1), np.bool_)])
    ends = np.minimum.accumulate(np.where(last, places, len(places))[:, ::-1], axis=1)[:, ::-1]
    counted = np.hstack([np.zeros((len(right), 1), np.int64), right.cumsum(axis=1)])
    before = np.take_along_axis(counted, starts, axis=1)
    within = np.take_along_axis(counted, ends + 1, axis=1) - before
    size = ends - starts + 1
    share = within / size  # how likely a place is to hold a right photo
    # Of a tie's other right photos, as many are expected before a place as lie evenly spread.
    others = (places - starts) * np.maximum(within - 1, 0) / np.maximum(size - 1, 1)
    precision = share * (before + 1 + others) / (places + 1)
    found = {metric: share[:, :cut].sum(axis=1) / cut for metric, cut in _CUTS.items()}
    found["map"] = precision.sum(axis=1) / np.maximum(right.sum(axis=1), 1)
    return found


def mean(values: Values) -> float | None:
    """Return the mean of the values that are there, None where none is."""
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else None


def interval(
    values: Values, *, seed: int = 0, resamples: int = 1000, level: float = 0.95
) -> tuple[float, float] | None:
    """Return the bootstrap percentile interval of the mean over queries.

    Queries are drawn anew with replacement; nan values are left out. None without values.
    """
    values = values[~np.isnan(values)]
    if not values.size:
        return None
    rng = np.random.default_rng(seed)
    step = max(1, _AT_ONCE // values.size)
    means = np.concatenate(
        [
            values[rng.integers(0, values.size, (min(step, resamples - done), values.size))].mean(1)
            for done in range(0, resamples, step)
        ]
    )
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)

"""Retrieval metrics of rankings, by trec_eval's definitions where it has one.

A photo is relevant to a sketch of its own class. P@K is the share of relevant photos
among the first K (of K, even where the gallery holds fewer); AP is the mean of the
precisions at every relevant photo, over the whole ranking ("mAP@all"), or among the first
200, by as many of them as 200 places can hold ("mAP@200"). Recall@K asks for the very photo
a sketch was drawn from, among all photos or, "in class", among those of its class; the
percentile is the share of the class's other photos that it outranks. Where photos are equally
near, each value is what is expected when they stand in random order (McSherry and Najork,
ECIR 2008), so that neither names nor places decide. A test compares with ir-measures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sketchzoo_training.evaluate.ranking import Rankings

OF_CLASS = ("p@12", "map", "p@1", "p@5", "map@200", "p@100", "p@200")
"""What asks for photos of the sketch's class."""
OF_PAIRS = (
    "recall@1",
    "recall@12",
    "in_class_percentile",
    "in_class_recall@1",
    "in_class_recall@5",
)
"""What asks for the photo that the sketch was drawn from."""
METRICS = ("p@12", "map", "recall@1", *OF_CLASS[2:], *OF_PAIRS[1:])
_CUTS = {"p@1": 1, "p@5": 5, "p@12": 12, "p@100": 100, "p@200": 200}
_DEEP = 200
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
    not in the gallery none of `OF_PAIRS`, and one whose own photo is the only one of its class
    none of those that ask within the class.
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
        order = rankings.order[rows]
        places = _Places.of(classes[order] == wanted[rows, None], rankings.tied[rows])
        known = places.right.any(axis=1)
        for metric, found in places.by_class().items():
            values[metric][rows] = np.where(known, found, np.nan)
        paired = np.flatnonzero(own_photo[rows] >= 0)
        found_at = np.argmax(order == own_photo[rows, None], axis=1)[paired]
        for metric, found in places.by_pair(paired, found_at).items():
            values[metric][rows][paired] = found
    return PerQuery(values)


@dataclass(frozen=True, slots=True)
class _Places:
    """What is known of each place of some rankings, all `(queries, photos)`.

    `right` says where a photo is of the query's class. Each place is one of a tie's: `first` is
    where that begins and `size` how many places it has; `before` are the right photos above it and
    `within` those in it.
    """

    right: npt.NDArray[np.bool_]
    first: npt.NDArray[np.intp]
    size: npt.NDArray[np.intp]
    before: npt.NDArray[np.intp]
    within: npt.NDArray[np.intp]

    @classmethod
    def of(cls, right: npt.NDArray[np.bool_], tied: npt.NDArray[np.bool_]) -> "_Places":
        places = np.arange(right.shape[1])
        first = np.maximum.accumulate(np.where(tied, 0, places), axis=1)
        last = np.hstack([~tied[:, 1:], np.ones((len(tied), 1), np.bool_)])
        backwards = np.where(last, places, len(places))[:, ::-1]
        end = np.minimum.accumulate(backwards, axis=1)[:, ::-1]
        counted = np.hstack([np.zeros((len(right), 1), np.intp), right.cumsum(axis=1)])
        before = np.take_along_axis(counted, first, axis=1)
        within = np.take_along_axis(counted, end + 1, axis=1) - before
        return cls(right, first, end - first + 1, before, within)

    def by_class(self) -> dict[str, Values]:
        """Return each query's expected P@K and AP."""
        places = np.arange(self.right.shape[1])
        share = self.within / self.size  # how likely a place is to hold a right photo
        # Of a tie's other right photos, as many are expected before a place as lie evenly spread.
        others = (places - self.first) * np.maximum(self.within - 1, 0)
        earlier = self.before + others / np.maximum(self.size - 1, 1)
        precision = share * (earlier + 1) / (places + 1)
        found = {metric: share[:, :cut].sum(axis=1) / cut for metric, cut in _CUTS.items()}
        there = np.maximum(self.right.sum(axis=1), 1)
        found["map"] = precision.sum(axis=1) / there
        found["map@200"] = precision[:, :_DEEP].sum(axis=1) / np.minimum(there, _DEEP)
        return found

    def by_pair(
        self, rows: npt.NDArray[np.intp], places: npt.NDArray[np.intp]
    ) -> dict[str, Values]:
        """Return what is expected of each row's own photo, which stands at a place of it."""
        above, near = self.first[rows, places], self.size[rows, places]
        before, within = self.before[rows, places], self.within[rows, places]
        others = self.right[rows].sum(axis=1) - 1
        found = {
            "recall@1": _among(1, above, near),
            "recall@12": _among(12, above, near),
            "in_class_percentile": 1 - (before + (within - 1) / 2) / np.maximum(others, 1),
            "in_class_recall@1": _among(1, before, within),
            "in_class_recall@5": _among(5, before, within),
        }
        return {
            metric: np.where((others > 0) | (not metric.startswith("in_class")), value, np.nan)
            for metric, value in found.items()
        }


def _among(most: int, above: npt.NDArray[np.intp], near: npt.NDArray[np.intp]) -> Values:
    """Return how likely one of `near` photos below `above` others is among the first `most`."""
    likely: Values = np.clip((most - above) / near, 0.0, 1.0)
    return likely


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

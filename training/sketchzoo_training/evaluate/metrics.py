"""Retrieval metrics of rankings, by ir-measures (trec_eval's definitions).

A photo is relevant to a sketch of its own class. P@K is the share of relevant photos
among the first K (of K, even where the gallery holds fewer); AP is the mean of the
precisions at every relevant photo, over the whole ranking ("mAP@all"); Recall@1 asks for
the very photo a sketch was drawn from. Scores are handed over as positive ranks, so that
neither ties nor negative cosines are left to a library's taste.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import ir_measures
import numpy as np
import numpy.typing as npt
from ir_measures import AP, P, Success

METRICS = ("p@12", "map", "recall@1", "p@1", "p@5")
_BY_CLASS = {"p@1": P @ 1, "p@5": P @ 5, "p@12": P @ 12, "map": AP}
_CHUNK = 64  # queries handed over at once; bounds the memory of the dictionaries


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

    values: Mapping[str, npt.NDArray[np.float64]] = field(repr=False)

    def mean(self, metric: str, chosen: npt.NDArray[np.bool_] | None = None) -> float | None:
        """Return the mean over the queries that have a value, None where none has."""
        values = self.values[metric] if chosen is None else self.values[metric][chosen]
        values = values[~np.isnan(values)]
        return float(values.mean()) if values.size else None


def measure(
    rankings: npt.NDArray[np.integer], queries: Sequence[QueryKey], gallery: Sequence[QueryKey]
) -> PerQuery:
    """Measure rankings: int `(queries, photos)`, each row all of the gallery, best first."""
    if rankings.shape != (len(queries), len(gallery)):
        raise ValueError(
            f"rankings must be {len(queries)} queries x {len(gallery)} photos, not {rankings.shape}"
        )
    values = {metric: np.full(len(queries), np.nan) for metric in METRICS}
    by_class: dict[str, dict[str, int]] = {}
    by_photo: dict[tuple[str, str], str] = {}
    for index, photo in enumerate(gallery):
        by_class.setdefault(photo.class_name, {})[str(index)] = 1
        if photo.photo_name is not None:
            by_photo.setdefault((photo.class_name, photo.photo_name), str(index))
    for start in range(0, len(queries), _CHUNK):
        chunk = range(start, min(start + _CHUNK, len(queries)))
        run = {
            str(q): {str(photo): float(len(gallery) - rank) for rank, photo in enumerate(row)}
            for q, row in zip(chunk, rankings[chunk.start : chunk.stop].tolist(), strict=True)
        }
        classes = {str(q): by_class.get(queries[q].class_name) for q in chunk}
        _fill(values, _BY_CLASS, {q: found for q, found in classes.items() if found}, run)
        pairs = {
            str(q): by_photo.get((queries[q].class_name, queries[q].photo_name or ""))
            for q in chunk
        }
        own = {q: {photo: 1} for q, photo in pairs.items() if photo is not None}
        _fill(values, {"recall@1": Success @ 1}, own, run)
    return PerQuery(values)


def _fill(
    values: Mapping[str, npt.NDArray[np.float64]],
    measures: Mapping[str, ir_measures.Measure],
    relevant: Mapping[str, Mapping[str, int]],
    run: Mapping[str, Mapping[str, float]],
) -> None:
    if not relevant:
        return
    names = {measure: name for name, measure in measures.items()}
    asked = {query: run[query] for query in relevant}
    for found in ir_measures.iter_calc(list(names), relevant, asked):
        values[names[found.measure]][int(found.query_id)] = found.value


def interval(
    values: npt.NDArray[np.float64], *, seed: int = 0, resamples: int = 1000, level: float = 0.95
) -> tuple[float, float] | None:
    """Return the bootstrap percentile interval of the mean over queries.

    Queries are drawn anew with replacement; nan values are left out. None without values.
    """
    values = values[~np.isnan(values)]
    if not values.size:
        return None
    rng = np.random.default_rng(seed)
    means = np.array(
        [values[rng.integers(0, values.size, values.size)].mean() for _ in range(resamples)]
    )
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)

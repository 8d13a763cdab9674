"""Evaluation: how well sketches find photos of their own class, and how surely we know it."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo_training.data import DataError, ImageFile
from sketchzoo_training.evaluate.embedding import embed, rank
from sketchzoo_training.evaluate.metrics import METRICS, PerQuery, QueryKey, interval, measure


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many files took no part, by reason."""

    photos: Counter[str]
    queries: Counter[str]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The rankings of all queries and their metrics.

    `rankings` is int32 `(queries, photos)`: indexes into `gallery`, best first.
    """

    gallery: tuple[ImageFile, ...] = field(repr=False)
    queries: tuple[ImageFile, ...] = field(repr=False)
    rankings: npt.NDArray[np.int32] = field(repr=False)
    per_query: PerQuery = field(repr=False)
    left_out: LeftOut

    def report(self) -> dict[str, Any]:
        """Return the figures as JSON's types; shares of 1, None where nothing was measured.

        The keys begin with `p@12`, `map` (over the whole ranking) and `recall@1` (of the
        paired photo); `p@12_best` is the most that this gallery allows.
        """
        every = np.ones(len(self.queries), np.bool_)
        return {
            **self._means(every),
            "intervals": {m: interval(self.per_query.values[m]) for m in METRICS},
            "p@12_best": self._best(),
            "queries": len(self.queries),
            "photos": len(self.gallery),
            "classes": len({photo.class_name for photo in self.gallery}),
            "paired_queries": int(np.sum(~np.isnan(self.per_query.values["recall@1"]))),
            "per_class": self._groups([query.class_name for query in self.queries]),
            "per_source": self._groups([query.source for query in self.queries]),
            "left_out": {
                "photos": dict(sorted(self.left_out.photos.items())),
                "queries": dict(sorted(self.left_out.queries.items())),
            },
        }

    def worst(self, count: int) -> list[int]:
        """Return the indexes of the queries that failed worst, worst first."""
        values = self.per_query.values
        order = np.lexsort((values["map"], values["p@12"]))
        return [int(index) for index in order[:count]]

    def _best(self) -> float:
        """Return the P@12 of perfect rankings: a class of fewer than 12 photos caps it."""
        photos = Counter(photo.class_name for photo in self.gallery)
        return float(np.mean([min(12, photos[query.class_name]) / 12 for query in self.queries]))

    def _means(self, chosen: npt.NDArray[np.bool_]) -> dict[str, float | None]:
        return {metric: self.per_query.mean(metric, chosen) for metric in METRICS}

    def _groups(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        members = np.array(names)
        photos = Counter(photo.class_name for photo in self.gallery)
        groups: dict[str, dict[str, Any]] = {}
        for name in sorted(set(names)):
            chosen = members == name
            values = self.per_query.values["p@12"][chosen]
            groups[name] = {
                **self._means(chosen),
                "p@12_interval": interval(values),
                "queries": int(chosen.sum()),
            }
            if name in photos:
                groups[name]["photos"] = photos[name]
        return groups


def evaluate(
    artefact: ModelArtefact,
    gallery: Sequence[ImageFile],
    queries: Sequence[ImageFile],
    *,
    workers: int | None = None,
    advance: Callable[[], Any] = lambda: None,
) -> Evaluation:
    """Embed photos and sketches with a model and rank every photo for every sketch.

    Photos of equal scores follow each other by a hash of their class and name, so that
    no class is favoured by its place in the alphabet.

    Raises:
        DataError: nothing is left to measure.
        sketchzoo.model.ModelError: an ONNX file of the model is missing or broken.

    """
    queries, skipped = answerable(gallery, queries)
    gallery = sorted(gallery, key=_shuffled)
    photos = embed(artefact, gallery, Modality.PHOTO, workers=workers, advance=advance)
    sketches = embed(artefact, queries, Modality.SKETCH, workers=workers, advance=advance)
    left_out = LeftOut(
        Counter(reason for _, reason in photos.left_out),
        Counter(reason for _, reason in sketches.left_out) + skipped,
    )
    return evaluate_rankings(
        photos.files, sketches.files, rank(sketches.vectors, photos.vectors), left_out
    )


def evaluate_rankings(
    gallery: Sequence[ImageFile],
    queries: Sequence[ImageFile],
    rankings: npt.NDArray[np.int32],
    left_out: LeftOut,
) -> Evaluation:
    """Measure rankings made elsewhere, for instance by the running service."""
    if not gallery or not queries:
        what = "photos" if not gallery else "queries"
        raise DataError(f"no {what} left to measure; left out: {left_out}")
    per_query = measure(rankings, [_key(query) for query in queries], [_key(p) for p in gallery])
    return Evaluation(tuple(gallery), tuple(queries), rankings, per_query, left_out)


def answerable(
    gallery: Sequence[ImageFile], queries: Sequence[ImageFile]
) -> tuple[tuple[ImageFile, ...], Counter[str]]:
    """Return the queries whose class the gallery shows, and how many were passed over.

    Raises:
        DataError: the gallery shows no class of any query.

    """
    classes = {photo.class_name for photo in gallery}
    kept = tuple(query for query in queries if query.class_name in classes)
    if not kept:
        asked = sorted({query.class_name for query in queries})
        raise DataError(
            f"the gallery shows none of the queries' classes: it has {_some(sorted(classes))}; "
            f"asked for {_some(asked)}"
        )
    passed = len(queries) - len(kept)
    return kept, Counter({"class_not_in_gallery": passed} if passed else {})


def _shuffled(photo: ImageFile) -> bytes:
    return hashlib.sha256(f"{photo.class_name}/{photo.name}".encode()).digest()


def _key(file: ImageFile) -> QueryKey:
    return QueryKey(file.class_name, file.photo_name)


def _some(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")

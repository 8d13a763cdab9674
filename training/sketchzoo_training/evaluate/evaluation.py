"""Evaluation: how well sketches find photos of their own class, and how surely we know it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo.parts import Focus
from sketchzoo.thresholds import OpenWorld
from sketchzoo_training.data import DataError, ImageFile, LeftOut
from sketchzoo_training.evaluate.embedding import check_focus, embed, embed_queries, min_score
from sketchzoo_training.evaluate.metrics import (
    PerQuery,
    QueryKey,
    Values,
    interval,
    mean,
    measure,
)
from sketchzoo_training.evaluate.ranking import Distance, Rankings, best_scores, rank


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The rankings of all queries and their metrics.

    Rankings index into `gallery`; `distance` is what they are by.
    """

    gallery: tuple[ImageFile, ...] = field(repr=False)
    queries: tuple[ImageFile, ...] = field(repr=False)
    rankings: Rankings = field(repr=False)
    per_query: PerQuery = field(repr=False)
    left_out: LeftOut
    distance: Distance = "cosine"
    open_world: OpenWorld | None = None

    def report(self) -> dict[str, Any]:
        """Return the figures as JSON's types; shares of 1, None where nothing was measured.

        The keys begin with `p@12`, `map` (over the whole ranking) and `recall@1` (of the
        paired photo); `p@12_best`, `p@100_best` and `p@200_best` are the most that this gallery
        allows. `intervals` has all of them.
        """
        photos = Counter(photo.class_name for photo in self.gallery)
        there = np.array([photos[query.class_name] for query in self.queries], np.float64)
        values = dict(self.per_query.values)
        for most in (12, 100, 200):
            best = np.minimum(there, most) / most
            values[f"p@{most}_best"] = np.where(there > 0, best, np.nan)
        classes = _groups([query.class_name for query in self.queries], values)
        return {
            **_figures(values),
            "distance": self.distance,
            "open_world": asdict(self.open_world) if self.open_world else None,
            "photos": len(self.gallery),
            "classes": len(photos),
            "paired_queries": int(np.sum(~np.isnan(values["recall@1"]))),
            "per_class": {name: {**own, "photos": photos[name]} for name, own in classes.items()},
            "per_source": _groups([query.source for query in self.queries], values),
            "left_out": self.left_out.report(),
        }

    def worst(self, count: int) -> list[int]:
        """Return the indexes of the queries that failed worst, worst first."""
        values = self.per_query.values
        order = np.lexsort((values["map"], values["p@12"]))
        return [int(index) for index in order[:count]]


def _figures(values: Mapping[str, Values]) -> dict[str, Any]:
    """Return the means of some queries' values, each with its interval."""
    return {
        **{metric: mean(own) for metric, own in values.items()},
        "intervals": {metric: interval(own) for metric, own in values.items()},
        "queries": len(next(iter(values.values()))),
    }


def _groups(names: Sequence[str], values: Mapping[str, Values]) -> dict[str, dict[str, Any]]:
    members = np.array(names)
    return {
        name: _figures({metric: own[members == name] for metric, own in values.items()})
        for name in sorted(set(names))
    }


def evaluate(
    artefact: ModelArtefact,
    gallery: Sequence[ImageFile],
    queries: Sequence[ImageFile],
    *,
    focus: Focus | None = None,
    unknown: Sequence[ImageFile] = (),
    workers: int | None = None,
    advance: Callable[[], Any] = lambda: None,
) -> Evaluation:
    """Embed photos and sketches with a model and rank every photo for every sketch.

    `focus` says what the sketches are after, the model's default one where it is left out.
    `unknown` are sketches of what the gallery does not show, which the best score may tell.

    Raises:
        DataError: nothing is left to measure.
        InputError: the model has no such focus.
        sketchzoo.model.ModelError: an ONNX file of the model is missing or broken.

    """
    check_focus(artefact, focus)
    queries, skipped = answerable(gallery, queries)
    photos = embed(artefact, gallery, Modality.PHOTO, workers=workers, advance=advance)
    sketches = embed_queries(artefact, queries, focus, workers=workers, advance=advance)
    evaluation = evaluate_rankings(
        photos.files,
        sketches.files,
        rank(sketches.vectors, photos.vectors),
        photos.left_out + sketches.left_out + skipped,
    )
    if not unknown:
        return evaluation
    strange = embed_queries(artefact, unknown, focus, workers=workers, advance=advance)
    if not strange.files:
        raise DataError(f"no sketch of something unknown left: {_why(strange.left_out)}")
    here, elsewhere = (best_scores(each.vectors, photos.vectors) for each in (sketches, strange))
    apart = OpenWorld.at(min_score(artefact, focus), here, elsewhere)
    return replace(evaluation, open_world=apart, left_out=evaluation.left_out + strange.left_out)


def evaluate_rankings(
    gallery: Sequence[ImageFile],
    queries: Sequence[ImageFile],
    rankings: Rankings,
    left_out: LeftOut = LeftOut(),  # noqa: B008 - immutable
    *,
    distance: Distance = "cosine",
) -> Evaluation:
    """Measure rankings made elsewhere, for instance by the running service."""
    if not gallery or not queries:
        what = "photos" if not gallery else "queries"
        raise DataError(f"no {what} left to measure: {_why(left_out)}")
    per_query = measure(rankings, [_key(query) for query in queries], [_key(p) for p in gallery])
    return Evaluation(
        tuple(gallery), tuple(queries), rankings, per_query, left_out, distance=distance
    )


def answerable(
    gallery: Sequence[ImageFile], queries: Sequence[ImageFile]
) -> tuple[tuple[ImageFile, ...], LeftOut]:
    """Return the queries whose class the gallery shows, and those passed over.

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
    passed = (query for query in queries if query.class_name not in classes)
    return kept, LeftOut.because("class_not_in_gallery", passed)


def _why(left_out: LeftOut) -> str:
    reasons = Counter(reason for _, reason in left_out.files)
    return ", ".join(f"{n} {reason}" for reason, n in reasons.items()) or "none were given"


def _key(file: ImageFile) -> QueryKey:
    return QueryKey(file.class_name, file.photo_name)


def _some(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")

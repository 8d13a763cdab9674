"""Calibrating: what a model's scores mean on photos and drawings of the user's own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from model_artefact.photos import Embedded
from sketchzoo.model import ModelArtefact
from sketchzoo.model_error import ModelError
from sketchzoo.posterior import Posterior
from sketchzoo.thresholds import SEEN_FROM, SEEN_LEVELS, SEEN_PRECISION, OpenWorld, Scores

FEWEST_CLAIMS = 20
"""Of so many photos a class must be claimed, before how often that is right says anything."""
_FIRST = 12
_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Seen:
    """From which posterior on a class counts as seen, None where from none; or why not."""

    seen_from: float | None
    claimed: float = 0.0
    right: float = 0.0
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What photos and drawings tell of a model.

    `drawings` tells drawings of things that have photos from those of things that have none;
    None where none were given. `photos` does so of photos as queries, for who passes a
    `min_score` with them. `precision` is, by kind of query, the share of right photos among the
    first twelve, or among as many as there are of its class where these are fewer.
    """

    photos: OpenWorld
    seen: Seen
    precision: Mapping[str, float]
    drawings: OpenWorld | None = None

    def applied(self, artefact: ModelArtefact, counts: Mapping[str, int]) -> ModelArtefact:
        """Return the artefact with what was found; without drawings its `min_score` stays."""
        figures: dict[str, Any] = {
            **counts,
            "precision": dict(self.precision),
            "photos_as_queries": {**self.photos.figures(), "min_score": self.photos.min_score},
        }
        if self.drawings is not None:
            figures["open_world"] = self.drawings.figures()
        if not self.seen.why_not:
            figures["seen"] = {"claimed": self.seen.claimed, "right": self.seen.right}
        return replace(
            artefact,
            min_score=artefact.min_score if self.drawings is None else self.drawings.min_score,
            seen_from=artefact.seen_from if self.seen.why_not else self.seen.seen_from,
            notes={**artefact.notes, "calibrated": figures},
        )


def calibrate(artefact: ModelArtefact, photos: Embedded, sketches: Embedded | None) -> Found:
    """Find thresholds on embedded photos, and drawings where there are some.

    A query of a thing that the gallery has is each drawing among all photos; one of a thing that it
    has not is the same drawing with the photos of its class left out, and each drawing of a class
    that has no photos.

    Raises:
        ModelError: there are too few classes or pictures.

    """
    if len(set(photos.classes)) < 2:  # noqa: PLR2004 - what one class could be told from
        raise ModelError("photos of at least two classes are needed, a folder each")
    own = _Asked.of(photos, photos)
    if not len(own.known):
        raise ModelError("a class with at least two photos is needed")
    world, precision = None, {"photos": own.precision}
    if sketches is not None:
        if not sketches.classes:
            raise ModelError("no drawing could be embedded")
        drawn = _Asked.of(sketches, photos)
        if not len(drawn.known):
            raise ModelError(
                "no drawing is of a class that has photos: folders must have the same names"
            )
        world = OpenWorld.of(drawn.known, drawn.unknown)
        precision["drawings"] = drawn.precision
    seen = _seen(artefact, photos)
    return Found(OpenWorld.of(own.known, own.unknown), seen, precision, world)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What queries came to: best scores with photos of their class and without, and precision."""

    known: Scores
    unknown: Scores
    precision: float

    @classmethod
    def of(cls, queries: Embedded, gallery: Embedded) -> Self:
        """Ask the gallery for each query; of its own pictures each is not there for itself."""
        asked, classes = np.array(queries.classes), np.array(gallery.classes)
        known, unknown, precisions = [], [], []
        for begin in range(0, len(asked), _AT_ONCE):
            rows = slice(begin, begin + _AT_ONCE)
            cosines = queries.vectors[rows] @ gallery.vectors.T
            theirs = asked[rows, None] == classes
            if queries is gallery:
                itself = np.arange(len(cosines)), begin + np.arange(len(cosines))
                cosines[itself], theirs[itself] = -1, False
            count = theirs.sum(axis=1)
            known.append(_best(cosines[count > 0]))
            unknown.append(_best(np.where(theirs, np.float32(-1), cosines)))
            first = np.argsort(-cosines, axis=1, kind="stable")[:, :_FIRST]
            hits = np.take_along_axis(theirs, first, axis=1)
            wanted = np.arange(first.shape[1]) < count[:, None]
            precisions += list(
                (hits & wanted).sum(axis=1)[count > 0] / wanted.sum(axis=1)[count > 0]
            )
        mean = round(float(np.mean(precisions)), 4) if precisions else 0.0
        return cls(np.concatenate(known), np.concatenate(unknown), mean)


def _best(cosines: npt.NDArray[np.float32]) -> Scores:
    best: Scores = (1 + cosines.max(axis=1).astype(np.float64)) / 2
    return best


def _seen(artefact: ModelArtefact, photos: Embedded) -> Seen:
    posterior = Posterior.of(artefact)
    if posterior is None:
        return Seen(None, why_not="its embeddings tell no classes")
    known = set(posterior.classes)
    if not known & set(photos.classes):
        return Seen(None, why_not="no folder has the name of a class that it knows")
    values = posterior.read(photos.vectors)
    likeliest = np.array(posterior.classes)[values.argmax(axis=1)]
    best = values.max(axis=1)
    right = likeliest == np.array(photos.classes)
    if (best >= SEEN_FROM).sum() < FEWEST_CLAIMS:
        return Seen(None, why_not=f"it is sure of fewer than {FEWEST_CLAIMS} photos")
    for begin in SEEN_LEVELS:
        sure = best >= begin
        if sure.sum() >= FEWEST_CLAIMS and right[sure].mean() >= SEEN_PRECISION:
            return Seen(begin, round(float(sure.mean()), 4), round(float(right[sure].mean()), 4))
    sure = best >= SEEN_FROM
    return Seen(None, round(float(sure.mean()), 4), round(float(right[sure].mean()), 4))

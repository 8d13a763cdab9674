"""Measure what words find among photos: whether the first hits show what a text means.

    python scripts/measure_words.py PHOTOS [--model zoo-1] [--per-class 8] [--queries FILE]

`PHOTOS` has a folder a class. Each kept query that means one of these classes asks for it among up
to `--per-class` photos of each; those that mean no class of the model ask as well, and should
stay below `text.min_score`. Needs the extras `model` and `words`.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from model_artefact.photos import embed, listed
from model_artefact.wording import FILE, Queries
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo.thresholds import auroc
from sketchzoo.words.naming import Words

FIRST = 8


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description="Measure what words find among photos.")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--model", default="zoo-1")
    parser.add_argument("--per-class", type=int, default=FIRST)
    parser.add_argument("--queries", type=Path, default=FILE)
    arguments = parser.parse_args()
    artefact = ModelArtefact.load(arguments.model)
    words = Words.of(artefact)
    if words is None:
        raise SystemExit(f"{artefact.name}'s embeddings have no part for classes")
    photos = embed(
        artefact, listed(arguments.photos, Modality.PHOTO, arguments.per_class), Modality.PHOTO
    )
    shown = np.array(photos.classes)
    known = Queries.read(arguments.queries).known(tuple(np.unique(shown)))

    # As search shifts a cosine.
    scores = (1 + words.embed(list(known.means)) @ photos.vectors.T) / 2
    best = scores.argsort(axis=1)[:, ::-1][:, :FIRST]
    hits = np.array(
        [np.isin(shown[row], means) for row, means in zip(best, known.means.values(), strict=True)]
    )
    nothing = (1 + words.embed(known.nothing) @ photos.vectors.T).max(axis=1) / 2
    figures = {
        "model": artefact.fingerprint,
        "photos": len(shown),
        "texts": len(known.means),
        "first hit is right": hits[:, 0].mean(),
        f"of the first {FIRST} are right": hits.mean(),
        "reach min_score": (scores.max(axis=1) >= words.min_score).mean(),
        "texts that mean nothing": len(nothing),
        "of these reach min_score": (nothing >= words.min_score).mean(),
        "auroc": auroc(scores.max(axis=1).astype(float), nothing.astype(float)),
    }
    told = {name: round(v, 4) if isinstance(v, float) else v for name, v in figures.items()}
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()

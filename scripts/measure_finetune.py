"""Measure what a model gains and loses by learning classes: P@12, on data that it never saw.

    python scripts/measure_finetune.py DATA [--model zoo-1] [--seed 0] [--cache DIR]

`DATA` has `zoo/` with splits.csv and `extra/` (docs/training.md). Ten of the model's
unseen classes are learned, drawn by the seed, from 20 photos of each and none or five drawings;
then by ten photos' prototypes. Sketches that were not learned from ask for them among all
photos: those of val and test and of all other classes, 25 of each new one among them. The
sketches of test ask among test's photos, as `sketchzoo evaluate` has it, and among all. Intervals
are of 95 %, by bootstrap over queries. Features are kept in `--cache`.
"""

import argparse
import csv
import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model_artefact.class_head import ClassHead, Rows
from model_artefact.features import FeatureSession
from model_artefact.lessons import Lessons
from model_artefact.photos import Picture
from model_artefact.studying import study
from model_artefact.teaching import Teacher
from sketchzoo.images import Modality, decode, prepare
from sketchzoo.model import ModelArtefact
from sketchzoo_training.evaluate.metrics import interval

Floats = npt.NDArray[np.float32]
SAME = {"teddy-bear": "teddy_bear"}
NEW, PHOTOS, DRAWINGS, FEW = 10, 20, 5, 10


class Embeddings:
    """Some pictures' features and embeddings, from which those of a taught model follow."""

    def __init__(
        self, artefact: ModelArtefact, modality: Modality, files: Sequence[Path], cache: Path | None
    ) -> None:
        self.head = ClassHead.of(artefact, modality)
        self.layout = artefact.layout
        told = [artefact.fingerprint, modality.value, *map(str, files)]
        kept = cache and cache / f"{hashlib.sha256('|'.join(told).encode()).hexdigest()[:16]}.npz"
        if kept is not None and kept.is_file():
            with np.load(kept) as stored:
                self.features, self.embeddings = stored["features"], stored["embeddings"]
            return
        session = FeatureSession(artefact, modality)

        def one(file: Path) -> tuple[Floats, Floats]:
            return session.run(prepare(decode(file.read_bytes()), session.preprocessing))

        with ThreadPoolExecutor() as pool:
            pairs = list(pool.map(one, files))
        self.features, self.embeddings = (np.stack(each) for each in zip(*pairs, strict=True))
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            np.savez(kept, features=self.features, embeddings=self.embeddings)

    def taught(self, rows: Rows | None) -> Floats:
        """Return the embeddings with classes more; `sketchzoo finetune` sees that graphs agree."""
        named, *_ = self.layout.parts
        if rows is None:
            return self.embeddings
        others = self.embeddings[:, named.size :]
        others = others * ((1 - named.weight) ** 0.5 / np.linalg.norm(others, axis=1)[:, None])
        whole = np.concatenate(
            [self.head.class_part(self.features, rows) * named.weight**0.5, others], axis=1
        )
        return whole / np.linalg.norm(whole, axis=1, keepdims=True)


def main() -> None:
    """Measure and print a table, and JSON in its last line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="zoo-1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path)
    asked = parser.parse_args()
    artefact = ModelArtefact.load(asked.model)
    dice = np.random.default_rng(asked.seed)
    unseen = artefact.notes["unseen_classes"]
    new = tuple(sorted(map(str, dice.permutation(unseen)[:NEW])))
    photos, sketches = listed(asked.data, new)
    learned, drawn = [], []
    for name in new:
        own = [file for file, what, split in photos if what == name and split == "extra"]
        learned += [Picture(own[at], name) for at in dice.permutation(len(own))[:PHOTOS]]
        own = [file for file, what, split in sketches if what == name and split == "extra"]
        drawn += [Picture(own[at], name) for at in dice.permutation(len(own))[:DRAWINGS]]
    material = study(artefact, Lessons(new, tuple(learned), tuple(drawn)))
    few = np.concatenate([np.flatnonzero(material.labels == at)[:FEW] for at in range(NEW)])
    none = np.zeros(0, np.int64)
    fitted, pointing = Teacher.of(artefact), Teacher.of(artefact, by_prototypes=True)
    ways = {
        "as it was": None,
        "20 photos": fitted.taught(material, drawings=none),
        "20 photos, 5 drawings": fitted.taught(material),
        "10 photos, prototypes": pointing.taught(material, few, none),
    }
    gallery = Embeddings(artefact, Modality.PHOTO, [file for file, *_ in photos], asked.cache)
    queries = Embeddings(artefact, Modality.SKETCH, [file for file, *_ in sketches], asked.cache)
    shown = np.array([what for _, what, _ in photos])
    wanted = np.array([what for _, what, _ in sketches])
    used = {picture.path for picture in drawn}
    of_new = np.array([what in new and file not in used for file, what, _ in sketches])
    of_test = np.array([split == "test" for *_, split in sketches])
    in_test = np.array([split == "test" for *_, split in photos])
    everything = np.ones(len(photos), np.bool_)
    found = {}
    print(f"{artefact.name} {artefact.fingerprint}, new: {', '.join(new)}")
    print(f"{of_new.sum()} sketches of new classes, {of_test.sum()} of test, {len(photos)} photos")
    for way, rows in ways.items():
        there = gallery.taught(rows and rows[Modality.PHOTO])
        here = queries.taught(rows and rows[Modality.SKETCH])
        found[way] = {
            what: measured(here[some] @ there[among].T, wanted[some], shown[among])
            for what, some, among in (
                ("new among all", of_new, everything),
                ("test among test", of_test, in_test),
                ("test among all", of_test, everything),
            )
        }
        told = (f"{what} {p:.3f} ({a:.3f} to {b:.3f})" for what, (p, a, b) in found[way].items())
        print(f"{way}: {'; '.join(told)}")
    print(json.dumps(found))


def listed(
    data: Path, new: Sequence[str]
) -> tuple[list[tuple[Path, str, str]], list[tuple[Path, str, str]]]:
    """List photos and sketches with class and split; of sketches, test's and new classes'."""
    with (data / "zoo" / "splits.csv").open(newline="") as file:
        rows = [(row["path"], row["split"]) for row in csv.DictReader(file)]
    photos, sketches = [], []
    for path, split in rows:
        level, name, _ = path.split("/")
        if level == "photo" and split in {"val", "test"}:
            photos.append((data / "zoo" / path, name, split))
        elif level == "sketch" and split == "test":
            sketches.append((data / "zoo" / path, name, split))
    for folder, into in (("photo", photos), ("sketch", sketches), ("sketch_tuberlin", sketches)):
        for path in sorted((data / "extra" / folder).glob("*/*")):
            name = SAME.get(path.parent.name, path.parent.name)
            if folder == "photo" or name in new:
                into.append((path, name, "extra"))
    return photos, sketches


def measured(
    scores: Floats, wanted: npt.NDArray[np.str_], shown: npt.NDArray[np.str_]
) -> tuple[float, float, float]:
    """Return P@12 and its interval."""
    best = np.argpartition(-scores, 12, axis=1)[:, :12]
    each = (shown[best] == wanted[:, None]).mean(axis=1)
    low, high = interval(each) or (0.0, 0.0)
    return round(float(each.mean()), 4), round(low, 4), round(high, 4)


if __name__ == "__main__":
    main()

"""The shipped model's figures: everything that `metrics.json` and the model card state."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo.thresholds import OpenWorld
from sketchzoo_training.data import ImageFile, class_name_of, list_images
from sketchzoo_training.evaluate.embedding import embed, embed_queries, min_score
from sketchzoo_training.evaluate.evaluation import evaluate
from sketchzoo_training.evaluate.metrics import OF_PAIRS
from sketchzoo_training.evaluate.ranking import best_scores
from sketchzoo_training.evaluate.robustness import measure_robustness
from sketchzoo_training.evaluate.timing import time_model
from sketchzoo_training.recipes.focuses import measure_focuses
from sketchzoo_training.recipes.towers.drawings import UNSEEN, Drawings, same

FIVE = ("bear", "crocodilian", "jellyfish", "parrot", "spider")
KEPT = (
    "p@12",
    "p@1",
    "p@5",
    "map",
    *OF_PAIRS,
    "intervals",
    "queries",
    "photos",
    "classes",
)


def measure(artefact: ModelArtefact, data: Path, drawings: Drawings) -> dict[str, Any]:
    """Measure an artefact on `test`, on held-out doodles, on unseen classes, and disturbed.

    Runs ONNX Runtime on the files as they are shipped. P@12's definition and the keys are
    those of `training.evaluation`.
    """
    photos = list_images(data / "zoo", Modality.PHOTO, split="test")
    sketches = list_images(data / "zoo", Modality.SKETCH, split="test")
    report = evaluate(artefact, photos, sketches).report()
    figures: dict[str, Any] = {key: report[key] for key in KEPT}
    figures["per_source"] = report["per_source"]
    if set(FIVE) <= {photo.class_name for photo in photos}:
        figures["five_classes"] = _brief(
            artefact,
            [photo for photo in photos if photo.class_name in FIVE],
            [sketch for sketch in sketches if sketch.class_name in FIVE],
        )
    doodles = _files(drawings, data, "test", "extra_quickdraw")
    if doodles:
        figures["doodles"] = _brief(artefact, list(photos), doodles)
    unseen = _files(drawings, data, UNSEEN)
    held = frozenset(artefact.notes["unseen_classes"])
    others: list[ImageFile] = []
    paired: list[ImageFile] = []
    if unseen:
        others = [
            _renamed(photo, same(photo.class_name))
            for photo in list_images(data / "extra" / "photo", Modality.PHOTO)
        ]
        paired = [sketch for sketch in unseen if "extra/sketch/" in sketch.path.as_posix()]
        figures["unseen_classes"] = {
            **_brief(artefact, [*photos, *others], paired),
            "among_their_own_photos": _brief(
                artefact, [photo for photo in others if photo.class_name in held], paired
            ),
        }
        figures["open_world"] = _open_world(artefact, list(photos), list(sketches), unseen)
    if artefact.layout.focuses:
        figures["by_focus"] = measure_focuses(artefact, data, others, paired)
    figures["robustness"] = measure_robustness(artefact, photos, sketches).report()
    figures["milliseconds_one_thread"] = {
        str(modality): time_model(artefact, modality)._asdict() for modality in Modality
    }
    figures["per_class"] = report["per_class"]
    return figures


def _brief(
    artefact: ModelArtefact, photos: list[ImageFile], sketches: list[ImageFile]
) -> dict[str, Any]:
    report = evaluate(artefact, photos, sketches).report()
    return {
        "p@12": report["p@12"],
        "map": report["map"],
        "interval": report["intervals"]["p@12"],
        "queries": report["queries"],
        "photos": report["photos"],
        "classes": report["classes"],
    }


def _open_world(
    artefact: ModelArtefact,
    photos: list[ImageFile],
    sketches: list[ImageFile],
    strange: list[ImageFile],
) -> dict[str, Any]:
    """Tell sketches of the gallery's animals from sketches of unseen things, by best score."""
    gallery = embed(artefact, photos, Modality.PHOTO).vectors
    known, unknown = (
        best_scores(embed_queries(artefact, files).vectors, gallery)
        for files in (sketches, strange)
    )
    return {
        **asdict(OpenWorld.at(min_score(artefact), known, unknown)),
        "known_sketches": len(known),
        "unknown_sketches": len(unknown),
    }


def _files(drawings: Drawings, data: Path, split: str, *sources: str) -> list[ImageFile]:
    """Return a split's drawings as files; doodles of other things than the zoo's are left out."""
    chosen = drawings.where(split, *sources)
    files = [data / drawings.files[index] for index in chosen]
    return [
        ImageFile(path, same(class_name_of(path.parent.name)), Modality.SKETCH, split)
        for path in files
    ]


def _renamed(file: ImageFile, name: str) -> ImageFile:
    return replace(file, class_name=name)

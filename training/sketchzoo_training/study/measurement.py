"""Measuring a model on a study's classes, by the very code of `sketchzoo evaluate`."""

from collections.abc import Collection
from pathlib import Path

import onnx
import torch
from onnx.external_data_helper import ExternalDataInfo, uses_external_data

from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo_training.data import ImageFile, TrainingSet, filled_up
from sketchzoo_training.evaluate.evaluation import Evaluation, evaluate
from sketchzoo_training.evaluate.ranking import Vectors
from sketchzoo_training.evaluate.timing import time_model
from sketchzoo_training.recipes.siamese.config import TrainingConfig
from sketchzoo_training.recipes.siamese.inference import retrieve
from sketchzoo_training.recipes.siamese.trainer import load_best, store_of
from sketchzoo_training.study.results import Figure, Measured


def measure(
    artefact: ModelArtefact,
    data: TrainingSet,
    classes: Collection[str],
    milliseconds: float | None = None,
) -> tuple[Measured, Evaluation]:
    """Measure a model on `val` and `test`; returns the figures and what `test` found.

    The gallery of `val` is filled up to twelve photos a class, as training's own validation
    does it. `milliseconds` are taken where they are known.

    Raises:
        DataError: the data hold nothing to measure.
        sketchzoo.model.ModelError: an ONNX file of the model is missing or broken.

    """

    def of(modality: Modality, split: str) -> tuple[ImageFile, ...]:
        return tuple(file for file in data.of(modality, split) if file.class_name in classes)

    photos = filled_up(of(Modality.PHOTO, "val"), of(Modality.PHOTO, "train"))
    validation = evaluate(artefact, photos, of(Modality.SKETCH, "val"))
    test = evaluate(artefact, of(Modality.PHOTO, "test"), of(Modality.SKETCH, "test"))
    report = test.report()
    if milliseconds is None:
        milliseconds = time_model(artefact, Modality.SKETCH).least
    measured = Measured(
        p_at_12=p_at_12(test),
        possible=round(report["p@12_best"], 4),
        euclidean=None,
        m_ap=round(report["map"], 4),
        per_source={name: round(of["p@12"], 4) for name, of in report["per_source"].items()},
        validation=p_at_12(validation),
        queries=report["queries"],
        photos=report["photos"],
        milliseconds=milliseconds,
        megabytes=round(_bytes(artefact.onnx(Modality.SKETCH)) / 1e6, 2),
    )
    return measured, test


def as_trained(
    config: TrainingConfig, run_dir: Path, test: Evaluation
) -> tuple[Evaluation, Vectors, Vectors]:
    """Ask the same of a run's own network, by the distance that its loss compared with.

    Returns what it found and both sides' embeddings, photos first, as they left the network.
    """
    photos, sketches = (
        store_of(files, modality, config)[0]
        for files, modality in ((test.gallery, Modality.PHOTO), (test.queries, Modality.SKETCH))
    )
    best = load_best(run_dir, config)
    return retrieve(best, photos, sketches, config.distance, torch.device("cpu"))


def p_at_12(evaluation: Evaluation) -> Figure:
    """Return P@12 with its interval."""
    report = evaluation.report()
    value = report["p@12"]
    low, high = report["intervals"]["p@12"]
    return Figure(round(value, 4), round(low, 4), round(high, 4))


def _bytes(path: Path) -> int:
    """Return the size of an ONNX file with the files that it keeps its weights in."""
    model = onnx.load(path, load_external_data=False)
    tensors = filter(uses_external_data, model.graph.initializer)
    others = {str(ExternalDataInfo(tensor).location) for tensor in tensors}
    return sum((path.parent / name).stat().st_size for name in (path.name, *others))

"""Assembly: both sides calibrated on val, joined to heads, and exported as one model."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sketchzoo.heads import PosteriorHead
from sketchzoo.images import Modality, Preprocessing
from sketchzoo.model import ModelArtefact
from sketchzoo.thresholds import SEEN_FROM, OpenWorld
from sketchzoo.tower_config import TowerConfig
from sketchzoo.towers import TowerNetwork
from sketchzoo_training.engine.recipe import RunDescription
from sketchzoo_training.models.export import export_artefact
from sketchzoo_training.models.sketch_net import BACKBONE, SketchNet
from sketchzoo_training.recipes.towers import calibration, photo_features
from sketchzoo_training.recipes.towers.batches import relative_shares
from sketchzoo_training.recipes.towers.calibration import Calibration, Seen, seen_from
from sketchzoo_training.recipes.towers.config import DrawingConfig
from sketchzoo_training.recipes.towers.drawings import UNSEEN
from sketchzoo_training.recipes.towers.photo_features import Linear, PhotoFeatures
from sketchzoo_training.recipes.towers.recipe import TowersRecipe

NAME = "zoo-1"
_CPU = torch.device("cpu")


def assemble(
    recipe: TowersRecipe, network: SketchNet, record: RunDescription, folder: Path, minutes: float
) -> ModelArtefact:
    """Calibrate on val, join backbones and heads, and export them to `folder`."""
    config, material = recipe.config, recipe.material
    photos, shared = material.photos, material.photos.seen
    number = np.asarray(material.order())
    probe = photo_features.fit_probe(photos, np.flatnonzero(photos.split == "train"), config)
    general = photo_features.general_part(photos, config)
    classifier, pointer = _linear(network.classifier), _linear(network.general)
    shares = relative_shares(material.drawings, config)[np.argsort(number)]
    asked = material.where("val", zoo=True)
    found = recipe.features(network, asked, _CPU)
    gallery = photos.gallery
    unmet = photo_features.out_of_fold(photos, config)[gallery]
    seen = torch.from_numpy(photos.features[gallery, 0])
    chosen = calibration.calibrate(
        (classifier(found), pointer(found)),
        (unmet, general(seen)),
        shared,
        number[material.labels(asked)],
        photos.labels[gallery],
        shares=shares,
    )
    sketch_head = calibration.head(
        chosen.lifted(classifier, shares), pointer, shared, chosen.sketch_temperature, chosen.weight
    )
    photo_head = calibration.head(probe, general, shared, chosen.photo_temperature, chosen.weight)
    # Things that no training saw stand for all that is no class of the gallery.
    odd = recipe.features(network, material.where(UNSEEN), _CPU)
    with torch.inference_mode():
        there = photo_head(seen)
        known, unknown = (_best(sketch_head(some), there) for some in (found, odd))
    min_score, open_world = _threshold(known, unknown)
    photo = TowerConfig("photo", photo_features.preprocessing(config), _described(photo_head))
    sketch = TowerConfig("sketch", preprocessing(config.drawing), _described(sketch_head))
    begin = seen_from(unmet, photos.labels[gallery], shared, chosen.photo_temperature)
    return export_artefact(
        folder,
        NAME,
        {
            Modality.PHOTO: (photo, TowerNetwork(photo_features.backbone(), photo_head)),
            Modality.SKETCH: (sketch, TowerNetwork(network.backbone, sketch_head)),
        },
        run=record.made(config.schedule.steps),
        layout=photo_head.layout(),
        classes=photos.names[: photos.zoo],
        min_score=min_score,
        seen_from=begin,
        notes={
            "shared_classes": list(photos.shared),
            "unseen_classes": list(photos.names[shared:]),
            "calibration": chosen.notes(),
            "open_world": open_world,
            "seen": _seen(photos, probe, chosen.photo_temperature, begin or SEEN_FROM),
            "settings": dict(record.settings),
            "minutes": round(minutes, 1),
        },
    )


def preprocessing(drawing: DrawingConfig) -> Preprocessing:
    """Return how sketches are prepared in service."""
    return Preprocessing(drawing.size, "ink", (0.5,), (0.5,), drawing.shown, drawing.pen)


def _linear(layer: torch.nn.Linear) -> Linear:
    return Linear(layer.weight.detach().cpu(), layer.bias.detach().cpu())


def _seen(photos: PhotoFeatures, probe: Linear, temperature: float, begin: float) -> dict[str, Any]:
    """Return what counts as seen on photos that training did not see, by their split."""
    figures = {}
    for split, zoo in (("val", True), ("test", True), (UNSEEN, False)):
        chosen = np.flatnonzero((photos.split == split) & (zoo == (photos.labels < photos.zoo)))
        if len(chosen):
            logits = probe(torch.from_numpy(photos.features[chosen, 0])).detach()
            found = Seen.on(logits, photos.labels[chosen], photos.seen, temperature, begin)
            figures[split] = asdict(found)
    return figures


def _best(queries: Tensor, gallery: Tensor) -> np.ndarray:
    """Return each query's best score, 0 to 1: `(queries,)`."""
    if not len(queries):
        return np.zeros(0)
    best: np.ndarray = ((1 + queries @ gallery.T) / 2).amax(1).double().numpy()
    return best


def _threshold(known: np.ndarray, unknown: np.ndarray) -> tuple[float, dict[str, Any]]:
    """Return the least score that tells known from unknown best, and how well it does."""
    if not len(unknown):
        return 0.0, {}
    found = OpenWorld.of(known, unknown)
    return found.min_score, found.figures()


def _described(head: PosteriorHead) -> dict[str, Any]:
    """Describe a tower for `sketchzoo.towers`."""
    return {
        "backbone": BACKBONE,
        "head": {
            "kind": "posterior",
            "classes": head.classifier.out_features,
            "shared": head.shared,
            "general": head.general.out_features,
            "temperature": head.temperature,
            "weight": head.weight,
        },
    }


__all__ = ["NAME", "Calibration", "assemble", "preprocessing"]

"""The joint objective: what a batch's parts should have been, as one loss.

Every loss sees the whole batch. InfoNCE is van den Oord et al. (2018)'s, with several positives
Khosla et al.'s (2020); teaching is Hinton et al.'s (2015) distillation.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from sketchzoo_training.recipes.joint.batches import JointBatch
from sketchzoo_training.recipes.joint.config import ObjectiveConfig
from sketchzoo_training.recipes.joint.network import Parts
from sketchzoo_training.recipes.towers.teachers import distance

_SHARPEST = 60.0


class Objective(nn.Module):
    """The losses' own weights: a proxy for each class, and how sharply cosines are told apart."""

    def __init__(self, classes: int, shared: int, general: int, config: ObjectiveConfig) -> None:
        super().__init__()
        self.proxies = nn.Parameter(functional.normalize(torch.randn(classes, general), dim=1))
        self.sharpness = nn.Parameter(torch.tensor([16.0, 14.0, 14.0]).log())
        self._shared = shared
        self._config = config

    def forward(self, photo: Parts, sketch: Parts, batch: JointBatch) -> Tensor:
        """Return the whole batch's loss."""
        config = self._config
        named, bridged, shaped = self.sharpness.exp().clamp(1, _SHARPEST)
        count = len(batch.photo_labels)
        # Photos of anything are classes of their own.
        alone = 1_000_000 + batch.picture
        photo_class = torch.where(batch.photo_labels < 0, alone, batch.photo_labels)
        sketch_class = batch.sketch_labels.clone()
        sketch_class[:count] = torch.where(sketch_class[:count] < 0, alone, sketch_class[:count])
        loss = config.taught * self._classes(photo, sketch, batch)
        loss = loss + config.proxies * self._named(photo, sketch, batch, named)
        bridge = _several(sketch.general, photo.general, sketch_class, photo_class, bridged)
        bridge = bridge + _several(
            photo.general, sketch.general, photo_class, sketch_class, bridged
        )
        loss = loss + config.bridge * bridge
        own = torch.eye(count, dtype=torch.bool, device=loss.device)
        other_class = photo_class[:, None] != photo_class[None]
        other_picture = batch.picture[:, None] != batch.picture[None]
        pairs = sketch.general[:count], photo.general
        loss = loss + config.instance * _paired(*pairs, other_class | own, bridged)
        pairs = sketch.shape[:count], photo.shape
        return loss + config.shape * _paired(*pairs, other_picture | own, shaped)

    def _classes(self, photo: Parts, sketch: Parts, batch: JointBatch) -> Tensor:
        config = self._config
        teaching = config.teaching
        labelled = batch.photo_labels >= 0
        loss = teaching * distance(photo.logits, batch.photo_taught, config.temperature)
        loss = loss + (1 - teaching) * _masked(photo.logits, batch.photo_labels, labelled, config)
        drawn = batch.drawn & (batch.sketch_labels >= 0)
        of_drawn = batch.is_taught.nonzero()[:, 0]
        taught = distance(
            sketch.logits[of_drawn], batch.sketch_taught[of_drawn], config.temperature
        )
        loss = loss + teaching * taught
        return loss + (1 - teaching) * _masked(sketch.logits, batch.sketch_labels, drawn, config)

    def _named(self, photo: Parts, sketch: Parts, batch: JointBatch, sharpness: Tensor) -> Tensor:
        proxies = functional.normalize(self.proxies, dim=1)
        weight = torch.where(batch.drawn, 1.0, self._config.contour_proxies)
        loss: Tensor = torch.zeros((), device=sharpness.device)
        for part, labels, counts in (
            (photo.general, batch.photo_labels, torch.ones_like(batch.photo_labels)),
            (sketch.general, batch.sketch_labels, weight),
        ):
            there = (labels >= 0).float()
            each = functional.cross_entropy(
                part @ proxies.T * sharpness, labels.clamp(min=0), reduction="none"
            )
            loss = loss + (each * there * counts).sum() / there.sum().clamp(min=1)
        return loss


def _masked(logits: Tensor, labels: Tensor, there: Tensor, config: ObjectiveConfig) -> Tensor:
    # Classes beyond a tower's own are those that its photos never show.
    there = there & (labels < logits.shape[1])
    each = functional.cross_entropy(
        logits,
        labels.where(there, 0),
        reduction="none",
        label_smoothing=config.label_smoothing,
    )
    return (each * there).sum() / there.sum().clamp(min=1)


def _paired(left: Tensor, right: Tensor, told_apart: Tensor, sharpness: Tensor) -> Tensor:
    """Return InfoNCE of rows that belong together, both ways."""
    cosines = (left @ right.T * sharpness).masked_fill(~told_apart, -math.inf)
    number = torch.arange(len(left), device=left.device)
    across = functional.cross_entropy(cosines, number)
    return (across + functional.cross_entropy(cosines.T, number)) / 2


def _several(
    left: Tensor, right: Tensor, of_left: Tensor, of_right: Tensor, sharpness: Tensor
) -> Tensor:
    """Return InfoNCE whose positives are all rows of the same class."""
    positive = (of_left[:, None] == of_right[None]).float()
    count = positive.sum(1)
    told = torch.log_softmax(left @ right.T * sharpness, 1)
    each = -(told * positive).sum(1) / count.clamp(min=1)
    has = (count > 0).float()
    return (each * has).sum() / has.sum().clamp(min=1)

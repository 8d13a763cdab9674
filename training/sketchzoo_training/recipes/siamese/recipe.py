"""The Siamese recipe: one network with shared weights, drawn to bring a class's images near."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer

from sketchzoo.images import Modality
from sketchzoo_training.data import TrainingSet
from sketchzoo_training.engine.processes import Share
from sketchzoo_training.engine.recipe import Validation
from sketchzoo_training.evaluate.failures import hits_sheet
from sketchzoo_training.models.siamese import SiameseNetwork, build_siamese
from sketchzoo_training.recipes.siamese.batches import (
    ImageBatch,
    ImageStore,
    StepBatches,
    load_steps,
)
from sketchzoo_training.recipes.siamese.config import AugmentationConfig, TrainingConfig
from sketchzoo_training.recipes.siamese.inference import retrieve
from sketchzoo_training.recipes.siamese.losses import make_loss
from sketchzoo_training.recipes.siamese.sampling import Labels, make_sampler

Stores = dict[tuple[Modality, str], ImageStore]
_LOSS_BATCHES = 4
"""Batches of the validation split that its loss is the mean of."""


@dataclass(frozen=True, slots=True)
class SiameseRecipe:
    """A configuration and its data; see `engine.recipe.Recipe`."""

    config: TrainingConfig
    data: TrainingSet
    stores: Stores = field(repr=False)
    averaging: None = None
    figures: tuple[str, ...] = ("p@12", "loss")

    @property
    def seed(self) -> int:
        """The configuration's."""
        return self.config.seed

    @property
    def steps(self) -> int:
        """The budget's."""
        return self.config.budget.steps

    def network(self) -> SiameseNetwork:
        """Build the network."""
        return build_siamese(self.config.network)

    def criterion(self) -> nn.Module:
        """Build the loss, which has weights where it has proxies."""
        dimension = self.config.network.dimension
        return make_loss(self.config.loss, classes=len(self.data.classes), dimension=dimension)

    def optimiser(self, network: nn.Module, criterion: nn.Module) -> Optimizer:
        """Build Adam or AdamW, with a rate of its own for head and proxies."""
        config = self.config.optimiser
        tower: Any = network.tower
        groups: list[dict[str, Any]] = [
            {"params": [p for p in tower.backbone.parameters() if p.requires_grad]},
            {
                "params": [*tower.head.parameters(), *criterion.parameters()],
                "lr": config.head_learning_rate or config.learning_rate,
            },
        ]
        kind = AdamW if config.name == "adamw" else Adam
        return kind(groups, lr=config.learning_rate, weight_decay=config.weight_decay)

    def rate(self, step: int) -> float:
        """Return the schedule's share: warm-up, then constant or a cosine's half."""
        config = self.config.optimiser
        warm = min(1.0, (step + 1) / (config.warmup_steps + 1))
        if config.schedule == "constant":
            return warm
        return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.steps)))

    def batches(self, steps: range, share: Share, device: torch.device) -> Iterator[ImageBatch]:
        """Yield batches of decoded, varied images."""
        batches = self._batches("train", self.config.augmentation, share)
        for batch in load_steps(batches, steps, self.config.data.workers):
            yield batch.to(device)

    def outputs(self, network: nn.Module, batch: ImageBatch) -> tuple[Tensor, ...]:
        """Return the embeddings of a process's sketches and photos."""
        of_sketches, of_photos = network(batch.sketches, batch.photos)
        return of_sketches, of_photos

    def loss(self, criterion: nn.Module, outputs: tuple[Tensor, ...], batch: ImageBatch) -> Tensor:
        """Compare all sketches and photos of the whole batch."""
        loss: Tensor = criterion(*outputs, batch.sketch_labels, batch.photo_labels)
        return loss

    @torch.inference_mode()
    def validate(
        self, network: nn.Module, criterion: nn.Module, device: torch.device
    ) -> Validation:
        """Measure P@12 of `val` and its loss.

        The `val` sketches ask for `val` photos, filled up with training photos to twelve a
        class: a class of two photos could never score more than 2/12.
        """
        assert isinstance(network, SiameseNetwork)  # noqa: S101 - what `network` built
        photos, sketches = (
            self.stores[modality, "val"] for modality in (Modality.PHOTO, Modality.SKETCH)
        )
        found, _, _ = retrieve(network, photos, sketches, self.config.distance, device)
        p_at_12 = found.per_query.mean("p@12") or 0.0
        losses = []
        for batch in load_steps(self._batches("val", None, Share()), range(_LOSS_BATCHES), 0):
            there = batch.to(device)
            losses.append(self.loss(criterion, self.outputs(network, there), there))
        return Validation(
            {"p@12": p_at_12, "loss": float(torch.stack(losses).mean())},
            score=p_at_12,
            sheet=hits_sheet(found),
        )

    def _batches(
        self, split: str, augmentation: AugmentationConfig | None, share: Share
    ) -> StepBatches:
        sketches = self.stores[Modality.SKETCH, split]
        photos = self.stores[Modality.PHOTO, split]
        labels = {name: label for label, name in enumerate(self.data.classes)}
        numbers = Labels(
            *(np.array([labels[file.class_name] for file in s.files]) for s in (sketches, photos))
        )
        config = self.config
        return StepBatches(
            sampler=make_sampler(config.sampling, config.loss.name, numbers, config.seed),
            sketches=sketches,
            photos=photos,
            labels=labels,
            augmentation=augmentation,
            seed=config.seed,
            share=share,
        )

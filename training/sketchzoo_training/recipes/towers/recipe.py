"""The sketch side's recipe: objective, data and schedule of a network that names drawings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from sketchzoo_training.engine.checkpoint import load_weights
from sketchzoo_training.engine.processes import Share
from sketchzoo_training.engine.recipe import Validation
from sketchzoo_training.models.frozen import FrozenLayers
from sketchzoo_training.models.sketch_net import SketchNet
from sketchzoo_training.recipes.towers import photo_features
from sketchzoo_training.recipes.towers.augment import draw, unpack
from sketchzoo_training.recipes.towers.batches import DrawingBatch, batches
from sketchzoo_training.recipes.towers.config import TowersConfig
from sketchzoo_training.recipes.towers.material import Material
from sketchzoo_training.recipes.towers.teachers import Teacher, distance, opinion

SHARPNESS = 10.0
"""Cosines to the photo prototypes are multiplied by this before the cross-entropy."""
SOURCES = {
    "tuberlin": ("tuberlin",),
    "sketchy": ("sketchy",),
    "doodles": ("quickdraw", "extra_quickdraw"),
}


@dataclass(slots=True)
class TowersRecipe:
    """A configuration and its material; see `engine.recipe.Recipe`.

    `taught_by` are the weights of trained teachers with the size of image that each saw,
    `begins_with` the weights that the network starts from, if not ImageNet's.
    """

    config: TowersConfig
    material: Material = field(repr=False)
    taught_by: Sequence[tuple[Path, int]] = ()
    begins_with: Path | None = None
    figures: tuple[str, ...] = ("loss", *(f"named_{source}" for source in SOURCES))
    _frozen: FrozenLayers | None = None
    _teachers: Sequence[Teacher] = ()
    _targets: Tensor | None = None

    @property
    def seed(self) -> int:
        """The configuration's."""
        return self.config.seed

    @property
    def steps(self) -> int:
        """The schedule's."""
        return self.config.schedule.steps

    @property
    def averaging(self) -> float:
        """The schedule's."""
        return self.config.schedule.averaging

    def network(self) -> SketchNet:
        """Build the sketch network, and its teachers, which share its still layers."""
        net = self.build()
        if self.begins_with is not None:
            net.load_state_dict(load_weights(self.begins_with))
        self._frozen = FrozenLayers(net.still())
        self._teachers = [self._teacher(path, size) for path, size in self.taught_by]
        photos = self.material.photos
        general = photo_features.general_part(photos, self.config)
        self._targets = photo_features.prototypes(photos, general)
        return net.to(memory_format=torch.channels_last)

    def build(self) -> SketchNet:
        """Build the network with ImageNet's weights."""
        network = self.config.network
        return SketchNet(
            len(self.material.drawings.names),
            network.general,
            frozen=network.frozen_blocks,
            dropout=network.dropout,
            drop_path=network.drop_path,
        )

    def _teacher(self, path: Path, size: int) -> Teacher:
        net = self.build()
        net.load_state_dict(load_weights(path))
        assert self._frozen is not None  # noqa: S101 - built before
        return Teacher(net.after(), self._frozen, size)

    def criterion(self) -> nn.Module:
        """Return nothing that has weights."""
        return nn.Identity()

    def optimiser(self, network: nn.Module, criterion: nn.Module) -> torch.optim.Optimizer:
        """Build AdamW; neither batch-norms nor biases decay."""
        del criterion
        schedule = self.config.schedule
        net: Any = network
        body = [p for p in net.backbone.parameters() if p.requires_grad]
        heads = [*net.classifier.parameters(), *net.general.parameters()]
        groups: list[dict[str, Any]] = [
            {"params": [p for p in body if p.ndim > 1]},
            {"params": [p for p in body if p.ndim == 1], "weight_decay": 0.0},
            {"params": heads, "lr": schedule.head_rate},
        ]
        return torch.optim.AdamW(
            groups,
            lr=schedule.rate,
            weight_decay=schedule.weight_decay,
            foreach=True,
        )

    def rate(self, step: int) -> float:
        """Return the schedule's share."""
        return self.config.schedule.share(step)

    def batches(self, steps: range, share: Share, device: torch.device) -> Iterator[DrawingBatch]:
        """Yield batches of drawings."""
        drawings, order = self.material.drawings, self.material.order()
        return batches(drawings, order, self.config, steps=steps, share=share, device=device)

    def outputs(self, network: nn.Module, batch: DrawingBatch) -> tuple[Tensor, ...]:
        """Return logits, general values, and what teachers say of what was not spoilt."""
        assert self._frozen is not None  # noqa: S101 - built with the network
        maps = self._frozen(batch.images)
        logits, general = network(maps)
        if not self._teachers:
            return logits, general
        images = batch.images
        if batch.spoilt.any():
            images, maps = images.clone(), maps.clone()
            images[batch.spoilt] = batch.unspoilt
            maps[batch.spoilt] = self._frozen(batch.unspoilt).to(maps.dtype)
        return logits, general, opinion(self._teachers, images, maps)

    def loss(
        self, criterion: nn.Module, outputs: tuple[Tensor, ...], batch: DrawingBatch
    ) -> Tensor:
        """Return the cross-entropy with labels and teachers, and the pull to photos.

        The photo prototypes lead the numbering of the classes that have photos: labels
        below their count are pulled to them.
        """
        del criterion
        assert self._targets is not None  # noqa: S101 - built with the network
        objective = self.config.objective
        logits, general, *opinions = outputs
        labels, targets = batch.labels, self._targets.to(logits.device)
        loss = functional.cross_entropy(logits, labels, label_smoothing=objective.label_smoothing)
        if opinions:
            taught = distance(logits, opinions[0], objective.teaching_temperature)
            loss = (1 - objective.teaching) * loss + objective.teaching * taught
        pulled = labels < len(targets)
        near = functional.normalize(general, dim=1) @ targets.T
        pull = functional.cross_entropy(SHARPNESS * near, labels.where(pulled, 0), reduction="none")
        # By a mask, so that no device is asked how many there are.
        return loss + objective.general_weight * (pull * pulled).sum() / pulled.sum().clamp(min=1)

    @torch.inference_mode()
    def validate(
        self, network: nn.Module, criterion: nn.Module, device: torch.device
    ) -> Validation:
        """Measure how many of val's zoo drawings are named right, by source, and the log loss."""
        del criterion
        material = self.material
        assert isinstance(network, SketchNet)  # noqa: S101 - what `network` built
        places = material.where("val", zoo=True)
        if not len(places):
            return Validation({})
        number = np.asarray(material.order())
        found = self.features(network, places, device)
        logits = network.classifier(found.to(device)).float().cpu()[:, : material.drawings.zoo]
        labels = torch.from_numpy(number[material.labels(places)])
        right = (logits.argmax(1) == labels).numpy()
        source = material.drawings.source[material.asked[places]]
        figures = {"loss": float(functional.cross_entropy(logits, labels))}
        for name, sources in SOURCES.items():
            own = np.isin(source, sources)
            if own.any():
                figures[f"named_{name}"] = round(float(right[own].mean()), 4)
        return Validation(figures)

    @torch.inference_mode()
    def features(
        self, network: SketchNet, places: npt.NDArray[np.intp], device: torch.device
    ) -> Tensor:
        """Return the features of asked drawings as service sees them: `(n, 1280)`, on the CPU."""
        drawing = self.config.drawing
        parts = [torch.zeros(0, network.classifier.in_features)]
        for start in range(0, len(places), 64):
            some = self.material.asked_lines[places[start : start + 64]]
            lines = unpack(torch.from_numpy(some).to(device))
            images = draw(lines, drawing.size, drawing.pen)
            parts.append(network.features(images).float().cpu())
        return torch.cat(parts)

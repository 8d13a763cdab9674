"""The joint network: a photo tower and a sketch tower, each with three heads."""

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from sketchzoo.heads import PartsHead, PosteriorHead, pooled
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo.towers import TowerNetwork, load_tower
from sketchzoo_training.errors import ConfigError
from sketchzoo_training.models.dropping import BatchDropout, BatchDropPath, throw_for_all
from sketchzoo_training.models.sketch_net import BACKBONE
from sketchzoo_training.recipes.joint.config import NetworkConfig


class Parts(NamedTuple):
    """What a tower says of images: logits `(n, classes)`, two unit vectors a row."""

    logits: Tensor
    general: Tensor
    shape: Tensor


class Tower(nn.Module):
    """EfficientNet-Lite0 with a class, a general and a shape part."""

    def __init__(
        self, backbone: nn.Module, head: PosteriorHead | PartsHead, config: NetworkConfig
    ) -> None:
        """Go on from a trained tower's backbone and what its head has of the three parts."""
        super().__init__()
        self.backbone = throw_for_all(backbone)
        self.head = PartsHead(
            head.classifier.in_features,
            head.classifier.out_features,
            head.shared,
            config.general,
            config.shape,
            cell=config.cell,
            grid=config.grid,
            # How the parts count is decided when all is trained (`assembly`).
            temperature=1.0,
            weights=(1.0, 1.0, 1.0),
        )
        self.head.classifier = head.classifier
        if head.general.out_features == config.general:
            self.head.general = head.general
        if isinstance(head, PartsHead) and _alike(head, self.head):
            self.head.cell, self.head.shape = head.cell, head.shape
        self.dropout = BatchDropout(config.dropout)
        self._frozen = config.frozen_blocks
        self._half = config.frozen_precision == "bfloat16"
        self.still().requires_grad_(requires_grad=False)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """How many values each of the parts has."""
        head = self.head
        return head.classifier.out_features, head.general.out_features, head.shape.out_features

    def still(self) -> nn.Sequential:
        """Return the layers that stay as they are."""
        net: Any = self.backbone
        return nn.Sequential(net.conv_stem, net.bn1, *net.blocks[: self._frozen])

    def train(self, mode: bool = True) -> "Tower":  # noqa: FBT001, FBT002 - torch's signature
        """Switch to training, all but the still layers."""
        super().train(mode)
        self.still().eval()
        return self

    def forward(self, images: Tensor) -> Parts:
        """Map images `(n, channels, size, size)` to the three parts."""
        maps = self.maps(images)
        head = self.head
        features = self.dropout(maps.mean((2, 3)))
        cells = functional.gelu(head.cell(self.dropout(pooled(maps, head.grid))))
        return Parts(
            head.classifier(features),
            functional.normalize(head.general(features), dim=1),
            functional.normalize(head.shape(self.dropout(cells.flatten(1))), dim=1),
        )

    def maps(self, images: Tensor) -> Tensor:
        """Map images to the last feature maps `(n, features, h, w)`."""
        net: Any = self.backbone
        half = self._half and self.training and computes_bfloat16(images.device)
        with torch.no_grad(), torch.autocast(images.device.type, torch.bfloat16, enabled=half):
            maps = self.still()(images).float()
        last: Tensor = net.bn2(net.conv_head(net.blocks[self._frozen :](maps)))
        return last


def computes_bfloat16(device: torch.device) -> bool:
    """Tell whether a device has instructions for it: a CPU without takes several times as long."""
    if device.type != "cpu":
        return True
    has = torch.cpu.get_capabilities()
    return any(there is True for name, there in has.items() if "bf16" in name)


class JointNetwork(nn.Module):
    """Both towers."""

    def __init__(self, photo: Tower, sketch: Tower) -> None:
        super().__init__()
        self.photo = photo
        self.sketch = sketch

    def forward(self, photos: Tensor, sketches: Tensor) -> tuple[Tensor, ...]:
        """Return the photos' three parts, then the sketches'."""
        return (*self.photo(photos), *self.sketch(sketches))


def network_of(artefact: ModelArtefact, config: NetworkConfig) -> JointNetwork:
    """Build the network that goes on from a model's towers.

    Raises:
        ConfigError: the model's towers have no class part to go on from.

    """
    towers = {}
    for modality in Modality:
        tower = class_tower(artefact, modality)
        net: Any = tower.backbone
        for block in net.blocks[config.frozen_blocks :]:
            _add_drop_path(block, config.drop_path)
        towers[modality] = Tower(net, cast("PosteriorHead | PartsHead", tower.head), config)
    return JointNetwork(towers[Modality.PHOTO], towers[Modality.SKETCH])


def class_tower(artefact: ModelArtefact, modality: Modality) -> TowerNetwork:
    """Load a modality's tower, whose head has a class part.

    Raises:
        ConfigError: it has none, or its backbone is another than the recipe's.
        ModelError: it cannot be loaded.

    """
    tower = load_tower(artefact, modality)
    if not isinstance(tower.head, PosteriorHead | PartsHead):
        raise ConfigError(f"starts_from: {artefact.name} has no class part to go on from")
    if (name := artefact.towers[modality].network["backbone"]) != BACKBONE:
        raise ConfigError(f"starts_from: {artefact.name} must be of {BACKBONE}, not of {name}")
    return tower


def _alike(one: PartsHead, other: PartsHead) -> bool:
    """Tell whether the shape parts are of one size and of one grid."""
    return (
        one.grid == other.grid
        and one.cell.out_features == other.cell.out_features
        and one.shape.out_features == other.shape.out_features
    )


def _add_drop_path(blocks: nn.Module, probability: float) -> None:
    for block in blocks.modules():
        if hasattr(block, "drop_path"):
            block.drop_path = BatchDropPath(probability)

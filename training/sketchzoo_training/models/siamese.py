"""The Siamese network: one backbone and one head, shared by sketches and photos."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from sketchzoo.images import Modality, Preprocessing
from sketchzoo.towers import TowerNetwork, build_tower
from sketchzoo_training.errors import ConfigError
from sketchzoo_training.models.network_config import LITE, NetworkConfig
from sketchzoo_training.models.weights import fill_from_file, fill_from_imagenet

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_HALF = (0.5, 0.5, 0.5)


class SiameseNetwork(nn.Module):
    """A tower applied to both modalities with the same weights.

    The first `frozen` stages of the backbone stay as they are: no gradients, and
    batch-norm statistics as they came.
    """

    def __init__(self, tower: TowerNetwork, frozen: int = 0) -> None:
        super().__init__()
        self.tower = tower
        self._frozen = frozen
        for stage in self._still():
            stage.requires_grad_(requires_grad=False)

    def forward(self, sketches: Tensor, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Map both modalities' images `(n, 3, s, s)` to their embeddings `(n, e)`.

        One pass over both: batch-norm sees them together, and several GPUs synchronise
        gradients once.
        """
        embeddings = self.tower(torch.cat([sketches, photos]))
        return embeddings[: len(sketches)], embeddings[len(sketches) :]

    def embed(self, images: Tensor) -> Tensor:
        """Map images of either modality to embeddings."""
        embeddings: Tensor = self.tower(images)
        return embeddings

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002 - torch's signature
        """Switch to training, all but the frozen stages."""
        super().train(mode)
        for stage in self._still():
            stage.eval()
        return self

    def _still(self) -> Iterator[nn.Module]:
        if self._frozen:
            yield from stages(self.tower.backbone)[: self._frozen]


def stages(backbone: nn.Module) -> list[nn.Module]:
    """Return a backbone's stages in order; the first is the stem with its norm."""
    children = dict(backbone.named_children())
    if "conv_stem" in children:
        stem = nn.ModuleList([children["conv_stem"], children["bn1"]])
        return [stem, *children["blocks"].children()]
    if "layer1" not in children:
        raise ConfigError("network.frozen: a backbone of one's own has no stages to freeze; set 0")
    stem = nn.ModuleList([children["conv1"], children["bn1"]])
    return [stem, *(children[f"layer{number}"] for number in range(1, 5))]


def describe(config: NetworkConfig) -> dict[str, Any]:
    """Return the description of the network for `sketchzoo.towers` and config.json."""
    head: dict[str, Any] = {"kind": "linear", "dimension": config.dimension}
    if config.head == "study":
        head = {"kind": "study", "dimension": config.dimension, "normalise": config.normalise}
    return {"backbone": config.backbone, "head": head}


def build_siamese(config: NetworkConfig) -> SiameseNetwork:
    """Build the network with the weights that `config` asks for.

    Raises:
        ConfigError: the weights' file is missing or does not fit, or their download failed.

    """
    tower = build_tower(describe(config))
    if config.weights == "imagenet":
        fill_from_imagenet(tower.backbone, config.backbone)
    elif config.weights != "none":
        fill_from_file(tower, Path(config.weights))
    return SiameseNetwork(tower, config.frozen)


def preprocessing(config: NetworkConfig, size: int, modality: Modality) -> Preprocessing:
    """Return how images are prepared: normalised as the backbone was taught.

    Photos are cut square; sketches keep all of their strokes.
    """
    lite = config.backbone in LITE
    return Preprocessing(
        size=size,
        fit="crop" if modality is Modality.PHOTO else "letterbox",
        mean=_HALF if lite else _IMAGENET_MEAN,
        std=_HALF if lite else _IMAGENET_STD,
    )

"""The Siamese network: one backbone and one head, shared by sketches and photos."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from sketchzoo.images import Modality, Preprocessing
from sketchzoo.towers import TowerNetwork, build_tower
from sketchzoo_training.errors import ConfigError
from sketchzoo_training.recipes.siamese.config import LITE, NetworkConfig

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
        _fill_from_imagenet(tower.backbone, config.backbone)
    elif config.weights != "none":
        _fill_from_file(tower.backbone, Path(config.weights))
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


def _fill_from_imagenet(backbone: nn.Module, name: str) -> None:
    if name in LITE:
        from sketchzoo_training.models.imagenet import imagenet  # noqa: PLC0415 - only Lite's weights need it

        imagenet(backbone, name)
        return
    import torchvision  # noqa: PLC0415 - only the residual nets need it

    weights = torchvision.models.get_model_weights(name).IMAGENET1K_V1
    try:
        state = weights.get_state_dict(progress=False, check_hash=True)
    except OSError as error:
        raise ConfigError(
            f"network.weights: {weights.url} could not be downloaded ({error}); fetch it by other "
            "means and name the file, or set none"
        ) from error
    _load(backbone, state, weights.url)


def _fill_from_file(backbone: nn.Module, path: Path) -> None:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ConfigError(f"network.weights: {path} does not exist") from error
    _load(backbone, state, str(path))


def _load(backbone: nn.Module, state: dict[str, Tensor], origin: str) -> None:
    """Fill a backbone; a classifier that it no longer has is passed over."""
    state = {key: value for key, value in state.items() if not key.startswith("fc.")}
    try:
        backbone.load_state_dict(state)
    except RuntimeError as error:
        raise ConfigError(
            f"network.weights: {origin} does not fit the backbone: {error}"
        ) from error

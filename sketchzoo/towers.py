"""The networks, in torch: a tower is a backbone and the head that makes the embedding.

A plain mapping describes each one (`config.json` keeps it), so that training, export
and the encoder's torch runtime build the same network. Imported only where torch is.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch
import torchvision
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional

from sketchzoo.files import write_atomically
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact, ModelError
from sketchzoo.plugins import PluginError, load_plugin

LITE = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
RESNET = ("resnet18", "resnet34", "resnet50", "resnet101")
BACKBONES = LITE + RESNET
PLUGGED = "sketchzoo.backbones"
"""The entry points of backbones of others (docs/training.md)."""
FEATURES = 1280
"""The length of every EfficientNet-Lite's pooled features."""


def backbone(name: str, channels: int = 3, *, drop_path: float = 0.0) -> tuple[nn.Module, int]:
    """Build a backbone without weights; returns it and the length of its features.

    It maps images `(n, channels, h, w)` to pooled features `(n, length)`. In training an
    EfficientNet skips its deepest residual block with probability `drop_path`, the others
    less often (stochastic depth, arXiv 1603.09382). A name that is none of `BACKBONES` is
    a plug-in of the group `sketchzoo.backbones`, called with `channels`.

    Raises:
        ValueError: no such backbone, or another one than an EfficientNet with `drop_path`.

    """
    if name in LITE:
        net: nn.Module = timm.create_model(
            f"tf_{name}",
            pretrained=False,
            num_classes=0,
            in_chans=channels,
            drop_path_rate=drop_path,
        )
        return net, FEATURES
    if drop_path:
        raise ValueError(f"{name} has no stochastic depth; drop_path must be 0")
    if name in RESNET:
        resnet = getattr(torchvision.models, name)(weights=None)
        length = int(resnet.fc.in_features)
        resnet.fc = nn.Identity()
        if channels != resnet.conv1.in_channels:
            resnet.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
        return resnet, length
    try:
        plugged: tuple[nn.Module, int] = load_plugin(PLUGGED, name)(channels)
    except PluginError as error:
        raise ValueError(f"backbone must be one of {', '.join(BACKBONES)}: {error}") from error
    return plugged


class NormaliseHead(nn.Module):
    """The backbone's features themselves, of norm 1."""

    def forward(self, features: Tensor) -> Tensor:
        """Map features `(n, f)` to embeddings `(n, f)`."""
        return functional.normalize(features, dim=1)


class StudyHead(nn.Module):
    """The original study's head: Linear 256, ReLU, Linear 128, ReLU, Linear E."""

    def __init__(self, length: int, dimension: int, *, normalise: bool) -> None:
        """Build a head from features of `length` to embeddings of `dimension`."""
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(length, 256),
            nn.ReLU(),
            nn.Linear(256, 128),
            nn.ReLU(),
            nn.Linear(128, dimension),
        )
        self.normalise = normalise

    def forward(self, features: Tensor) -> Tensor:
        """Map features `(n, f)` to embeddings `(n, dimension)`."""
        embedding: Tensor = self.layers(features)
        return functional.normalize(embedding, dim=1) if self.normalise else embedding


class LinearHead(nn.Module):
    """Batch-norm, a linear map, norm 1 (docs/study.md compares it with each of the two alone)."""

    def __init__(self, length: int, dimension: int) -> None:
        """Build a head from features of `length` to embeddings of `dimension`."""
        super().__init__()
        self.norm = nn.BatchNorm1d(length)
        self.linear = nn.Linear(length, dimension, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Map features `(n, f)` to embeddings `(n, dimension)`."""
        return functional.normalize(self.linear(self.norm(features)), dim=1)


class PosteriorHead(nn.Module):
    """A class posterior and a general part side by side, of norm 1 together.

    Of `classes` the first `shared` are those that both modalities know; the rest count
    as one more, "something else". The first `shared + 1` values of an embedding are the
    square roots of that posterior, times `sqrt(weight)`: two of them multiply to the
    Bhattacharyya coefficient, so photos rank by how well their posterior agrees with the
    query's. The `general` others are a unit vector times `sqrt(1 - weight)`: likeness
    that no class names, which keeps unknown things apart.
    """

    def __init__(
        self,
        length: int,
        classes: int,
        shared: int,
        general: int,
        *,
        temperature: float,
        weight: float,
    ) -> None:
        """Build a head from features of `length` to `shared + 1 + general` values."""
        super().__init__()
        if not 0 < shared <= classes:
            raise ValueError(f"shared must be 1 to {classes} classes, not {shared}")
        if temperature <= 0 or not 0 <= weight <= 1:
            raise ValueError("temperature must be above 0 and weight 0 to 1")
        self.classifier = nn.Linear(length, classes)
        self.general = nn.Linear(length, general)
        self.shared = shared
        self.temperature = temperature
        self.weight = weight

    def forward(self, features: Tensor) -> Tensor:
        """Map features `(n, f)` to embeddings `(n, shared + 1 + general)`."""
        posterior = functional.softmax(self.classifier(features) / self.temperature, dim=1)
        known, others = posterior[:, : self.shared], posterior[:, self.shared :]
        # A hair above zero: neither gradients nor exporters like sqrt(0).
        roots = (torch.cat([known, others.sum(1, keepdim=True)], dim=1) + 1e-9).sqrt()
        general = functional.normalize(self.general(features), dim=1)
        parts = [
            functional.normalize(roots, dim=1) * self.weight**0.5,
            general * (1 - self.weight) ** 0.5,
        ]
        return torch.cat(parts, dim=1)


class TowerNetwork(nn.Module):
    """A backbone and its head: images in, embeddings out."""

    def __init__(self, net: nn.Module, head: nn.Module) -> None:
        """Join a backbone to a head."""
        super().__init__()
        self.backbone = net
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        """Map images `(n, channels, size, size)` to embeddings `(n, dimension)`."""
        embedding: Tensor = self.head(self.backbone(images))
        return embedding


def build_tower(network: Mapping[str, Any], channels: int = 3) -> TowerNetwork:
    """Build the tower that `network` describes, with no trained weights.

    `network` has `backbone` (a name) and `head`, a mapping whose `kind` is `normalise`,
    `study`, `linear` or `posterior`, beside that head's own settings.

    Raises:
        ValueError: the description names something unknown.

    """
    net, length = backbone(network["backbone"], channels)
    settings = dict(network.get("head", {"kind": "normalise"}))
    kind = settings.pop("kind")
    heads: dict[str, Any] = {
        "study": StudyHead,
        "linear": LinearHead,
        "posterior": PosteriorHead,
    }
    if kind == "normalise":
        return TowerNetwork(net, NormaliseHead())
    if kind not in heads:
        raise ValueError(f"head must be normalise, {', '.join(heads)}, not {kind!r}")
    return TowerNetwork(net, heads[kind](length, **settings))


def load_tower(artefact: ModelArtefact, modality: Modality) -> TowerNetwork:
    """Build a modality's tower of an artefact and load its weights, ready to infer.

    Raises:
        ModelError: the tower was imported, the description names something unknown, or the
            weights' file is missing or does not fit it.

    """
    tower = artefact.towers[modality]
    if tower.is_graph_alone:
        raise ModelError(
            f"{artefact.folder}: the {tower.name} tower was imported as an ONNX graph, which torch "
            "does not run: serve it with the runtime onnx"
        )
    try:
        net = build_tower(tower.network, tower.preprocessing.channels)
    except ValueError as error:
        raise ModelError(f"{artefact.folder}: the {tower.name} tower: {error}") from error
    load_weights(net, artefact.safetensors(modality))
    return net.eval()


def save_weights(net: nn.Module, path: Path, run: str) -> None:
    """Write a network's weights as safetensors that name the run, by its digest, that made them."""
    weights = {name: value.cpu().contiguous() for name, value in net.state_dict().items()}
    write_atomically(path, save(weights, {"run": run}))


def load_weights(net: nn.Module, path: Path, run: str | None = None) -> None:
    """Fill a network from a safetensors file; half precision becomes the network's own.

    Raises:
        ModelError: the file is missing, damaged, does not fit the network or, where `run`
            is given, was made by another run.

    """
    try:
        with safe_open(path, "pt") as file:
            made_by = (file.metadata() or {}).get("run")
        if run not in (None, made_by):
            raise ModelError(
                f"{path} was made by {made_by or 'no run that it names'}, not by {run}"
            )
        net.load_state_dict(load_file(path))
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing") from error
    except SafetensorError as error:
        raise ModelError(f"{path} is no whole safetensors file: {error}") from error
    except RuntimeError as error:
        raise ModelError(f"{path} does not fit the network: {error}") from error

"""The networks, in torch: a tower is a backbone and the head that makes the embedding.

A plain mapping describes each one (`config.json` keeps it), so that training, export
and the encoder's torch runtime build the same network. Imported only where torch is.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torchvision
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from sketchzoo.files import write_atomically
from sketchzoo.heads import LinearHead, NormaliseHead, PartsHead, PosteriorHead, StudyHead
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo.model_error import ModelError
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


class TowerNetwork(nn.Module):
    """A backbone and its head: images in, embeddings out."""

    def __init__(self, net: nn.Module, head: nn.Module) -> None:
        """Join a backbone to a head."""
        super().__init__()
        self.backbone = net
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        """Map images `(n, channels, size, size)` to embeddings `(n, dimension)`."""
        embedding: Tensor = self.head(features(self.backbone, self.head, images))
        return embedding


def features(net: nn.Module, head: nn.Module, images: Tensor) -> Tensor:
    """Return what a head takes of a backbone: pooled features `(n, f)`, or `(n, f, h, w)` maps."""
    # timm's networks give out their last maps by this name.
    last: Any = net.forward_features if getattr(head, "takes_maps", False) else net
    found: Tensor = last(images)
    return found


def build_tower(network: Mapping[str, Any], channels: int = 3) -> TowerNetwork:
    """Build the tower that `network` describes, with no trained weights.

    `network` has `backbone` (a name) and `head`, a mapping whose `kind` is `normalise`,
    `study`, `linear`, `posterior` or `parts`, beside that head's own settings.

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
        "parts": PartsHead,
    }
    if kind == "normalise":
        return TowerNetwork(net, NormaliseHead())
    if kind not in heads:
        raise ValueError(f"head must be normalise, {', '.join(heads)}, not {kind!r}")
    head = heads[kind](length, **settings)
    if getattr(head, "takes_maps", False) and not hasattr(net, "forward_features"):
        raise ValueError(f"{network['backbone']} gives out no maps, which the head {kind} takes")
    return TowerNetwork(net, head)


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

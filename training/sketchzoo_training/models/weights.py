"""First weights: ImageNet's, a file's, or those of a run of one's own."""

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from sketchzoo.towers import TowerNetwork
from sketchzoo_training.errors import ConfigError
from sketchzoo_training.models.network_config import LITE, RESNET

_NAMED = 3


def fill_from_imagenet(backbone: nn.Module, name: str) -> None:
    """Fill a backbone with the weights that it was taught on ImageNet.

    Raises:
        ConfigError: there are none, or they could not be downloaded.

    """
    if name in LITE:
        from sketchzoo_training.models.imagenet import imagenet  # noqa: PLC0415 - only Lite's weights need it

        imagenet(backbone, name)
        return
    if name not in RESNET:
        raise ConfigError(f"network.weights: {name} has none of ImageNet; set none or a file")
    import torchvision  # noqa: PLC0415 - only the residual nets need it

    weights = torchvision.models.get_model_weights(name).IMAGENET1K_V1
    try:
        state = weights.get_state_dict(progress=False, check_hash=True)
    except OSError as error:
        raise ConfigError(
            f"network.weights: {weights.url} could not be downloaded ({error}); fetch it by other "
            "means and name the file, or set none"
        ) from error
    _fill(backbone, _without_classifier(state), weights.url)


def fill_from_file(tower: TowerNetwork, path: Path) -> None:
    """Fill a tower from a file of weights: safetensors or torch's.

    It may hold a backbone, a whole tower as an artefact has it, or a network of a run of one's
    own (`RUN/best.safetensors`); a head that does not fit is begun anew.

    Raises:
        ConfigError: the file is missing, damaged, or of another backbone.

    """
    state = {name.removeprefix("tower."): value for name, value in _read(path).items()}
    backbone = {
        name.removeprefix("backbone."): value
        for name, value in state.items()
        if name.startswith("backbone.")
    }
    _fill(tower.backbone, backbone or _without_classifier(state), str(path))
    head = {
        name.removeprefix("head."): value
        for name, value in state.items()
        if name.startswith("head.")
    }
    own = tower.head.state_dict()
    if {name: value.shape for name, value in own.items()} == {
        name: value.shape for name, value in head.items()
    }:
        tower.head.load_state_dict(head)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            state: dict[str, Tensor] = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ConfigError(f"network.weights: {path} does not exist") from error
    except (SafetensorError, RuntimeError, EOFError, pickle.UnpicklingError, OSError) as error:
        raise ConfigError(f"network.weights: {path} is damaged, or no file of weights") from error
    if not all(isinstance(value, Tensor) for value in state.values()):
        raise ConfigError(f"network.weights: {path} holds more than weights; is it a checkpoint?")
    return state


def _without_classifier(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Pass over the layer that named ImageNet's classes, which a backbone no longer has."""
    return {name: value for name, value in state.items() if not name.startswith("fc.")}


def _fill(backbone: nn.Module, state: dict[str, Tensor], origin: str) -> None:
    own = backbone.state_dict()
    wrong = [
        *(f"{name} is missing" for name in own.keys() - state.keys()),
        *(f"{name} is no part of it" for name in state.keys() - own.keys()),
        *(
            f"{name} is {tuple(state[name].shape)}, not {tuple(own[name].shape)}"
            for name in own.keys() & state.keys()
            if own[name].shape != state[name].shape
        ),
    ]
    if wrong:
        more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        raise ConfigError(
            f"network.weights: {origin} does not fit the backbone: "
            f"{'; '.join(sorted(wrong)[:_NAMED])}{more}"
        )
    backbone.load_state_dict(state)

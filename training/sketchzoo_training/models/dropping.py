"""Dropout and stochastic depth whose dice are thrown for the whole batch, whoever computes it.

The engine seeds torch alike in all processes at every step; each throws for all rows and
keeps what falls to its own.
"""

import torch
from timm.layers.drop import DropPath
from torch import Tensor, nn

from sketchzoo_training.engine.processes import Share


def kept(x: Tensor, shape: tuple[int, ...], probability: float) -> Tensor:
    """Return a mask `(len(x), *shape)` of zeros, with `probability`, and values of mean 1.

    Every process must have as many rows.
    """
    share = Share.current()
    whole = torch.rand(len(x) * share.size, *shape, device=x.device)
    own = whole[share.rank * len(x) : (share.rank + 1) * len(x)]
    return (own >= probability).to(x.dtype) / (1 - probability)


class BatchDropout(nn.Module):
    """Dropout (Srivastava et al. 2014) of features `(n, f)`."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, features: Tensor) -> Tensor:
        """Drop values while training."""
        if not self.training or not self.probability:
            return features
        return features * kept(features, tuple(features.shape[1:]), self.probability)


class BatchDropPath(nn.Module):
    """Stochastic depth (arXiv 1603.09382): whole residual paths are dropped, by row."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """Drop rows while training."""
        if not self.training or not self.probability:
            return x
        return x * kept(x, (1,) * (x.ndim - 1), self.probability)


def throw_for_all(network: nn.Module) -> nn.Module:
    """Replace timm's stochastic depth by one that is the same for any number of processes."""
    for name, child in network.named_children():
        if isinstance(child, DropPath):
            setattr(network, name, BatchDropPath(child.drop_prob or 0.0))
        else:
            throw_for_all(child)
    return network

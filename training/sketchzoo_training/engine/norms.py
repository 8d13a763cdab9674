"""Batch-norms that see all processes' rows, so that N processes compute what one would.

torch's and timm's own do so on GPUs alone.
"""

from typing import Any

import torch
from timm.layers.norm_act import BatchNormAct2d, convert_sync_batchnorm
from torch import Tensor, distributed, nn
from torch.nn import functional


class _Normalise(torch.autograd.Function):
    """Normalise by the statistics of all processes' rows (Ioffe and Szegedy 2015)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, *statistics: Any) -> Tensor:
        mean, var, eps = statistics
        ctx.save_for_backward(x, weight, mean, var)
        ctx.eps = eps
        return functional.batch_norm(x, mean, var, weight, bias, training=False, eps=eps)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, var = ctx.saved_tensors
        scale = (var + ctx.eps).rsqrt()
        rest = [axis for axis in range(x.ndim) if axis != 1]
        shape = (1, -1, *(1 for _ in rest[1:]))
        apart = (x - mean.view(shape)) * scale.view(shape)
        grad = grads[0]
        of_bias = grad.sum(rest)
        of_weight = (grad * apart).sum(rest)
        rows = torch.tensor([x.numel() / x.shape[1]], dtype=x.dtype, device=x.device)
        sums = torch.cat([of_bias, of_weight, rows])
        distributed.all_reduce(sums)
        channels = len(of_bias)
        means = sums[:-1] / sums[-1]
        bias_mean, weight_mean = means[:channels], means[channels:]
        moved = grad - bias_mean.view(shape) - apart * weight_mean.view(shape)
        of_x = moved * (weight * scale).view(shape)
        return of_x, of_weight, of_bias, None, None, None


BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d


class SharedBatchNorm(nn.Module):
    """A batch-norm over all processes' rows, with the activation that followed the old one.

    It takes over the old one's parameters and buffers under their names.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, old: BatchNorm) -> None:
        super().__init__()
        self.weight, self.bias = old.weight, old.bias
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, getattr(old, name))
        self.eps, self.momentum = old.eps, old.momentum or 0.1
        self.act = old.act if isinstance(old, BatchNormAct2d) else nn.Identity()
        self.training = old.training

    def forward(self, x: Tensor) -> Tensor:
        """Map `(n, c)` or `(n, c, h, w)` to the same shape."""
        if not self.training:
            normed = functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        else:
            mean, var = self._statistics(x)
            normed = _Normalise.apply(x, self.weight, self.bias, mean, var, self.eps)
        activated: Tensor = self.act(normed)
        return activated

    @torch.no_grad()
    def _statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        count = x.numel() / x.shape[1]
        var, mean = torch.var_mean(x, [axis for axis in range(x.ndim) if axis != 1], correction=0)
        sums = torch.cat([mean * count, (var + mean.square()) * count, mean.new_tensor([count])])
        distributed.all_reduce(sums)
        means = sums[:-1] / sums[-1]
        mean, square = means[: len(mean)], means[len(mean) :]
        var = (square - mean.square()).clamp(min=0)
        rows = float(sums[-1])
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(var * rows / max(1.0, rows - 1), self.momentum)
        self.num_batches_tracked += 1
        return mean, var


def share_statistics(network: nn.Module, device: torch.device) -> nn.Module:
    """Let a network's batch-norms see all processes' rows; returns the network."""
    if device.type == "cuda":
        converted: nn.Module = convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return converted
    for name, child in network.named_children():
        if isinstance(child, BatchNorm):
            setattr(network, name, SharedBatchNorm(child))
        else:
            share_statistics(child, device)
    return network

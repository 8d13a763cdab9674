"""Folding: batch-norms into the convolutions that they follow, while all is float32.

A folded norm costs nothing, and in half precision it rounds nothing.
"""

from collections import Counter

from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_norms(net: nn.Module) -> int:
    """Fold the batch-norms of a network that is ready to infer; returns how many.

    Which convolution feeds which norm, and feeds nothing else, is read off a trace of the
    network. One that cannot be traced, as another's plug-in may be, stays as it is.
    """
    modules = dict(net.named_modules())
    try:
        nodes = list(_Tracer().trace(net).nodes)
    except Exception:  # noqa: BLE001 - a forward of others' may do anything to a tracer
        return 0
    calls = Counter(node.target for node in nodes if node.op == "call_module")
    folded = 0
    for node in nodes:
        source = node.args[0] if node.args else None
        if not (node.op == "call_module" and isinstance(source, fx.Node)):
            continue
        norm, conv = modules[str(node.target)], modules.get(str(source.target))
        if not (isinstance(norm, _BatchNorm) and isinstance(conv, nn.Conv2d)):
            continue
        if len(source.users) > 1 or calls[node.target] > 1 or calls[source.target] > 1:
            continue
        if norm.running_mean is None:
            continue
        net.set_submodule(str(source.target), fuse_conv_bn_eval(conv, norm))
        net.set_submodule(str(node.target), _rest(norm))
        folded += 1
    return folded


class _Tracer(fx.Tracer):
    """Sees convolutions and norms of any library as one step each."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if isinstance(m, (nn.Conv2d, _BatchNorm)):
            return True
        return super().is_leaf_module(m, module_qualified_name)


def _rest(norm: nn.Module) -> nn.Module:
    """Return what a norm does beside normalising: timm's applies an activation as well."""
    rest = [each for each in norm.children() if not isinstance(each, nn.Identity)]
    return nn.Sequential(*rest) if rest else nn.Identity()

"""The network as it serves: squares of bytes in, embeddings of norm 1 in float32 out.

Scaling, pooling, head and norm are float32; what lies between scaling and pooling, nearly all
of the work, may be float16.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from encoder_service.runtimes.folding import fold_norms
from encoder_service.runtimes.half import halve
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo.towers import features, load_tower

# What pools the last feature map, in timm's and torchvision's networks. A plug-in without
# either answers features in half precision.
_POOLS = ("global_pool", "avgpool")


class ServingNetwork(nn.Module):
    """A tower that scales its input itself, with its norms folded, on a device."""

    scale: Tensor
    shift: Tensor

    def __init__(self, artefact: ModelArtefact, modality: Modality, *, half: bool) -> None:
        """Load a modality's tower; `half` takes its backbone to float16.

        Raises:
            ModelError: the weights are missing or do not fit.

        """
        super().__init__()
        tower = load_tower(artefact, modality).requires_grad_(requires_grad=False)
        how = artefact.towers[modality].preprocessing
        fold_norms(tower.backbone)
        if half:
            halve(tower.backbone)
            for name in _POOLS:
                pool = getattr(tower.backbone, name, None)
                if isinstance(pool, nn.Module):
                    pool.register_forward_pre_hook(_in_float32)
        self.backbone, self.head = tower.backbone, tower.head
        self.dtype = torch.float16 if half else torch.float32
        shape = (1, how.channels, 1, 1)
        self.register_buffer("shift", 255 * torch.tensor(how.mean).reshape(shape))
        self.register_buffer("scale", 255 * torch.tensor(how.std).reshape(shape))
        self.to(memory_format=torch.channels_last)

    def forward(self, squares: Tensor) -> Tensor:
        """Map uint8 `(n, size, size, channels)` to float32 `(n, dimension)`."""
        # Rows of pixels are channels_last as they come.
        images = (squares.permute(0, 3, 1, 2).float() - self.shift) / self.scale
        images = images.to(self.dtype, memory_format=torch.channels_last)
        found = features(self.backbone, self.head, images)
        return functional.normalize(self.head(found.float()), dim=1)


def _in_float32(_: nn.Module, maps: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(each.float() for each in maps)

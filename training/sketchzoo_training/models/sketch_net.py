"""The sketch network: it names drawings, and points to where photos of them lie."""

from typing import Any

import torch
from torch import Tensor, nn

from sketchzoo.towers import backbone
from sketchzoo_training.models.dropping import BatchDropout, throw_for_all
from sketchzoo_training.models.imagenet import imagenet

BACKBONE = "efficientnet_lite0"


class SketchNet(nn.Module):
    """A grey backbone with two linear heads: class logits and the general part.

    Its stem and first `frozen` blocks stay as they are, their batch-norms too: training
    runs them apart, see `still`, and the rest on the maps that they make.
    """

    def __init__(
        self,
        classes: int,
        general: int,
        *,
        frozen: int = 0,
        dropout: float = 0.0,
        drop_path: float = 0.0,
    ) -> None:
        """Build it with ImageNet's weights, for `classes` and `general` values."""
        super().__init__()
        net, length = backbone(BACKBONE, channels=1, drop_path=drop_path)
        imagenet(net, BACKBONE)
        self.backbone = throw_for_all(net)
        self.dropout = BatchDropout(dropout)
        self.classifier = nn.Linear(length, classes)
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)
        self.general = nn.Linear(length, general)
        self._frozen = frozen
        self.still().requires_grad_(requires_grad=False)

    def still(self) -> nn.Sequential:
        """Return the layers that stay as they are."""
        net: Any = self.backbone
        return nn.Sequential(net.conv_stem, net.bn1, *net.blocks[: self._frozen])

    def after(self) -> nn.Sequential:
        """Return the layers from what the still ones have made to class logits."""
        net: Any = self.backbone
        blocks = net.blocks[self._frozen :]
        return nn.Sequential(*blocks, net.conv_head, net.bn2, net.global_pool, self.classifier)

    def train(self, mode: bool = True) -> "SketchNet":  # noqa: FBT001, FBT002 - torch's signature
        """Switch to training, all but the still layers."""
        super().train(mode)
        self.still().eval()
        return self

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Map what the still layers have made to logits `(n, classes)` and general values."""
        net: Any = self.backbone
        made = net.conv_head(net.blocks[self._frozen :](maps))
        features = self.dropout(net.forward_head(net.bn2(made)))
        return self.classifier(features), self.general(features)

    @torch.inference_mode()
    def features(self, images: Tensor) -> Tensor:
        """Return the backbone's features `(n, 1280)` of drawn images `(n, 1, size, size)`."""
        features: Tensor = self.backbone(images.contiguous(memory_format=torch.channels_last))
        return features

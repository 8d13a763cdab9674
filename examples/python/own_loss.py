"""A loss of one's own: every sketch is to point to the middle of its class's photos."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class ToTheMiddle(nn.Module):
    """Cross-entropy over the cosines of sketches to the middles of classes of photos."""

    def __init__(self, classes: int, sharpness: float) -> None:
        super().__init__()
        self.classes = classes
        self.sharpness = sharpness

    def forward(
        self, sketches: Tensor, photos: Tensor, sketch_labels: Tensor, photo_labels: Tensor
    ) -> Tensor:
        """Take embeddings `(s, e)` and `(p, e)` with their labels; return a scalar."""
        sums = torch.zeros(self.classes, photos.shape[1], device=photos.device)
        middles = functional.normalize(sums.index_add(0, photo_labels, photos), dim=1)
        cosines = functional.normalize(sketches, dim=1) @ middles.T
        return functional.cross_entropy(self.sharpness * cosines, sketch_labels)


def to_the_middle(*, classes: int, dimension: int, sharpness: float = 10.0) -> nn.Module:
    """Make the loss; `sharpness` comes from `[loss.options]`."""
    del dimension  # others have proxies of this length
    return ToTheMiddle(classes, sharpness)

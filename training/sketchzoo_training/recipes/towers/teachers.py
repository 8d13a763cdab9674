"""Teachers: trained sketch networks whose doubt another one learns from (arXiv 1503.02531).

What a network says of a drawing beside the right class (a ray looks a little like a shark)
is more than the label says, and two networks that err differently know more than either.
The one that ships is taught by earlier ones, on the very drawings that it sees itself
(arXiv 2106.05237), and on those that a wide pen has spoilt by what they were before.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from sketchzoo_training.models.frozen import FrozenLayers


class Teacher:
    """A trained network that names drawings; it shares the frozen layers of its pupil."""

    def __init__(self, layers: nn.Module, frozen: FrozenLayers, size: int) -> None:
        """Take the `layers` after the `frozen` ones, and the side in pixels they were trained at.

        `layers` map the frozen layers' maps to logits `(n, classes)`.
        """
        self._layers = FrozenLayers(layers)
        self._frozen = frozen
        self._size = size

    def __call__(self, images: Tensor, maps: Tensor) -> Tensor:
        """Return logits of images `(n, 1, size, size)`, whose frozen maps are `maps`.

        Images larger than those of the teacher's own training are made as small.
        """
        if images.shape[-1] > self._size:
            small = functional.interpolate(
                images, (self._size, self._size), mode="bilinear", antialias=True
            )
            maps = self._frozen(small)
        return self._layers(maps)


@torch.no_grad()
def opinion(teachers: Sequence[Teacher], images: Tensor, maps: Tensor) -> Tensor:
    """Return the mean of the teachers' log posteriors: `(n, classes)`."""
    said = [functional.log_softmax(teacher(images, maps).float(), dim=1) for teacher in teachers]
    return torch.stack(said).mean(0)


def distance(logits: Tensor, wanted: Tensor, temperature: float) -> Tensor:
    """Return the mean cross-entropy of logits with the teachers' opinion, both softened.

    Times the temperature's square, so that its gradient weighs the same at every temperature.
    """
    target = functional.softmax(wanted / temperature, dim=1)
    return temperature**2 * functional.cross_entropy(logits / temperature, target)

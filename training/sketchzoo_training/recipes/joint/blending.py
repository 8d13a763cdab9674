"""Blending: the weights that a run came to, and those that it began with, as one network.

What is trained on forgets some of what it knew. The weights half-way between both know most of
either (WiSE-FT, Wortsman et al. 2022), and cost no more in service than one of them.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo_training.errors import ConfigError
from sketchzoo_training.recipes.joint.config import JointConfig


@torch.no_grad()
def blend(network: nn.Module, began: Mapping[str, Tensor], share: float) -> None:
    """Move a network's weights towards those of before, of which they are to hold a share."""
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            value.lerp_(began[name], share)


def check_blend(config: JointConfig, artefact: ModelArtefact) -> None:
    """Refuse to blend where a run begins with parts that are drawn by dice.

    Raises:
        ConfigError: the model that it goes on from has not all three parts, of the same sizes.

    """
    if not config.blend:
        return
    wanted = {"kind": "parts"} | {
        name: getattr(config.network, name) for name in ("general", "shape", "cell", "grid")
    }
    for modality in Modality:
        head = artefact.towers[modality].network.get("head", {})
        if any(head.get(name) != value for name, value in wanted.items()):
            raise ConfigError(
                f"blend: {artefact.name} has no general and shape part like the run's to blend "
                "with; go on from a model of three parts of the same sizes, or set it to 0"
            )

"""Centring: what all photos have in common is taken from their general part.

A photo whose vector lies near the mean of all is near to every query, and so is found by drawings
of things that it does not show. Without the mean there are fewer such hubs (Suzuki et al. 2013).
The sketches' part stays: centred as well, val found less.
"""

import numpy as np
import numpy.typing as npt
import torch

from sketchzoo_training.recipes.joint.material import Material
from sketchzoo_training.recipes.joint.network import Tower
from sketchzoo_training.recipes.joint.pictures import ANYTHING
from sketchzoo_training.recipes.joint.said import photos_as_shown

_PHOTOS = 1000
"""How many photos of training the mean is of, of classes and of anything together."""


@torch.inference_mode()
def centre(tower: Tower, material: Material) -> None:
    """Set the bias of a photo tower's general part so that it is nothing in the mean."""
    pictures = material.pictures
    learned = pictures.where("train", ANYTHING)
    total, count = torch.zeros(1), 0
    for images in photos_as_shown(pictures.squares[_some(learned)]):
        total = total + tower.maps(images).mean((2, 3)).sum(0)
        count += len(images)
    general = tower.head.general
    general.bias.copy_(-(general.weight @ (total / count)))


def _some(learned: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Choose evenly: photos lie by class."""
    count = min(_PHOTOS, len(learned))
    chosen: npt.NDArray[np.intp] = learned[np.linspace(0, len(learned) - 1, count).astype(np.intp)]
    return chosen

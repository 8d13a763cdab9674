"""Contours of photos, traced in batches where they lie: drawings of any photo at all.

Edges after Canny (1986): grey, blurred, Sobel, thinned along the gradient; the strongest share
of pixels stays. Blur and share differ from one to the next, and squares are left out, since no
two people leave out the same. What lies towards the edges of a photo counts less: what a photo
is of lies in its middle.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from sketchzoo.ink import WORK
from sketchzoo_training.recipes.joint.config import DrawingConfig

_DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))
_HOLES = 12
"""Squares a side that may be left out."""
_SPECK = 3
"""A line's pixel has so many about it, itself counted."""


def trace(
    photos: Tensor, config: DrawingConfig, dice: torch.Generator, own: slice | Tensor, of: int
) -> Tensor:
    """Trace photos `(n, 3, s, s)` of 0 to 1 to thin lines `(n, 1, WORK, WORK)`, 1 on a line.

    They are the `own` rows of a batch `of` so many, for all of which dice are thrown.
    """
    device = photos.device
    which = torch.randint(len(config.blurs), (of,), generator=dice, device=device)[own]
    even = torch.rand(of, generator=dice, device=device)[own]
    share = config.contour_least + (config.contour_most - config.contour_least) * even
    dropped = torch.rand(of, 1, _HOLES, _HOLES, generator=dice, device=device)[own]
    most = config.contour_dropped * torch.rand(of, 1, 1, 1, generator=dice, device=device)[own]
    if not len(photos):
        return photos.new_zeros(0, 1, WORK, WORK)
    grey = functional.interpolate(
        photos.mean(1, keepdim=True), WORK, mode="bilinear", antialias=True
    )
    blurred = torch.empty_like(grey)
    for number, sigma in enumerate(config.blurs):
        those = which == number
        blurred[those] = _blurred(grey[those], sigma)
    strength = _ridges(blurred) * _towards_the_middle(device)
    # One quantile a photo, of every third pixel: enough to tell the strongest few per cent.
    some = strength.flatten(1)[:, ::3].sort(1).values
    place = ((1 - share) * (some.shape[1] - 1)).long()
    lines = strength > some.gather(1, place[:, None]).clamp(min=1e-6)[:, :, None, None]
    holes = functional.interpolate((dropped < most).float(), WORK)
    lines = lines.float() * (1 - holes)
    about = functional.avg_pool2d(lines, 5, 1, 2) * 25
    return lines * (about >= _SPECK)


def _blurred(grey: Tensor, sigma: float) -> Tensor:
    reach = int(3 * sigma)
    steps = torch.arange(-reach, reach + 1, device=grey.device, dtype=grey.dtype)
    kernel = torch.exp(-(steps**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    along = functional.pad(grey, (reach, reach, 0, 0), mode="replicate")
    grey = functional.conv2d(along, kernel.view(1, 1, 1, -1))
    along = functional.pad(grey, (0, 0, reach, reach), mode="replicate")
    return functional.conv2d(along, kernel.view(1, 1, -1, 1))


def _ridges(grey: Tensor) -> Tensor:
    """Return the gradient's length where it is the longest along itself, else 0."""
    sobel = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]], device=grey.device)
    padded = functional.pad(grey, (1, 1, 1, 1), mode="replicate")
    across = functional.conv2d(padded, sobel.view(1, 1, 3, 3))
    down = functional.conv2d(padded, sobel.T.reshape(1, 1, 3, 3))
    steep = torch.hypot(across, down)
    direction = (torch.atan2(down, across) * 4 / math.pi).round().remainder(4)
    around = functional.pad(steep, (1, 1, 1, 1))
    side = steep.shape[2]
    longest = torch.zeros_like(steep, dtype=torch.bool)
    for number, (row, column) in enumerate(_DIRECTIONS):
        ahead = around[:, :, 1 + row : 1 + row + side, 1 + column : 1 + column + side]
        behind = around[:, :, 1 - row : 1 - row + side, 1 - column : 1 - column + side]
        longest |= (direction == number) & (steep >= ahead) & (steep > behind)
    return steep * longest


def _towards_the_middle(device: torch.device) -> Tensor:
    place = torch.linspace(-1, 1, WORK, device=device)
    return 1 - 0.5 * (place[None] ** 2 + place[:, None] ** 2)

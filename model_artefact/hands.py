"""Hands: one drawing as others might have drawn it.

Pen, turn, size, stretch, shear, place and side differ, lines are a little bent, and parts are not
drawn. A class of which there are five drawings is learned from many times five.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

from sketchzoo.ink import WORK
from sketchzoo.morphology import Mask, draw

PENS = (3, 5, 7)
_MESH = 4
"""Patches a side, by whose corners lines are bent."""
_HOLES, _HOLE = 3, 0.3
"""So many parts may be left out, each as often."""


def drawn_anew(lines: Mask, size: int, dice: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draw lines `(WORK, WORK)` by dice: `(1, size, size)`, ink -1, paper 1."""
    drawn = Image.fromarray(draw(lines, int(dice.choice(PENS)) // 2))
    bent = drawn.transform(
        (size, size),
        Image.Transform.MESH,
        _patches(size, _corners(dice)),
        Image.Resampling.BILINEAR,
        fillcolor=255,
    )
    image = np.array(bent, np.float32) / 127.5 - 1
    for _ in range(_HOLES):
        if dice.random() < _HOLE:
            middle, reach = dice.random(2) * size, (0.04 + 0.15 * dice.random(2)) * size
            begin, end = (np.clip(middle + side * reach, 0, size).astype(int) for side in (-1, 1))
            image[begin[0] : end[0], begin[1] : end[1]] = 1
    return image[None]


def _corners(dice: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return where each of the mesh's corners is taken from: `(corners, corners, 2)`, x and y."""
    turn, shear, stretch = dice.normal(0, (0.17, 0.1, 0.12))
    # The sampling grid grows, so the drawing shrinks: a drawing cut out is never larger.
    scale = 1.03 + abs(dice.normal(0, 0.13))
    mirror = dice.choice((-1, 1))
    cos, sin, aspect = scale * np.cos(turn), scale * np.sin(turn), np.exp(stretch)
    affine = np.array(
        [
            [cos * aspect * mirror, (shear * scale - sin) * aspect],
            [sin / aspect * mirror, cos / aspect],
        ]
    )
    place = np.linspace(-1, 1, _MESH + 1)
    grid = np.stack(np.meshgrid(place, place), axis=-1)
    moved = grid @ affine.T + dice.normal(0, 0.05, 2) + dice.normal(0, 0.03, grid.shape)
    taken: npt.NDArray[np.float64] = (moved + 1) / 2 * WORK
    return taken


def _patches(
    size: int, corners: npt.NDArray[np.float64]
) -> list[tuple[tuple[int, int, int, int], tuple[float, ...]]]:
    edge = np.linspace(0, size, _MESH + 1).round().astype(int).tolist()
    patches = []
    for row in range(_MESH):
        for column in range(_MESH):
            box = edge[column], edge[row], edge[column + 1], edge[row + 1]
            # Pillow's order: upper left, lower left, lower right, upper right.
            around = ((row, column), (row + 1, column), (row + 1, column + 1), (row, column + 1))
            patches.append((box, tuple(float(value) for at in around for value in corners[at])))
    return patches

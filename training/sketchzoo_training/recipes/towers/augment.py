"""Drawing anew: thin lines become a batch of images, each drawn as another hand might.

Works on whole batches of tensors: pen width, turn, stretch, shear, shift, mirror, an
elastic warp, and parts that were not drawn.
"""

import torch
from torch import Tensor
from torch.nn import functional

from sketchzoo.ink import WORK


def widen(thinned: Tensor, pen: int) -> Tensor:
    """Draw lines with a square pen, as a maximum over its square would, but quickly."""
    lines = thinned.bool()
    for axis in (2, 3):
        ink = lines.clone()
        for offset in range(1, pen // 2 + 1):
            length = lines.shape[axis] - offset
            ahead, behind = lines.narrow(axis, offset, length), lines.narrow(axis, 0, length)
            ink.narrow(axis, 0, length).logical_or_(ahead)
            ink.narrow(axis, offset, length).logical_or_(behind)
        lines = ink
    return lines.float()


def unpack(packed: Tensor) -> Tensor:
    """Unpack thin lines, uint8 `(n, WORK, WORK / 8)`, to float32 `(n, 1, WORK, WORK)`.

    1 is where there is a line.
    """
    shifts = torch.arange(7, -1, -1, dtype=torch.uint8, device=packed.device)
    bits = (packed[..., None] >> shifts) & 1
    return bits.flatten(2).float()[:, None]


def draw(thinned: Tensor, size: int, pen: int) -> Tensor:
    """Draw lines as `sketchzoo.ink.redraw` does: `(n, 1, size, size)`, ink -1, paper 1."""
    inked = widen(thinned, pen)
    if WORK % size == 0:
        return 1 - 2 * functional.avg_pool2d(inked, WORK // size)
    resized = functional.interpolate(inked, (size, size), mode="bilinear", antialias=True)
    return 1 - 2 * resized


def augment(
    thinned: Tensor,
    size: int,
    pens: tuple[int, ...],
    strength: float,
    generator: torch.Generator,
    *,
    of: int | None = None,
    own: slice = slice(None),
    mirrored: Tensor | None = None,
) -> Tensor:
    """Draw lines each in its own way: `(n, 1, size, size)`, ink -1, paper 1.

    The lines are `own` of a batch `of` so many, for which dice are thrown, so that each is
    drawn in the same way whoever draws it. The generator is on the lines' device. Those that
    are `mirrored` `(n,)` are drawn so; without it dice say.
    """
    count = len(thinned)
    device = thinned.device
    of = count if of is None else of

    def normal(*shape: int) -> Tensor:
        return torch.randn(of, *shape, generator=generator, device=device)[own] * strength

    def uniform(*shape: int) -> Tensor:
        return torch.rand(of, *shape, generator=generator, device=device)[own]

    chosen = torch.randint(len(pens), (of,), generator=generator, device=device)[own]
    inked = torch.zeros_like(thinned)
    for number, pen in enumerate(pens):
        those = chosen == number
        inked[those] = widen(thinned[those], pen)
    turn, shear = normal() * 0.17, normal() * 0.1
    # The sampling grid grows, so the drawing shrinks: a drawing cut out is never larger.
    scale, aspect = 1.03 + 0.13 * normal().abs(), torch.exp(normal() * 0.12)
    turned = uniform() < 0.5  # noqa: PLR2004 - half
    mirror = torch.where(turned if mirrored is None else mirrored, -1.0, 1.0)
    cos, sin = turn.cos() * scale, turn.sin() * scale
    affine = torch.empty(count, 2, 3, device=device)
    affine[:, 0, 0], affine[:, 0, 1] = cos * aspect * mirror, (shear * scale - sin) * aspect
    affine[:, 1, 0], affine[:, 1, 1] = sin / aspect * mirror, cos / aspect
    affine[:, :, 2] = normal(2) * 0.05
    grid = functional.affine_grid(affine, [count, 1, size, size], align_corners=False)
    warp = functional.interpolate(
        normal(2, 5, 5) * 0.045, (size, size), mode="bicubic", align_corners=True
    )
    drawn = functional.grid_sample(inked, grid + warp.permute(0, 2, 3, 1), align_corners=False)
    if strength > 0:
        place = torch.arange(size, device=device)
        for _ in range(3):
            middle, reach = uniform(2) * size, (uniform(2) * 0.15 + 0.04) * size
            rows = (place - middle[:, :1]).abs() < reach[:, :1]
            columns = (place - middle[:, 1:]).abs() < reach[:, 1:]
            there = (uniform() < 0.3)[:, None, None]  # noqa: PLR2004 - one in three holes
            drawn = drawn.masked_fill((rows[:, :, None] & columns[:, None] & there)[:, None], 0.0)
    return 1 - 2 * drawn

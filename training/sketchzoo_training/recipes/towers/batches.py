"""Batches of drawings: drawn by seed and step, then unpacked and varied on the device."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sketchzoo_training.engine.processes import Share
from sketchzoo_training.recipes.towers.augment import augment, unpack
from sketchzoo_training.recipes.towers.config import TowersConfig
from sketchzoo_training.recipes.towers.drawings import CONTOURS, MADE, THICK, Drawings


@dataclass(frozen=True, slots=True)
class DrawingBatch:
    """A process's drawings of a step `(n, 1, size, size)`, and the whole batch's `labels`.

    `spoilt` `(n,)` tells which of them a wide pen drew; `unspoilt` shows just those as they
    were before, drawn in the same way. `outputs` is how many the network and its teachers
    have for each drawing.
    """

    images: Tensor
    labels: Tensor
    spoilt: Tensor
    unspoilt: Tensor
    outputs: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """Return how many rows each output has in the whole batch."""
        return (len(self.labels),) * self.outputs


def batches(
    drawings: Drawings,
    order: list[int],
    config: TowersConfig,
    *,
    steps: range,
    share: Share,
    device: torch.device,
) -> Iterator[DrawingBatch]:
    """Yield the steps' batches. `order` renumbers the classes."""
    packed = torch.from_numpy(drawings.lines).to(device)
    shares = {
        joined: sampling_shares(drawings, config, dict(joined))
        for joined in {_joined(config, step) for step in steps}
    }
    number = np.asarray(order)
    taught = bool(config.objective.teachers)
    for step in steps:
        rng = np.random.default_rng([config.seed + (config.schedule.shuffle << 32), step])
        train, weights = shares[_joined(config, step)]
        chosen = rng.choice(train, config.schedule.batch, p=weights)
        dice = int(rng.integers(2**62))
        before = drawings.made_of[chosen]
        spoilt = torch.from_numpy(before != chosen)
        own = share.rows(len(chosen))

        def drawn(
            which: npt.NDArray[np.intp],
            dice: int = dice,
            size: int = config.size_at(step),
            own: slice = own,
        ) -> Tensor:
            generator = torch.Generator(device).manual_seed(dice)
            lines = unpack(packed[torch.from_numpy(which[own]).to(device)])
            pens, strength = config.drawing.pens, config.drawing.strength
            images = augment(lines, size, pens, strength, generator, of=len(which), own=own)
            return images.contiguous(memory_format=torch.channels_last)

        mine = spoilt[own].to(device)
        yield DrawingBatch(
            images=drawn(chosen),
            labels=torch.from_numpy(number[drawings.labels[chosen]]).to(device),
            spoilt=mine,
            unspoilt=drawn(before)[mine] if taught else torch.zeros(0, device=device),
            outputs=3 if taught else 2,
        )


def relative_shares(drawings: Drawings, config: TowersConfig) -> Tensor:
    """Return how often each class was drawn from, by label: `(classes,)`, above 0.

    1 is the mean of the zoo's classes; the other classes, which nobody searches for, are 1.
    """
    made = ((CONTOURS, config.data.contour_share), (THICK, config.data.thick_share))
    train, share = sampling_shares(drawings, config, dict(made))
    drawn = np.bincount(drawings.labels[train], share, len(drawings.names))
    found = drawn / drawn[: drawings.zoo].mean()
    found[drawings.zoo :] = 1.0
    return torch.from_numpy(found.clip(min=1e-3).astype(np.float32))


def _joined(config: TowersConfig, step: int) -> tuple[tuple[str, float], ...]:
    """Return the made drawings that take part at a step, and each kind's share."""
    data = config.data
    kinds = (
        (CONTOURS, data.contours_from, data.contour_share),
        (THICK, data.thick_from, data.thick_share),
    )
    return tuple((kind, share) for kind, first, share in kinds if step >= first)


def sampling_shares(
    drawings: Drawings, config: TowersConfig, joined: dict[str, float]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Return the drawings to learn from, and each one's share of the batches."""
    train = drawings.where("train")
    source = drawings.source[train]
    drawn = ~np.isin(source, MADE)
    takes_part = drawn | np.isin(source, list(joined))
    train, source, drawn = train[takes_part], source[takes_part], drawn[takes_part]
    labels = drawings.labels[train]
    counts = np.bincount(labels[drawn], minlength=len(drawings.names))
    share = np.maximum(counts[labels], 1).astype(np.float64) ** -config.data.rare
    share[source == "extra_quickdraw"] *= config.data.doodle_weight
    share[source == "sketchy"] *= config.data.traced_weight
    zoo = labels < drawings.zoo
    rest = 1 - sum(joined.values())
    parts = [
        (drawn & zoo, rest * config.data.zoo_share),
        (drawn & ~zoo, rest * (1 - config.data.zoo_share)),
        *((source == kind, wanted) for kind, wanted in joined.items()),
    ]
    for part, wanted in parts:
        if part.any():
            share[part] *= wanted / share[part].sum()
    return train, share / share.sum()

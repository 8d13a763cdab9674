"""Batches: photos and drawings of them, and drawings by themselves, by seed and step."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from sketchzoo_training.engine.processes import Share
from sketchzoo_training.recipes.joint.config import JointConfig
from sketchzoo_training.recipes.joint.contours import trace
from sketchzoo_training.recipes.joint.material import Material
from sketchzoo_training.recipes.joint.pictures import ANYTHING
from sketchzoo_training.recipes.towers.augment import augment, unpack

_NONE = -1


@dataclass(frozen=True, slots=True)
class JointBatch:
    """A process's images of a step, and what every process knows of the whole.

    `photos` `(n, 3, size, size)` and `sketches` `(m, 1, size, size)` are its own. Of the whole:
    the first sketches are of the photos, in their order; `photo_labels` and `sketch_labels` are
    classes, -1 where there is none; `picture` numbers each photo's picture; `drawn` tells which
    sketches people drew; `photo_taught` and `sketch_taught` are a taught model's logits, whose
    rows are of no meaning where `is_taught` is false.
    """

    photos: Tensor
    sketches: Tensor
    photo_labels: Tensor
    sketch_labels: Tensor
    picture: Tensor
    drawn: Tensor
    photo_taught: Tensor
    sketch_taught: Tensor
    is_taught: Tensor

    @property
    def sizes(self) -> tuple[int, ...]:
        """Return how many rows each of the network's six outputs has in the whole batch."""
        return (len(self.photo_labels),) * 3 + (len(self.sketch_labels),) * 3


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Whole batch: pictures, their drawings (-1: its contour), and drawings by themselves."""

    pictures: npt.NDArray[np.intp]
    drawings: npt.NDArray[np.intp]
    mirrored: npt.NDArray[np.bool_]
    dice: int


class Sampler:
    """Chooses what a step's batch holds."""

    def __init__(self, material: Material, config: JointConfig) -> None:
        self._config = config
        pictures, drawings = material.pictures, material.drawings
        train = pictures.where("train")
        train = train[pictures.labels[train] >= 0]
        labels = pictures.labels[train]
        self._classes = np.unique(labels)
        self._photos = {c: train[labels == c] for c in self._classes}
        learned = drawings.where("train")
        pair = material.pair[learned]
        paired = learned[(pair >= 0) & np.isin(pair, train)]
        self._paired = {
            c: paired[pictures.labels[material.pair[paired]] == c] for c in self._classes
        }
        place = material.drawing_labels[learned]
        self._loose = {c: learned[place == c] for c in self._classes}
        self._others = learned[~np.isin(place, self._classes)]
        self._anything = pictures.where(ANYTHING)
        self._pair = material.pair

    def choose(self, step: int) -> _Chosen:
        """Choose a step's batch."""
        config, data = self._config, self._config.data
        rng = np.random.default_rng([config.seed, step])
        pictures: list[int] = []
        drawings: list[int] = []
        loose: list[int] = []
        for c in rng.choice(self._classes, min(data.classes, len(self._classes)), replace=False):
            own = self._paired[c]
            sketches = rng.choice(own, min(data.each // 2, len(own)), replace=False)
            pictures += [int(self._pair[each]) for each in sketches]
            drawings += [int(each) for each in sketches]
            left = data.each - len(sketches)
            photos = self._photos[c]
            pictures += [int(p) for p in rng.choice(photos, left, replace=left > len(photos))]
            drawings += [_NONE] * left
            loose += _some(rng, self._loose[c] if len(self._loose[c]) else self._others, data.loose)
        anything = min(data.anything, len(self._anything))
        if anything:
            pictures += [int(p) for p in rng.choice(self._anything, anything, replace=False)]
            drawings += [_NONE] * anything
        loose += _some(rng, self._others, data.others)
        mirrored = rng.random(len(pictures) + len(loose)) < 0.5  # noqa: PLR2004 - half
        return _Chosen(
            np.array(pictures), np.array(drawings + loose), mirrored, int(rng.integers(2**62))
        )

    def shares(self) -> npt.NDArray[np.float64]:
        """Return how often people's drawings of each class with photos are chosen, by label.

        1 is the mean. Most classes have photos that sketches are of, others have none.
        """
        data = self._config.data
        paired = [min(data.each // 2, len(self._paired[c])) for c in self._classes]
        found = np.ones(int(self._classes.max()) + 1)
        found[self._classes] = np.array(paired) + data.loose * np.array(
            [len(self._loose[c]) > 0 for c in self._classes]
        )
        shares: npt.NDArray[np.float64] = found / found[self._classes].mean()
        return shares.clip(min=1e-3)


def _some(rng: np.random.Generator, drawings: npt.NDArray[np.intp], count: int) -> list[int]:
    """Choose from drawings, of which there may be none."""
    return [int(each) for each in rng.choice(drawings, count)] if len(drawings) else []


def batches(
    material: Material, config: JointConfig, *, steps: range, share: Share, device: torch.device
) -> Iterator[JointBatch]:
    """Yield the steps' batches."""
    sampler = Sampler(material, config)
    lines = torch.from_numpy(material.drawings.lines)
    for step in steps:
        chosen = sampler.choose(step)
        dice = torch.Generator(device).manual_seed(chosen.dice)
        size = config.size_at(step)
        count, whole = len(chosen.pictures), len(chosen.drawings)
        own_photos, own_sketches = share.rows(count), share.rows(whole)
        mirrored = torch.from_numpy(chosen.mirrored).to(device)
        photos = _photos(
            _squares(material, chosen.pictures[own_photos], device),
            size,
            mirrored[:count][own_photos],
            dice,
            own=own_photos,
            of=count,
        )
        mine = chosen.drawings[own_sketches]
        traced = mine == _NONE
        thinned = torch.zeros(len(mine), 1, 256, 256, device=device)
        if not traced.all():
            thinned[torch.from_numpy(~traced)] = unpack(
                lines[torch.from_numpy(mine[~traced])].to(device)
            )
        # Dice for all, whether this process traces any or not.
        whose = np.flatnonzero(traced) + own_sketches.start
        contours = trace(
            _squares(material, chosen.pictures[whose], device),
            config.drawing,
            dice,
            torch.from_numpy(whose).to(device),
            whole,
        )
        thinned[torch.from_numpy(traced)] = contours
        sketches = augment(
            thinned,
            size,
            config.drawing.pens,
            config.drawing.strength,
            dice,
            of=whole,
            own=own_sketches,
            mirrored=mirrored[own_sketches],
        )
        yield _batch(material, chosen, photos, sketches, device)


def _batch(
    material: Material, chosen: _Chosen, photos: Tensor, sketches: Tensor, device: torch.device
) -> JointBatch:
    of_photos = material.pictures.labels[chosen.pictures]
    drawn = chosen.drawings != _NONE
    own = np.where(drawn, chosen.drawings, 0)
    labels = material.drawing_labels[own]
    labels[: len(of_photos)] = np.where(
        drawn[: len(of_photos)], labels[: len(of_photos)], of_photos
    )

    def told(values: npt.NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(device)

    return JointBatch(
        photos=photos.contiguous(memory_format=torch.channels_last),
        sketches=sketches.contiguous(memory_format=torch.channels_last),
        photo_labels=told(of_photos),
        sketch_labels=told(labels),
        picture=told(chosen.pictures),
        drawn=told(drawn),
        photo_taught=told(material.photo_taught[chosen.pictures].astype(np.float32)),
        sketch_taught=told(material.sketch_taught[own].astype(np.float32)),
        is_taught=told(drawn),
    )


def _squares(material: Material, chosen: npt.NDArray[np.intp], device: torch.device) -> Tensor:
    squares = torch.from_numpy(material.pictures.squares[chosen]).to(device)
    return squares.permute(0, 3, 1, 2).float() / 255


def _photos(
    squares: Tensor,
    size: int,
    mirrored: Tensor,
    dice: torch.Generator,
    *,
    own: slice,
    of: int,
) -> Tensor:
    """Vary photos of 0 to 1: turned and cut a little, lighter or darker, some grey; -1 to 1."""
    device = squares.device

    def uniform(low: float, high: float) -> Tensor:
        even = torch.rand(of, generator=dice, device=device)[own]
        return low + (high - low) * even

    turn, scale, aspect = uniform(-0.09, 0.09), 1 / uniform(0.95, 1.3), uniform(0.9, 1.1)
    mirror = torch.where(mirrored, -1.0, 1.0)
    cos, sin = turn.cos() * scale, turn.sin() * scale
    affine = torch.stack(
        [
            torch.stack([cos * aspect * mirror, -sin, uniform(-0.08, 0.08)], 1),
            torch.stack([sin * mirror, cos / aspect, uniform(-0.08, 0.08)], 1),
        ],
        1,
    )
    shape = [len(squares), 3, size, size]
    grid = functional.affine_grid(affine, shape, align_corners=False)
    seen = functional.grid_sample(squares, grid, padding_mode="border", align_corners=False)
    light, contrast = (uniform(0.7, 1.3)[:, None, None, None] for _ in range(2))
    middle = seen.mean((1, 2, 3), keepdim=True)
    seen = ((seen - middle) * contrast + middle) * light
    grey = (uniform(0, 1) < 0.15)[:, None, None, None]  # noqa: PLR2004 - one in seven
    seen = torch.where(grey, seen.mean(1, keepdim=True), seen)
    return 2 * seen.clamp(0, 1) - 1

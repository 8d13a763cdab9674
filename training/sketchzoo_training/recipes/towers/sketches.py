"""The sketch side: a network that names drawings and points where photos of them lie."""

import copy
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from sketchzoo.images import ImageError, Preprocessing, decode, prepare
from sketchzoo.towers import FEATURES, backbone
from sketchzoo_training.engine.checkpoint import read_checkpoint
from sketchzoo_training.errors import ConfigError, DataError, DivergedError
from sketchzoo_training.models.frozen import Frozen
from sketchzoo_training.models.imagenet import imagenet
from sketchzoo_training.recipes.towers.augment import augment, unpack
from sketchzoo_training.recipes.towers.drawings import CONTOURS, MADE, THICK, Drawings
from sketchzoo_training.recipes.towers.recipe import Recipe
from sketchzoo_training.recipes.towers.teachers import Teacher, distance, opinion
from sketchzoo_training.recipes.towers.workers import Crew

BACKBONE = "efficientnet_lite0"
ALONE = Crew()
SHARPNESS = 10.0
"""Cosines to the photo prototypes are multiplied by this before the cross-entropy."""


class SketchNet(nn.Module):
    """A grey backbone with two linear heads: class logits and the general part."""

    def __init__(self, classes: int, general: int, drop_path: float = 0.0) -> None:
        """Build it with ImageNet weights, for `classes` and `general` values."""
        super().__init__()
        self.backbone, length = backbone(BACKBONE, channels=1, drop_path=drop_path)
        imagenet(self.backbone, BACKBONE)
        self.classifier = nn.Linear(length, classes)
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)
        self.general = nn.Linear(length, general)

    def freeze(self, blocks: int) -> nn.Module:
        """Keep the stem and the first `blocks` blocks as they are, their batch-norms too.

        Returns the frozen layers.
        """
        net: Any = self.backbone
        frozen = nn.Sequential(net.conv_stem, net.bn1, *net.blocks[:blocks])
        frozen.eval()
        frozen.requires_grad_(requires_grad=False)
        return frozen

    def after(self, blocks: int) -> nn.Module:
        """Return the layers from what the first `blocks` blocks have made to class logits."""
        net: Any = self.backbone
        layers = [*net.blocks[blocks:], net.conv_head, net.bn2, net.global_pool, self.classifier]
        return nn.Sequential(*layers).eval()

    def features(self, maps: Tensor, blocks: int) -> Tensor:
        """Return the features `(n, 1280)` of what the first `blocks` blocks have made."""
        net: Any = self.backbone
        features: Tensor = net.forward_head(net.bn2(net.conv_head(net.blocks[blocks:](maps))))
        return features


@dataclass(frozen=True, slots=True)
class Batch:
    """Drawings to learn from: images `(n, 1, size, size)`, labels `(n,)`.

    `spoilt` `(n,)` tells which of them a wide pen drew; `unspoilt` shows just those as they
    were before, drawn in the same way.
    """

    images: Tensor
    labels: Tensor
    spoilt: Tensor
    unspoilt: Tensor


@dataclass(slots=True)
class Run:
    """A sketch network in training: itself, its running average, its optimiser."""

    recipe: Recipe
    net: SketchNet
    average: SketchNet
    optimiser: torch.optim.Optimizer
    frozen: Frozen
    member: Crew = ALONE
    step: int = 0
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    """What the steps took so far, over all the times the run was started."""

    @classmethod
    def start(cls, recipe: Recipe, classes: int, member: Crew = ALONE) -> "Run":
        """Begin a run from ImageNet weights."""
        torch.manual_seed(recipe.seed)
        net = SketchNet(classes, recipe.general, recipe.drop_path)
        net = net.to(memory_format=torch.channels_last)
        net.train()
        frozen = Frozen(net.freeze(recipe.frozen_blocks))
        body = [p for p in net.backbone.parameters() if p.requires_grad]
        heads = [*net.classifier.parameters(), *net.general.parameters()]
        optimiser = torch.optim.AdamW(
            [
                {"params": [p for p in body if p.ndim > 1], "base": recipe.rate},
                # Neither batch-norms nor biases decay.
                {
                    "params": [p for p in body if p.ndim == 1],
                    "base": recipe.rate,
                    "weight_decay": 0.0,
                },
                {"params": heads, "base": recipe.head_rate},
            ],
            weight_decay=recipe.weight_decay,
            foreach=True,
        )
        return cls(recipe, net, copy.deepcopy(net).eval(), optimiser, frozen, member)

    def start_from(self, path: Path) -> None:
        """Take the weights of a network that has been trained, for those of ImageNet."""
        weights = torch.load(path, map_location="cpu", weights_only=True)
        self.net.load_state_dict(weights)
        self.average.load_state_dict(weights)

    def save(self, path: Path) -> None:
        """Write a checkpoint; the old one stays whole until the new one is."""
        state = {
            "recipe": self.recipe.digest(),
            "step": self.step,
            "seconds": self.seconds,
            "losses": self.losses,
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        part = path.with_suffix(".part")
        torch.save(state, part)
        part.replace(path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint, if there is one.

        Raises:
            ConfigError: the checkpoint is of another recipe.

        """
        if not path.is_file():
            return
        state = read_checkpoint(path)
        if state["recipe"] != self.recipe.digest():
            raise ConfigError(f"{path} was made with other settings; give another --run folder")
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.losses = state["step"], state["losses"]
        self.seconds = state["seconds"]

    def keep(self, folder: Path) -> None:
        """Keep the running average of this step in `folder`, for `blend`."""
        path = folder / f"kept-{self.step}.pt"
        part = path.with_suffix(".part")
        torch.save(self.average.state_dict(), part)
        part.replace(path)

    def blend(self, folder: Path) -> None:
        """Replace the running average by its mean with those kept in `folder`."""
        steps = [step for step in self.recipe.kept_steps if step < self.step]
        self.join(folder / f"kept-{step}.pt" for step in steps)

    @torch.no_grad()
    def join(self, files: Iterable[Path]) -> None:
        """Replace the running average by its mean with the networks in `files`.

        Networks that began from the same weights mean as well as they would vote
        ("model soups", arXiv 2203.05482).
        """
        others = [torch.load(file, map_location="cpu", weights_only=True) for file in files]
        for name, value in self.average.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.stack([value, *(each[name] for each in others)]).mean(0))

    def learn(self, batch: Batch, targets: Tensor, teachers: list[Teacher]) -> float:
        """Take one step and return its loss.

        Raises `DivergedError` where that is no number.

        `targets` `(classes of photos, general)` are the photo prototypes, which lead the
        numbering of the classes that have photos: labels below their count are pulled to
        them. What the `teachers` say of the drawings counts `teaching` of the labels' part.
        """
        labels = batch.labels
        share = self.recipe.rate_share(self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = group["base"] * share
        # Dropout's dice follow from the step, so that a resumed run throws the same.
        torch.manual_seed((self.recipe.seed * 64 + self.member.rank) * 1_000_003 + self.step)
        maps = self.frozen(batch.images)
        features = self.net.features(maps, self.recipe.frozen_blocks)
        features = functional.dropout(features, self.recipe.dropout)
        logits = self.net.classifier(features)
        loss = functional.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
        if teachers:
            share = self.recipe.teaching
            wanted = self._opinion(batch, maps, teachers)
            taught = distance(logits, wanted, self.recipe.teaching_temperature)
            loss = (1 - share) * loss + share * taught
        pulled = labels < len(targets)
        general = functional.normalize(self.net.general(features[pulled]), dim=1)
        # A sum, so that a batch with none to pull still has a gradient, of zero.
        pull = functional.cross_entropy(
            SHARPNESS * general @ targets.T, labels[pulled], reduction="sum"
        )
        loss = loss + self.recipe.general_weight * pull / max(1, int(pulled.sum()))
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        shown = loss.detach()
        grads = [p.grad for group in self.optimiser.param_groups for p in group["params"]]
        self.member.mean([*(grad for grad in grads if grad is not None), shown])
        if not math.isfinite(shown.item()):
            # Every member sees the same mean, and stops here too.
            raise DivergedError(self.step, shown.item())
        self.optimiser.step()
        self._average()
        self.step += 1
        self.losses.append(round(shown.item(), 5))
        return self.losses[-1]

    def _opinion(self, batch: Batch, maps: Tensor, teachers: list[Teacher]) -> Tensor:
        spoilt = batch.spoilt
        images = batch.images
        if spoilt.any():
            images, maps = images.clone(), maps.clone()
            images[spoilt] = batch.unspoilt
            maps[spoilt] = self.frozen(batch.unspoilt)
        return opinion(teachers, images, maps)

    @torch.no_grad()
    def _average(self) -> None:
        rate = 1 - min(self.recipe.averaging, (1 + self.step) / (10 + self.step))
        pairs = [
            (mean, value)
            for mean, value in zip(
                self.average.state_dict().values(), self.net.state_dict().values(), strict=True
            )
            if mean.is_floating_point()
        ]
        torch._foreach_lerp_([m for m, _ in pairs], [v for _, v in pairs], rate)


def batches(
    drawings: Drawings, order: list[int], recipe: Recipe, start: int, member: Crew = ALONE
) -> Iterator[Batch]:
    """Yield the batches from step `start` on.

    Each follows from the recipe's seed, its `shuffle` and the step alone; of several
    processes each draws its own part. `order` renumbers the classes.
    """
    shares = {
        joined: _shares(drawings, recipe, dict(joined))
        for joined in {_joined(recipe, step) for step in range(start, recipe.steps)}
    }
    number = np.asarray(order)
    for step in range(start, recipe.steps):
        rng = np.random.default_rng([recipe.seed + (recipe.shuffle << 32), step, member.rank])
        train, share = shares[_joined(recipe, step)]
        chosen = rng.choice(train, recipe.batch // member.size, p=share)
        dice = int(rng.integers(2**62))
        size = recipe.small_size if step < recipe.small_steps else recipe.size

        def drawn(which: npt.NDArray[np.intp], dice: int = dice, size: int = size) -> Tensor:
            generator = torch.Generator().manual_seed(dice)
            lines = unpack(drawings.lines[which])
            images = augment(lines, size, recipe.pens, recipe.strength, generator)
            return images.contiguous(memory_format=torch.channels_last)

        before = drawings.made_of[chosen]
        spoilt = torch.from_numpy(before != chosen)
        yield Batch(
            images=drawn(chosen),
            labels=torch.from_numpy(number[drawings.labels[chosen]]),
            spoilt=spoilt,
            unspoilt=drawn(before)[spoilt] if recipe.teachers else torch.zeros(0),
        )


def relative_shares(drawings: Drawings, recipe: Recipe) -> Tensor:
    """Return how often each class was drawn from, by label: `(classes,)`, above 0.

    1 is the mean of the zoo's classes; the other classes, which nobody searches for, are 1.
    """
    made = ((CONTOURS, recipe.contour_share), (THICK, recipe.thick_share))
    train, share = _shares(drawings, recipe, dict(made))
    drawn = np.bincount(drawings.labels[train], share, len(drawings.names))
    found = drawn / drawn[: drawings.zoo].mean()
    found[drawings.zoo :] = 1.0
    return torch.from_numpy(found.clip(min=1e-3).astype(np.float32))


def _joined(recipe: Recipe, step: int) -> tuple[tuple[str, float], ...]:
    """Return the made drawings that take part at a step, and each kind's share."""
    kinds = (
        (CONTOURS, recipe.contours_from, recipe.contour_share),
        (THICK, recipe.thick_from, recipe.thick_share),
    )
    return tuple((kind, share) for kind, first, share in kinds if step >= first)


def _shares(
    drawings: Drawings, recipe: Recipe, joined: dict[str, float]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Return the drawings to learn from, and each one's share of the batches."""
    train = drawings.where("train")
    source = drawings.source[train]
    drawn = ~np.isin(source, MADE)
    takes_part = drawn | np.isin(source, list(joined))
    train, source, drawn = train[takes_part], source[takes_part], drawn[takes_part]
    labels = drawings.labels[train]
    counts = np.bincount(labels[drawn], minlength=len(drawings.names))
    share = np.maximum(counts[labels], 1).astype(np.float64) ** -recipe.rare
    share[source == "extra_quickdraw"] *= recipe.doodle_weight
    share[source == "sketchy"] *= recipe.traced_weight
    zoo = labels < drawings.zoo
    rest = 1 - sum(joined.values())
    parts = [
        (drawn & zoo, rest * recipe.zoo_share),
        (drawn & ~zoo, rest * (1 - recipe.zoo_share)),
        *((source == kind, wanted) for kind, wanted in joined.items()),
    ]
    for part, wanted in parts:
        if part.any():
            share[part] *= wanted / share[part].sum()
    return train, share / share.sum()


@torch.inference_mode()
def features(
    net: nn.Module, drawings: Drawings, chosen: npt.NDArray[np.intp], data: Path, recipe: Recipe
) -> Tensor:
    """Return the backbone's features of drawings, prepared as services do: `(n, 1280)`."""
    how = preprocessing(recipe)
    parts = [torch.zeros(0, FEATURES)]
    for start in range(0, len(chosen), 64):
        files = [data / drawings.files[index] for index in chosen[start : start + 64]]
        images = np.stack([_prepared(file, how) for file in files])
        ready = torch.from_numpy(images).contiguous(memory_format=torch.channels_last)
        parts.append(net(ready))
    return torch.cat(parts)


def _prepared(file: Path, how: Preprocessing) -> npt.NDArray[np.float32]:
    try:
        return prepare(decode(file.read_bytes()), how)
    except ImageError as error:
        raise DataError(f"{file} {error}") from error


def preprocessing(recipe: Recipe) -> Preprocessing:
    """Return how sketches are prepared in service."""
    return Preprocessing(recipe.size, "ink", (0.5,), (0.5,), recipe.shown, recipe.pen)


def write_losses(path: Path, losses: list[float]) -> None:
    """Write every step's loss, one JSON number a line."""
    path.write_text("".join(json.dumps(loss) + "\n" for loss in losses))

"""What the engine asks of a recipe: objective, data and schedule, and nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import torch
from PIL import Image
from torch import Tensor, nn
from torch.optim import Optimizer

from sketchzoo_training.engine.processes import Share


class Batch(Protocol):
    """A step's own rows on the device, and what every process knows of the whole."""

    @property
    def sizes(self) -> Sequence[int]:
        """How many rows each of the network's outputs has in the whole batch."""


B = TypeVar("B", bound=Batch)


@dataclass(frozen=True, slots=True)
class Validation:
    """What the validation split says of a network.

    `figures` go by name. Of `score`, if there is one, more is better: the weights with the
    best are kept. `sheet` shows some of what was found.
    """

    figures: Mapping[str, float]
    score: float | None = None
    sheet: Image.Image | None = field(default=None, repr=False)


class Recipe(Protocol[B]):
    """A run of `steps` steps.

    Every batch follows from seed and step alone, whatever the number of processes. The
    network that is validated and kept is the running average where `averaging` is its
    decay a step, else the one that is trained.
    """

    @property
    def seed(self) -> int:
        """What all randomness follows from."""

    @property
    def steps(self) -> int:
        """How many steps the run takes."""

    @property
    def averaging(self) -> float | None:
        """The running average's decay a step, None for none."""

    @property
    def figures(self) -> tuple[str, ...]:
        """The names of validation's figures."""

    def network(self) -> nn.Module:
        """Build the network with the weights that it starts from."""

    def criterion(self) -> nn.Module:
        """Build the objective's own part, which may have weights."""

    def optimiser(self, network: nn.Module, criterion: nn.Module) -> Optimizer:
        """Build the optimiser; its groups' `lr` is what `rate` is a share of."""

    def rate(self, step: int) -> float:
        """Return the share of the learning rates at a step, 0 to 1."""

    def batches(self, steps: range, share: Share, device: torch.device) -> Iterator[B]:
        """Yield the steps' batches in order: of each, the rows of `share`."""

    def outputs(self, network: nn.Module, batch: B) -> tuple[Tensor, ...]:
        """Run the network, in training, on a batch's own rows."""

    def loss(self, criterion: nn.Module, outputs: tuple[Tensor, ...], batch: B) -> Tensor:
        """Return the whole batch's loss, a scalar, from the outputs of all its rows."""

    def validate(
        self, network: nn.Module, criterion: nn.Module, device: torch.device
    ) -> Validation:
        """Measure a network that is not in training on the validation split."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What a run is made of: the name of its recipe, all its settings, and its data.

    `digest` is of all settings that decide a weight, `lineage` of those but for the run's
    length: a run may be extended, and goes on from checkpoints of its lineage and `data`,
    a mapping with the `fingerprint` of what was learned from.
    """

    recipe: str
    settings: Mapping[str, Any]
    digest: str
    lineage: str
    seed: int
    data: Mapping[str, Any]

    @property
    def identity(self) -> str:
        """Return what a checkpoint must have been made by to be gone on from."""
        return f"{self.lineage}-{self.data['fingerprint']}"

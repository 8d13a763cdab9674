"""The joint recipe as the engine asks for it: objective, data and schedule of both towers."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from sketchzoo.model import ModelArtefact
from sketchzoo_training.engine.processes import Share
from sketchzoo_training.engine.recipe import Validation
from sketchzoo_training.recipes.joint.batches import JointBatch, batches
from sketchzoo_training.recipes.joint.config import JointConfig
from sketchzoo_training.recipes.joint.figures import FIGURES, measure
from sketchzoo_training.recipes.joint.material import Material
from sketchzoo_training.recipes.joint.network import JointNetwork, Parts, network_of
from sketchzoo_training.recipes.joint.objective import Objective

_BLOCKS = 7


@dataclass(slots=True)
class JointRecipe:
    """A configuration, its material and the model that it goes on from; see `engine.recipe`."""

    config: JointConfig
    material: Material = field(repr=False)
    artefact: ModelArtefact = field(repr=False)
    figures: tuple[str, ...] = FIGURES

    @property
    def seed(self) -> int:
        """The configuration's."""
        return self.config.seed

    @property
    def steps(self) -> int:
        """The schedule's."""
        return self.config.schedule.steps

    @property
    def averaging(self) -> float:
        """The schedule's."""
        return self.config.schedule.averaging

    def network(self) -> JointNetwork:
        """Build both towers with the weights of the model that the run goes on from."""
        network = network_of(self.artefact, self.config.network)
        return network.to(memory_format=torch.channels_last)

    def criterion(self) -> nn.Module:
        """Build the objective."""
        material, config = self.material, self.config
        return Objective(
            len(material.names), material.shared, config.network.general, config.objective
        )

    def optimiser(self, network: nn.Module, criterion: nn.Module) -> torch.optim.Optimizer:
        """Build AdamW with a rate for each block, the lower the deeper; norms don't decay."""
        schedule = self.config.schedule
        groups: list[dict[str, Any]] = []
        for name, parameter in network.named_parameters():
            if not parameter.requires_grad:
                continue
            groups.append(
                {
                    "params": [parameter],
                    "lr": self._rate_of(name),
                    "weight_decay": schedule.weight_decay if parameter.ndim > 1 else 0.0,
                }
            )
        own = {"params": list(criterion.parameters()), "lr": schedule.proxy_rate}
        groups.append({**own, "weight_decay": 0.0})
        return torch.optim.AdamW(groups, lr=schedule.rate, foreach=True)

    def _rate_of(self, name: str) -> float:
        schedule = self.config.schedule
        _, part, *rest = name.split(".")
        if part == "head" and rest[0] == "classifier":
            return schedule.class_rate
        if part != "backbone":
            return schedule.head_rate
        block = int(rest[1]) if rest[0] == "blocks" else _BLOCKS
        return schedule.rate * schedule.decay ** (_BLOCKS - block)

    def rate(self, step: int) -> float:
        """Return the schedule's share: a short rise, then half a cosine to nothing."""
        schedule = self.config.schedule
        fall = 0.5 * (1 + math.cos(math.pi * step / schedule.steps))
        return min(1.0, (step + 1) / schedule.warm_steps) * fall

    def batches(self, steps: range, share: Share, device: torch.device) -> Iterator[JointBatch]:
        """Yield batches of photos and drawings."""
        return batches(self.material, self.config, steps=steps, share=share, device=device)

    def outputs(self, network: nn.Module, batch: JointBatch) -> tuple[Tensor, ...]:
        """Return the photos' parts, then the sketches'."""
        outputs: tuple[Tensor, ...] = network(batch.photos, batch.sketches)
        return outputs

    def loss(self, criterion: nn.Module, outputs: tuple[Tensor, ...], batch: JointBatch) -> Tensor:
        """Return the objective."""
        loss: Tensor = criterion(Parts(*outputs[:3]), Parts(*outputs[3:]), batch)
        return loss

    @torch.inference_mode()
    def validate(
        self, network: nn.Module, criterion: nn.Module, device: torch.device
    ) -> Validation:
        """Measure the parts on val and on unseen classes."""
        del criterion
        assert isinstance(network, JointNetwork)  # noqa: S101 - what `network` built
        return Validation(measure(network, self.material, self.config, device))

"""Checkpoints: all that a run needs to go on, written so that none is ever half there."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.optim import Optimizer

from sketchzoo.files import write_atomically
from sketchzoo_training.errors import ConfigError

FORMAT = 2


class TrainState(NamedTuple):
    """What changes while a run goes on; `scaler` is fp16's."""

    network: nn.Module
    average: nn.Module | None
    criterion: nn.Module
    optimiser: Optimizer
    scaler: Any = None


class Progress(NamedTuple):
    """How far a run has come; `stale` counts validations since the best.

    `seconds` and `cpu_seconds` were spent on steps and validations so far.
    """

    step: int = 0
    best: float = -1.0
    best_step: int = 0
    stale: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0


def save_checkpoint(path: Path, parts: TrainState, progress: Progress, identity: str) -> None:
    """Write a checkpoint; a reader sees the old one or the new one, whole.

    `identity` names what the run is made of: only the same may go on from it. Batches and
    dice follow from the step, so no generator's state is needed.
    """
    state = {
        "format": FORMAT,
        "identity": identity,
        "progress": tuple(progress),
        **{name: None if part is None else part.state_dict() for name, part in _named(parts)},
    }
    write_atomically(path, lambda file: torch.save(state, file))


def load_checkpoint(
    path: Path, parts: TrainState, identity: str, differences: Sequence[str] = ()
) -> Progress:
    """Put every part back as it was; returns how far the run had come.

    `differences` are what the run's record says otherwise, for the message.

    Raises:
        ConfigError: the checkpoint is damaged, or of another configuration or other data.

    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ConfigError(
            f"{path} is damaged or cut short: delete it, and the run begins anew"
        ) from error
    if state.get("format") != FORMAT or state["identity"] != identity:
        told = f" ({'; '.join(differences)})" if differences else ""
        raise ConfigError(
            f"{path} is of another configuration or other data{told}; choose another run "
            "folder, or delete this one"
        )
    for name, part in _named(parts):
        if part is not None and state[name] is not None:
            part.load_state_dict(state[name])
    return Progress(*state["progress"])


def _named(parts: TrainState) -> list[tuple[str, Any]]:
    return list(parts._asdict().items())

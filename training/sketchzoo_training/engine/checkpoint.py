"""Checkpoints: all that a run needs to go on, written so that none is ever half there."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer

from sketchzoo.files import write_atomically
from sketchzoo_training.errors import ConfigError

FORMAT = 2


class Parts(NamedTuple):
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


def save_checkpoint(path: Path, parts: Parts, progress: Progress, identity: str) -> None:
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
    path: Path, parts: Parts, identity: str, differences: Sequence[str] = ()
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


def _named(parts: Parts) -> list[tuple[str, Any]]:
    return list(parts._asdict().items())


def save_weights(path: Path, network: nn.Module, run: str) -> None:
    """Write a network's weights as safetensors that say which run made them."""
    state = {
        name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()
    }
    write_atomically(path, save(state, {"run": run}))


def load_weights(path: Path, run: str | None = None) -> dict[str, Tensor]:
    """Read a network's weights; those of another run than `run`, where it is given, are refused.

    Raises:
        ConfigError: the file is missing, damaged, or another run's.

    """
    try:
        with safe_open(path, "pt") as file:
            made_by = (file.metadata() or {}).get("run")
            weights: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except FileNotFoundError as error:
        raise ConfigError(f"{path} does not exist") from error
    except SafetensorError as error:
        raise ConfigError(f"{path} is damaged or no safetensors file: {error}") from error
    if run is not None and made_by != run:
        raise ConfigError(
            f"{path} was made by another run ({made_by}, not {run}): train in a folder of its own"
        )
    return weights

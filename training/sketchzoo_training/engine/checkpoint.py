"""Checkpoints: all that a run needs to go on, written so that none is ever half there."""

import os
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from sketchzoo_training.errors import ConfigError

FORMAT = 1


class Parts(NamedTuple):
    """What changes while a run goes on."""

    network: nn.Module
    loss: nn.Module
    optimiser: Optimizer
    schedule: LRScheduler


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


def save_checkpoint(
    path: Path, parts: Parts, progress: Progress, identity: str, accelerator: Accelerator
) -> None:
    """Write a checkpoint; a reader sees the old one or the new one, whole.

    `identity` names configuration and data: only the same run may go on from it. The
    sampler's state is the step.
    """
    scaler = accelerator.scaler
    state = {
        "format": FORMAT,
        "identity": identity,
        "progress": tuple(progress),
        "network": accelerator.unwrap_model(parts.network).state_dict(),
        "loss": accelerator.unwrap_model(parts.loss).state_dict(),
        "optimiser": parts.optimiser.state_dict(),
        "schedule": parts.schedule.state_dict(),
        "scaler": scaler.state_dict() if scaler is not None else None,
        "torch_rng": torch.get_rng_state(),
        "cuda_rng": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }
    write_atomically(path, state)


def load_checkpoint(
    path: Path,
    parts: Parts,
    identity: str,
    accelerator: Accelerator,
    differences: Sequence[str] = (),
) -> Progress:
    """Put every part back as it was; returns how far the run had come.

    `differences` are what the run's record says otherwise, for the message.

    Raises:
        ConfigError: the checkpoint is damaged, or of another configuration or other data.

    """
    state = read_checkpoint(path)
    if state["format"] != FORMAT or state["identity"] != identity:
        told = f" ({'; '.join(differences)})" if differences else ""
        raise ConfigError(
            f"{path} is of another configuration or other data{told}; choose another run "
            "folder, or delete this one"
        )
    accelerator.unwrap_model(parts.network).load_state_dict(state["network"])
    accelerator.unwrap_model(parts.loss).load_state_dict(state["loss"])
    parts.optimiser.load_state_dict(state["optimiser"])
    parts.schedule.load_state_dict(state["schedule"])
    if accelerator.scaler is not None and state["scaler"] is not None:
        accelerator.scaler.load_state_dict(state["scaler"])
    torch.set_rng_state(state["torch_rng"])
    if state["cuda_rng"]:
        torch.cuda.set_rng_state_all(state["cuda_rng"])
    return Progress(*state["progress"])


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `torch.save` wrote, on the CPU.

    Raises:
        ConfigError: the file is damaged.

    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ConfigError(
            f"{path} is damaged or cut short: delete it, and the run begins anew"
        ) from error
    return state


def write_atomically(path: Path, state: Any) -> None:
    """Save with torch beside `path`, reach the disk, then take the name."""
    beside = path.with_suffix(".part")
    with beside.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)

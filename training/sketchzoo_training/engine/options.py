"""How a run is carried out: device, processes, and how often it is looked at."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Options:
    """What decides no weight, but for `precision`.

    `device` `auto` takes GPUs where there are. `precision` is the mixed precision of
    training; `auto` is bf16 on a GPU and none on a CPU. On the CPU `processes` of `threads`
    threads each (None: as many as torch takes) share every batch; on GPUs
    `accelerate launch` says how many. Losses are read from the device every `read_every`
    steps, and before a checkpoint or a validation, which come every so many steps and at
    the end. After `patience` validations without a better score the run stops (None: never).
    """

    device: Literal["auto", "cpu"] = "auto"
    precision: Literal["auto", "no", "fp16", "bf16"] = "no"
    processes: int = 1
    threads: int | None = None
    read_every: int = 10
    validate_every: int = 200
    checkpoint_every: int = 50
    patience: int | None = None

    def __post_init__(self) -> None:
        for name in ("processes", "read_every", "validate_every", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")

"""Several processes that train one network: each computes a part of every batch.

Two processes of one thread each keep two cores busier than one process of two threads:
they meet once a step and not at every layer, so other work on the machine delays them
less. The first process is the command itself. When it dies the others find nobody to
meet and end; nothing is left behind.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed

PATIENCE = timedelta(minutes=10)
"""How long a process waits for the others, at the start and at each step."""


@dataclass(frozen=True, slots=True)
class Crew:
    """The processes of a run: how many, and which of them this one is."""

    size: int = 1
    rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process writes the checkpoints and figures."""
        return self.rank == 0

    def mean(self, tensors: list[Tensor]) -> None:
        """Replace each tensor by its mean over all processes; all must call this."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        distributed.all_reduce(flat)
        flat /= self.size
        start = 0
        for tensor in tensors:
            tensor.copy_(flat[start : start + tensor.numel()].view_as(tensor))
            start += tensor.numel()


@contextmanager
def crew(size: int, work: Callable[[Crew], None]) -> Iterator[Crew]:
    """Start `size - 1` more processes that do `work`; this one is the first of the crew.

    `work` must be importable by name, as for any spawned process.
    """
    if size == 1:
        yield Crew()
        return
    store = distributed.TCPStore(  # type: ignore[attr-defined]
        "127.0.0.1", 0, is_master=True, wait_for_workers=False, timeout=PATIENCE
    )
    context = multiprocessing.get_context("spawn")
    others = [
        context.Process(target=_join, args=(Crew(size, rank), store.port, work), daemon=True)
        for rank in range(1, size)
    ]
    for other in others:
        other.start()
    try:
        distributed.init_process_group(
            "gloo", store=store, rank=0, world_size=size, timeout=PATIENCE
        )
        yield Crew(size, 0)
        for other in others:
            other.join(PATIENCE.total_seconds())
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()
        for other in others:
            other.terminate()


def _join(member: Crew, port: int, work: Callable[[Crew], None]) -> None:
    store = distributed.TCPStore(  # type: ignore[attr-defined]
        "127.0.0.1", port, is_master=False, timeout=PATIENCE
    )
    distributed.init_process_group(
        "gloo", store=store, rank=member.rank, world_size=member.size, timeout=PATIENCE
    )
    try:
        work(member)
    except RuntimeError as error:
        # The leader ended, by kill -9 perhaps; it goes on from its checkpoint, with new others.
        if "Connection closed" not in str(error):
            raise
    distributed.destroy_process_group()

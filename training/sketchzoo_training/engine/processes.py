"""Processes that share every batch: each computes a part of it, the objective sees the whole.

A batch is drawn whole by every process and cut afterwards, so that N processes take the
steps that one would take. On GPUs `accelerate launch` starts them. On the CPU the command
does: two processes of one thread each keep two cores busier than one of two threads, since
they meet once a layer's statistics and not within every layer.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed

TIMEOUT = timedelta(minutes=10)
"""How long a process waits for the others, at the start and at each step."""


@dataclass(frozen=True, slots=True)
class Share:
    """Which of `size` processes this one is, and so which rows of a whole are its own."""

    rank: int = 0
    size: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.size:
            raise ValueError(f"rank must be 0 to {self.size - 1}, not {self.rank}")

    @classmethod
    def current(cls) -> "Share":
        """Return this process's share in the process group, the whole where there is none."""
        if not distributed.is_initialized():
            return cls()
        return cls(distributed.get_rank(), distributed.get_world_size())

    def counts(self, whole: int) -> list[int]:
        """Return how many of `whole` rows each process has; the first have those left over."""
        least, more = divmod(whole, self.size)
        return [least + (rank < more) for rank in range(self.size)]

    def rows(self, whole: int) -> slice:
        """Return this process's rows of `whole`."""
        counts = self.counts(whole)
        start = sum(counts[: self.rank])
        return slice(start, start + counts[self.rank])


class _Gather(torch.autograd.Function):
    """All processes' rows. Backwards, a process's own are taken, times the processes.

    Every process computes the same loss of the same whole, and the mean of gradients over
    processes that follows divides by their number: together that is the whole's gradient.
    """

    @staticmethod
    def forward(ctx: Any, part: Tensor, whole: int, share: Share) -> Tensor:
        ctx.whole, ctx.share = whole, share
        counts = share.counts(whole)
        padded = part.new_zeros(max(counts), *part.shape[1:])
        padded[: len(part)] = part
        parts = [torch.empty_like(padded) for _ in counts]
        distributed.all_gather(parts, padded)
        return torch.cat([each[:count] for each, count in zip(parts, counts, strict=True)])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        share: Share = ctx.share
        return grads[0][share.rows(ctx.whole)] * share.size, None, None


def gather(part: Tensor, whole: int, share: Share) -> Tensor:
    """Return all processes' rows `(whole, ...)`; `part` are this one's. Gradients flow back."""
    if share.size == 1:
        return part
    gathered: Tensor = _Gather.apply(part, whole, share)
    return gathered


@contextmanager
def cpu_processes(count: int, work: Callable[[], Any]) -> Iterator[None]:
    """Start `count - 1` more processes that do `work`; this one is the first of the group.

    `work` must be importable by name, as for any spawned process. When the first process
    dies the others find nobody to meet and end; nothing is left behind.
    """
    if count == 1 or "RANK" in os.environ:  # a launcher has started them
        yield
        return
    store = distributed.TCPStore(  # type: ignore[attr-defined]
        "127.0.0.1", 0, is_master=True, wait_for_workers=False, timeout=TIMEOUT
    )
    context = multiprocessing.get_context("spawn")
    others = [
        context.Process(target=_join, args=(Share(rank, count), store.port, work), daemon=True)
        for rank in range(1, count)
    ]
    for other in others:
        other.start()
    try:
        _enter(Share(0, count), store)
        yield
        for other in others:
            other.join(TIMEOUT.total_seconds())
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()
        for name in _names(Share()):
            os.environ.pop(name, None)
        for other in others:
            other.terminate()


def _join(share: Share, port: int, work: Callable[[], Any]) -> None:
    store = distributed.TCPStore(  # type: ignore[attr-defined]
        "127.0.0.1", port, is_master=False, timeout=TIMEOUT
    )
    _enter(share, store)
    try:
        work()
    except RuntimeError:
        # The first ended, by kill -9 perhaps; it goes on from its checkpoint, with new others.
        first = multiprocessing.parent_process()
        if first is None or first.is_alive():
            raise
    distributed.destroy_process_group()


def _enter(share: Share, store: Any) -> None:
    # accelerate reads its place from what a launcher would have set, threads among it.
    os.environ.update(_names(share))
    os.environ.setdefault("OMP_NUM_THREADS", str(torch.get_num_threads()))
    distributed.init_process_group(
        "gloo", store=store, rank=share.rank, world_size=share.size, timeout=TIMEOUT
    )


def _names(share: Share) -> dict[str, str]:
    rank, size = str(share.rank), str(share.size)
    return {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size}

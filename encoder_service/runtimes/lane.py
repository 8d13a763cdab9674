"""Lanes: buffers and programs for one batch at a time each.

While the device works for one lane, the other's batch is collected and copied.
"""

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from encoder_service.runtimes.base import Vectors
from encoder_service.runtimes.program import Program
from encoder_service.runtimes.stream import Stream
from sketchzoo.images import Modality, Preprocessing, Square


class Lane:
    """One batch's way to the device and back: two host buffers, two on the device, programs."""

    def __init__(
        self,
        stream: Stream,
        device: torch.device,
        preprocessing: Mapping[Modality, Preprocessing],
        *,
        dimension: int,
        max_batch: int,
    ) -> None:
        """Take the memory for batches of up to `max_batch` squares of any modality."""
        self._stream = stream
        shapes = {
            modality: (max_batch, how.size, how.size, how.channels)
            for modality, how in preprocessing.items()
        }
        sizes = {modality: math.prod(shape) for modality, shape in shapes.items()}
        with stream.working():
            staged = torch.zeros(max(sizes.values()), dtype=torch.uint8, pin_memory=stream.pinned)
            squares = torch.zeros(len(staged), dtype=torch.uint8, device=device)
            self._vectors = torch.zeros((max_batch, dimension), device=device)
            self._answer = torch.zeros((max_batch, dimension), pin_memory=stream.pinned)
        # Modalities share both: a lane has one batch at a time.
        self._staged = {m: staged[: sizes[m]].view(shape) for m, shape in shapes.items()}
        self._squares = {m: squares[: sizes[m]].view(shape) for m, shape in shapes.items()}
        self._programs: dict[tuple[Modality, int], Program] = {}

    def warm_up(self, modality: Modality, size: int, network: nn.Module) -> None:
        """Do what a network's first run with `size` images takes, in the calling thread."""
        with torch.inference_mode():
            self._stream.warm_up(
                Program(network, self._squares[modality][:size], self._vectors[:size])
            )

    def capture(self, modality: Modality, size: int, network: nn.Module) -> None:
        """Make the program for batches of `size`; nothing else may run on the device."""
        with torch.inference_mode():
            self._programs[modality, size] = self._stream.capture(
                network, self._squares[modality][:size], self._vectors[:size]
            )

    def embed(self, modality: Modality, squares: Sequence[Square], size: int) -> Vectors:
        """Embed squares by the program for `size` of them; rows that are left over don't count."""
        count = len(squares)
        program = self._programs[modality, size]
        staged = self._staged[modality][:count]
        for row, square in zip(staged.numpy(), squares, strict=True):
            np.copyto(row, square)
        with torch.inference_mode(), self._stream.working():
            program.squares[:count].copy_(staged, non_blocking=True)
            program.run()
            self._answer[:count].copy_(program.vectors[:count], non_blocking=True)
            self._stream.wait()
        vectors: Vectors = self._answer[:count].numpy().copy()
        return vectors


class Lanes:
    """A device's lanes: any one that is free, or all, so that nothing runs on the device."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._all = tuple(lanes)
        self._free = list(lanes)
        self._wanted_whole = False
        self._changed = threading.Condition()

    @contextmanager
    def one(self) -> Iterator[Lane]:
        """Have a free lane."""
        with self._changed:
            self._changed.wait_for(lambda: self._free and not self._wanted_whole)
            lane = self._free.pop()
        try:
            yield lane
        finally:
            with self._changed:
                self._free.append(lane)
                self._changed.notify_all()

    @contextmanager
    def all(self) -> Iterator[Sequence[Lane]]:
        """Have every lane, ahead of who waits for one; for one thread at a time."""
        with self._changed:
            self._wanted_whole = True
            self._changed.wait_for(lambda: len(self._free) == len(self._all))
        try:
            yield self._all
        finally:
            with self._changed:
                self._wanted_whole = False
                self._changed.notify_all()

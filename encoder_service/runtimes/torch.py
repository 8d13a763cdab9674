"""Torch: batches for CUDA; the same code on the CPU, where tests run it.

On CUDA each tower runs in half precision and channels_last, captured as a CUDA graph for
a few fixed batch sizes; a batch is padded to the next of them. Images cross through
pinned memory. There are two lanes, each with buffers, graphs and a stream of its own:
while the device works for one, the other collects and copies.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from queue import SimpleQueue
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from encoder_service.runtimes.base import Vectors
from sketchzoo.images import Modality, Square, normalised
from sketchzoo.model import ModelArtefact, ModelError
from sketchzoo.towers import load_tower

_DTYPES = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}
Run = Callable[[Tensor], Tensor]


class TorchRuntime:
    """Runs an artefact's weights through `sketchzoo.towers`."""

    name = "torch"

    def __init__(
        self,
        artefact: ModelArtefact,
        *,
        device: str = "auto",
        precision: Literal["auto", "float32", "float16", "bfloat16"] = "auto",
        max_batch: int = 32,
    ) -> None:
        """Load each tower once; on CUDA, capture its graphs, which takes seconds.

        Raises:
            ModelError: the weights are missing or do not fit, or the device is not there.

        """
        chosen = _device(device)
        cuda = chosen.type == "cuda"
        name = precision if precision != "auto" else ("float16" if cuda else "float32")
        self.device = str(chosen)
        self.max_batch = max_batch
        self.lanes = 2 if cuda else 1
        towers: dict[str, torch.nn.Module] = {}
        for modality, tower in artefact.towers.items():
            if tower.stem not in towers:
                net: torch.nn.Module = load_tower(artefact, modality)
                net = net.to(device=chosen, dtype=_DTYPES[name], memory_format=torch.channels_last)  # type: ignore[call-overload] # the stubs lack this form
                towers[tower.stem] = net.requires_grad_(requires_grad=False)
        # A captured graph knows its weights by address alone: they live as long as it does.
        self._towers = towers
        self._lanes: SimpleQueue[_Lane] = SimpleQueue()
        for _ in range(self.lanes):
            self._lanes.put(_Lane(artefact, towers, chosen, _DTYPES[name], max_batch))

    def embed(
        self,
        modality: Modality,
        images: Sequence[Square],
        *,
        alone: bool = False,  # noqa: ARG002 - a batch has the device's every unit as it is
    ) -> Vectors:
        """Embed 1 to `max_batch` images of one modality on a free lane."""
        if not 1 <= len(images) <= self.max_batch:
            raise ValueError(f"images must hold 1 to {self.max_batch}, not {len(images)}")
        lane = self._lanes.get()
        try:
            return lane.embed(modality, images)
        finally:
            self._lanes.put(lane)


class _Lane:
    """Buffers and programs for one batch at a time."""

    def __init__(
        self,
        artefact: ModelArtefact,
        towers: dict[str, torch.nn.Module],
        device: torch.device,
        dtype: torch.dtype,
        max_batch: int,
    ) -> None:
        cuda = device.type == "cuda"
        self._stream: Any = torch.cuda.Stream(device) if cuda else None  # type: ignore[no-untyped-call] # so torch ships it
        self._preprocessing = {m: tower.preprocessing for m, tower in artefact.towers.items()}
        self._sizes = batch_sizes(max_batch)
        self._inputs: dict[Modality, Tensor] = {}
        self._programs: dict[tuple[Modality, int], Run] = {}
        for modality, tower in artefact.towers.items():
            side = tower.preprocessing.size
            shape = (max_batch, tower.preprocessing.channels, side, side)
            self._inputs[modality] = torch.zeros(shape, dtype=dtype, pin_memory=cuda)
            for size in self._sizes:
                program = _eager(towers[tower.stem])
                if cuda:
                    program = _captured(program, (size, *shape[1:]), dtype, self._stream)
                self._programs[modality, size] = program

    def embed(self, modality: Modality, images: Sequence[Square]) -> Vectors:
        size = next(size for size in self._sizes if size >= len(images))
        batch = self._inputs[modality][:size]
        how = self._preprocessing[modality]
        for row, square in zip(batch, images, strict=False):
            row.copy_(torch.from_numpy(normalised(square, how)))
        with torch.inference_mode(), _on(self._stream):
            vectors = self._programs[modality, size](batch)
            # To float32 first: half precision cannot hold a norm of 1 to three digits.
            unit = functional.normalize(vectors[: len(images)].float(), dim=1)
            return np.ascontiguousarray(unit.cpu().numpy())


def batch_sizes(max_batch: int) -> tuple[int, ...]:
    """Return the fixed sizes batches are padded to: the powers of two, and `max_batch`."""
    sizes = [1]
    while sizes[-1] * 2 < max_batch:
        sizes.append(sizes[-1] * 2)
    return tuple(sizes) if sizes[-1] == max_batch else (*sizes, max_batch)


def _device(name: str) -> torch.device:
    there = torch.cuda.is_available()
    if name == "auto":
        name = "cuda" if there else "cpu"
    if name.startswith("cuda") and not there:
        raise ModelError(f"device {name}: torch finds no CUDA here; use cpu or auto")
    device = torch.device("cuda:0" if name == "cuda" else name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ModelError(
            f"device {name}: this machine has {torch.cuda.device_count()} CUDA devices"
        )
    return device


def _eager(net: torch.nn.Module) -> Run:
    def run(batch: Tensor) -> Tensor:
        vectors: Tensor = net(batch.contiguous(memory_format=torch.channels_last))
        return vectors

    return run


def _on(stream: Any) -> Any:
    return nullcontext() if stream is None else torch.cuda.stream(stream)


def _captured(program: Run, shape: tuple[int, ...], dtype: torch.dtype, stream: Any) -> Run:
    """Capture a program as a CUDA graph; what the program reads must outlive the graph."""
    with torch.inference_mode(), torch.cuda.stream(stream):
        images = torch.zeros(shape, dtype=dtype, device=stream.device)
        for _ in range(3):  # lets cuDNN choose its algorithms outside the capture
            program(images)
        stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            vectors = program(images)

    def replay(batch: Tensor) -> Tensor:
        images.copy_(batch, non_blocking=True)
        graph.replay()
        return vectors

    return replay

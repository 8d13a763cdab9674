"""The model on a device without a service: how fast it is, and whether its answers stay right."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from encoder_service.runtimes import Vectors
from encoder_service.runtimes.torch import TorchRuntime, batch_sizes
from sketchzoo.images import Modality, Square

LEAST_COSINE = 0.9995


@dataclass(frozen=True, slots=True)
class Known:
    """Squares of a modality and what ONNX Runtime answers for each, in float32."""

    squares: Sequence[Square]
    vectors: Vectors


def rate(runtime: TorchRuntime, modality: Modality, known: Known, size: int, secs: float) -> float:
    """Return images a second in batches of `size`, as many at once as there are lanes."""
    batch = [known.squares[index % len(known.squares)] for index in range(size)]
    end = time.perf_counter() + secs

    def work(_: int) -> int:
        runs = 0
        while time.perf_counter() < end:
            runtime.embed(modality, batch)
            runs += 1
        return runs

    start = time.perf_counter()
    with ThreadPoolExecutor(runtime.lanes) as threads:
        runs = sum(threads.map(work, range(runtime.lanes)))
    return runs * size / (time.perf_counter() - start)


def prepare_every_size(runtime: TorchRuntime, known: Mapping[Modality, Known]) -> None:
    """Ask for each size until it has its program, as batches of it do."""
    for modality, each in known.items():
        for size in batch_sizes(runtime.max_batch):
            count = min(size, len(each.squares))
            while (modality, size) not in runtime.programs and count == size:
                runtime.embed(modality, each.squares[:size])
                runtime.settle()


def lowest_cosine(
    runtime: TorchRuntime,
    known: Mapping[Modality, Known],
    *,
    calls: int,
    seconds: float,
    upset: Callable[[], None],
) -> tuple[float, int]:
    """Embed batches of every size and modality from two threads at once, `upset` between them.

    Returns the lowest cosine to what is known, and how many calls that were: at most `calls` a
    thread, within `seconds`.
    """
    end = time.perf_counter() + seconds

    def work(seed: int) -> tuple[float, int]:
        chance = random.Random(seed)
        lowest = 1.0
        for call in range(calls):
            if time.perf_counter() > end:
                return lowest, call
            modality = chance.choice(list(known))
            each = known[modality]
            count = chance.randint(1, min(runtime.max_batch, len(each.squares)))
            chosen = chance.sample(range(len(each.squares)), count)
            vectors = runtime.embed(modality, [each.squares[index] for index in chosen])
            lowest = min(lowest, float((vectors * each.vectors[chosen]).sum(axis=1).min()))
            upset()
        return lowest, calls

    with ThreadPoolExecutor(2) as threads:
        ends = list(threads.map(work, range(2)))
    return min(cosine for cosine, _ in ends), sum(count for _, count in ends)


def upset_allocator() -> None:
    """Write over all memory that torch has free on the GPU, and give it back.

    A graph that reads what nobody keeps answers nonsense after this, or fails.
    """
    free: list[torch.Tensor] = []
    for mebibytes in (1, 4, 16, 64):
        shape = (mebibytes * 2**20,)
        free.append(torch.randint(0, 256, shape, dtype=torch.uint8, device="cuda"))
    torch.cuda.synchronize()
    del free
    torch.cuda.empty_cache()


def decoding_rate(photos: Sequence[bytes], seconds: float, device: str) -> float | None:
    """Return JPEGs a second that the device decodes; None where torchvision cannot."""
    from torchvision.io import decode_jpeg  # noqa: PLC0415 - its import takes a second

    files: list[torch.Tensor] = [
        torch.from_numpy(np.frombuffer(photo, np.uint8).copy()) for photo in photos[:64]
    ]
    count, end = 0, time.perf_counter() + seconds
    try:
        decode_jpeg(files, device=device)
        start = time.perf_counter()
        while time.perf_counter() < end:
            decode_jpeg(files, device=device)
            count += len(files)
        if device != "cpu":
            torch.cuda.synchronize()
    except RuntimeError:
        return None
    return count / (time.perf_counter() - start)

"""ONNX Runtime on an accelerator, by one of its execution providers: batches, as for torch.

Which one runs is looked for in the operator's order. What the installed ONNX Runtime has not,
or can't start, is said in the log, and the CPU comes last.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import structlog

from encoder_service.providers import PROVIDERS, named
from encoder_service.runtimes.base import DeviceError, Runtime, Vectors, agreeing
from encoder_service.runtimes.onnx import OnnxRuntime
from sketchzoo.images import Modality, Preprocessing, Square, normalised
from sketchzoo.model import ModelArtefact
from sketchzoo.model_error import ModelError
from sketchzoo.onnx import CPU, Provider, installed_providers, open_session

_ANY_SIZE = frozenset({"openvino"})
"""Providers that run any number of images as soon as another; others prepare for each number."""

log = structlog.get_logger()


class ProviderRuntime:
    """Runs an artefact's graphs by an execution provider; one batch at a time.

    Batches are filled up with blank images to the next power of two, or `max_batch`: most
    providers choose their kernels anew for each number of images. Those are run once here.
    Where a graph takes one image alone, as config.json then says, `max_batch` is 1.
    """

    name = "onnx"
    lanes = 1

    def __init__(
        self, artefact: ModelArtefact, provider: str, others: Sequence[str], *, max_batch: int
    ) -> None:
        """Open each tower; what `provider` can't run of it, `others` and then the CPU do.

        Raises:
            ModelError: a graph can't be opened, or this provider can't open or run it.

        """
        self.device = provider
        if any(tower.network.get("batch") == 1 for tower in artefact.towers.values()):
            max_batch = 1
        self.max_batch = max_batch
        # DirectML takes no two runs at once, TensorRT has them wait for each other.
        self._running = threading.Lock()
        self._preprocessing = {m: tower.preprocessing for m, tower in artefact.towers.items()}
        self._sessions = {}
        for modality, how in self._preprocessing.items():
            providers = [
                *(_with_options(name, how, max_batch) for name in (provider, *others)),
                CPU,
            ]
            self._sessions[modality] = open_session(artefact.onnx(modality), providers=providers)
            sizes = {1}
            if provider not in _ANY_SIZE:
                sizes |= {max_batch, *(1 << power for power in range(max_batch.bit_length()))}
            for size in sorted(sizes):
                blank = np.zeros((how.size, how.size, how.channels), np.uint8)
                self.embed(modality, [blank] * size)

    def embed(
        self,
        modality: Modality,
        images: Sequence[Square],
        *,
        alone: bool = False,  # noqa: ARG002 - a batch has the device's every unit as it is
    ) -> Vectors:
        """Embed 1 to `max_batch` images of one modality.

        Raises:
            DeviceError: the provider failed, as it would again in this process.

        """
        if not 1 <= len(images) <= self.max_batch:
            raise ValueError(f"images must hold 1 to {self.max_batch}, not {len(images)}")
        how = self._preprocessing[modality]
        batch = np.zeros((self._padded(len(images)), how.channels, how.size, how.size), np.float32)
        for row, image in zip(batch, images, strict=False):
            row[:] = normalised(image, how)
        try:
            with self._running:
                vectors: Vectors = self._sessions[modality].run(["embedding"], {"images": batch})[0]
        except Exception as error:  # its errors share no base class but Exception
            # The batch is right, and every size of one was run at the start.
            raise DeviceError(f"{self.device}: {error}") from error
        return vectors[: len(images)]

    def _padded(self, images: int) -> int:
        if self.device in _ANY_SIZE:
            return images
        return min(self.max_batch, 1 << (images - 1).bit_length())


def open_onnx(
    artefact: ModelArtefact,
    *,
    providers: Sequence[str] = ("cpu",),
    threads_alone: int = 0,
    max_batch: int = 32,
    graphs: Path | None = None,
) -> Runtime:
    """Open an artefact by the first of `providers` that starts here, at last on the CPU.

    `threads_alone` and `graphs` are for the CPU (`OnnxRuntime`), `max_batch` for all others.

    Raises:
        ModelError: the artefact can't be used, or the provider embeds otherwise than the CPU.

    """
    for place, name in enumerate(providers):
        if name == "cpu":
            break
        installed = installed_providers()
        if PROVIDERS[name] not in installed:
            log.warning(
                "execution provider is not in the installed onnxruntime",
                provider=name,
                installed=", ".join(named(installed)),
            )
            continue
        others = [
            other
            for other in providers[place + 1 :]
            if other != "cpu" and PROVIDERS[other] in installed
        ]
        try:
            runtime = ProviderRuntime(artefact, name, others, max_batch=max_batch)
        except ModelError as error:
            log.warning("execution provider does not start", provider=name, error=str(error))
            continue
        cosine = agreeing(runtime, OnnxRuntime(artefact), artefact)
        log.info("execution provider", provider=name, cosine=round(cosine, 6))
        return runtime
    return OnnxRuntime(artefact, threads_alone=threads_alone, graphs=graphs)


def _with_options(name: str, how: Preprocessing, max_batch: int) -> Provider:
    if name != "tensorrt":
        return PROVIDERS[name]
    # Or an engine is built anew for each larger batch, which takes minutes.
    shape = f"{how.channels}x{how.size}x{how.size}"
    return (
        PROVIDERS[name],
        {
            "trt_profile_min_shapes": f"images:1x{shape}",
            "trt_profile_opt_shapes": f"images:{max_batch}x{shape}",
            "trt_profile_max_shapes": f"images:{max_batch}x{shape}",
        },
    )

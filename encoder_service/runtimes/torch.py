"""Torch: batches for CUDA; the same code on the CPU, where tests run it.

A batch is padded to the next of a few sizes that have a program: on CUDA a graph of the
whole network, from bytes to unit vectors. The sizes 1 and `max_batch` have theirs at the start.
Those between are made where batches of them come, behind the answers: until then a batch is
padded further. There are two lanes: while the device works for one, the other collects.
"""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

import numpy as np
import structlog
import torch

from encoder_service.runtimes.base import DeviceError, Vectors
from encoder_service.runtimes.lane import Lane, Lanes
from encoder_service.runtimes.stream import CpuStream, CudaStream, wake
from sketchzoo.cores import available_cores
from sketchzoo.images import Modality, Square, normalised
from sketchzoo.model import ModelArtefact
from sketchzoo.model_error import ModelError

if TYPE_CHECKING:
    from encoder_service.runtimes.network import ServingNetwork

log = structlog.get_logger()

CPU_LANES = 1
"""One: a batch on the CPU takes every core."""

Precision = Literal["auto", "float32", "float16"]


class TorchRuntime:
    """Runs an artefact's weights through `sketchzoo.towers`."""

    name = "torch"

    def __init__(
        self,
        artefact: ModelArtefact,
        *,
        device: str = "auto",
        precision: Precision = "auto",
        max_batch: int = 32,
    ) -> None:
        """Load each tower once, and make the programs that any batch can do with.

        Raises:
            ModelError: the weights are missing or do not fit, the device is not there, cannot
                be used or has too little memory.

        """
        self._device = _device(device)
        self._cuda = self._device.type == "cuda"
        self.device = str(self._device)
        self.max_batch = max_batch
        self.lanes = 2 if self._cuda else CPU_LANES
        self._sizes = batch_sizes(max_batch)
        self.programs: set[tuple[Modality, int]] = set()
        self._tried: set[tuple[Modality, int]] = set()
        self._making = threading.Lock()
        # One thread makes every program: what the libraries prepare is a thread's own.
        self._maker = ThreadPoolExecutor(1, "programs")
        _choose(cuda=self._cuda)
        half = precision == "float16" or (precision == "auto" and self._cuda)
        try:
            # timm and torchvision take about as long to import as CUDA to begin.
            awake = self._maker.submit(wake, self._device)
            from encoder_service.runtimes.network import ServingNetwork  # noqa: PLC0415 - beside it

            by_stem = {tower.stem: modality for modality, tower in artefact.towers.items()}
            networks = {
                stem: ServingNetwork(artefact, modality, half=half)
                for stem, modality in by_stem.items()
            }
            awake.result()
            self._maker.submit(self._open, artefact, networks).result()
        except torch.OutOfMemoryError as error:
            raise ModelError(
                f"device {self.device} has too little memory for the model: other processes' "
                "encoders may have it, and max_batch may be lowered"
            ) from error
        except RuntimeError as error:
            if not self._cuda:
                raise
            raise ModelError(
                f"device {self.device} cannot be used: {_first_line(error)}"
            ) from error

    def embed(
        self,
        modality: Modality,
        images: Sequence[Square],
        *,
        alone: bool = False,  # noqa: ARG002 - a batch has the device's every unit as it is
    ) -> Vectors:
        """Embed 1 to `max_batch` squares of one modality on a free lane.

        Raises:
            DeviceError: the GPU failed; nothing will run on it in this process any more.

        """
        if not 1 <= len(images) <= self.max_batch:
            raise ValueError(f"images must hold 1 to {self.max_batch}, not {len(images)}")
        fitting = [size for size in self._sizes if size >= len(images)]
        if (modality, fitting[0]) not in self.programs:
            self._want(modality, fitting[0])
        size = next(size for size in fitting if (modality, size) in self.programs)
        try:
            with self._lanes.one() as lane:
                return lane.embed(modality, images, size)
        except RuntimeError as error:
            if not self._cuda:
                raise
            # Programs take no memory and their shapes are fixed: what fails is the device, and
            # CUDA gives the same error to every later call of the process.
            raise DeviceError(f"{self.device}: {_first_line(error)}") from error

    def settle(self) -> None:
        """Wait until the programs that were asked for are made."""
        self._maker.submit(int).result()

    def _open(self, artefact: ModelArtefact, networks: "Mapping[str, ServingNetwork]") -> None:
        self._networks = {
            modality: networks[tower.stem].to(self._device)
            for modality, tower in artefact.towers.items()
        }
        self._lanes = Lanes(
            [
                Lane(
                    CudaStream(self._device) if self._cuda else CpuStream(),
                    self._device,
                    {m: tower.preprocessing for m, tower in artefact.towers.items()},
                    dimension=artefact.dimension,
                    max_batch=self.max_batch,
                )
                for _ in range(self.lanes)
            ]
        )
        for modality in artefact.towers:
            for size in sorted({1, self.max_batch}):
                self._make(modality, size)

    def _make(self, modality: Modality, size: int) -> None:
        network = self._networks[modality]
        # The first warming, which takes long, leaves the other lanes to the batches.
        with self._lanes.one() as lane:
            lane.warm_up(modality, size, network)
        with self._lanes.all() as every:
            for lane in every:
                lane.warm_up(modality, size, network)
                lane.capture(modality, size, network)
        self.programs.add((modality, size))

    def _want(self, modality: Modality, size: int) -> None:
        """Have a size's program made behind the answers, unless one is being made."""
        if (modality, size) in self._tried or not self._making.acquire(blocking=False):
            return
        self._tried.add((modality, size))

        def make() -> None:
            try:
                self._make(modality, size)
            except RuntimeError as error:
                # Batches are padded further. Where the device is broken the next one finds it.
                log.warning("no program", modality=modality, size=size, error=_first_line(error))
            finally:
                self._making.release()

        self._maker.submit(make)


class Float32:
    """The towers as they were trained, image by image on the CPU: what others must agree with."""

    name = "torch"
    device = "cpu"
    max_batch = 1
    lanes = 1

    def __init__(self, artefact: ModelArtefact) -> None:
        """Load each tower.

        Raises:
            ModelError: the weights are missing or do not fit.

        """
        from sketchzoo.towers import load_tower  # noqa: PLC0415 - TorchRuntime says why

        self._towers = {modality: load_tower(artefact, modality) for modality in artefact.towers}
        self._preprocessing = {m: tower.preprocessing for m, tower in artefact.towers.items()}

    def embed(
        self,
        modality: Modality,
        images: Sequence[Square],
        *,
        alone: bool = False,  # noqa: ARG002 - the protocol's form
    ) -> Vectors:
        """Embed squares of one modality."""
        how = self._preprocessing[modality]
        with torch.inference_mode():
            batch = torch.from_numpy(np.stack([normalised(image, how) for image in images]))
            vectors: Vectors = self._towers[modality](batch).numpy()
        return vectors


def batch_sizes(max_batch: int) -> tuple[int, ...]:
    """Return the sizes batches are padded to: the powers of two, and `max_batch`."""
    sizes = [1]
    while sizes[-1] * 2 < max_batch:
        sizes.append(sizes[-1] * 2)
    return tuple(sizes) if sizes[-1] == max_batch else (*sizes, max_batch)


def _choose(*, cuda: bool) -> None:
    """Set on purpose what torch would choose by itself."""
    # On CUDA the host's work is to prepare images, a thread a core already.
    torch.set_num_threads(1 if cuda else available_cores())
    # Trying algorithms pays where shapes stay; here each size is met once, at its capture.
    torch.backends.cudnn.benchmark = False
    # float32 means float32: the head, and whoever asks for that precision to compare with.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


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


def _first_line(error: BaseException) -> str:
    """Return what CUDA says, without the advice on debugging below it."""
    return str(error).strip().split("\n", 1)[0] or type(error).__name__

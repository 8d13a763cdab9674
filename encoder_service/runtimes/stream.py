"""A stream: a device's queue of work, and all in which a GPU differs from the CPU.

Everything else of the torch runtime is the same code on both, and tested on the CPU.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from encoder_service.runtimes.program import Program

_WARM_UPS = 3


def wake(device: torch.device) -> None:
    """Let a GPU do its first small work, which takes a second: its context and its libraries."""
    if device.type != "cuda":
        return
    torch.cuda.set_device(device)
    one = torch.ones((1, 8, 8, 8), dtype=torch.float16, device=device)
    functional.conv2d(one, one)
    torch.cuda.synchronize(device)


class Stream(Protocol):
    """Where a lane's work goes."""

    pinned: bool
    """Whether host memory that is copied from and to must not be moved by the system."""

    def working(self) -> AbstractContextManager[Any]:
        """Let what torch does in this thread go to the stream."""

    def wait(self) -> None:
        """Wait, without holding the interpreter's lock, until all work is done."""

    def warm_up(self, program: Program) -> None:
        """Do once what the first run of a program takes beside its work."""

    def capture(self, network: nn.Module, squares: Tensor, vectors: Tensor) -> Program:
        """Make a program; nothing else may run on the device meanwhile."""


class CpuStream:
    """The CPU does all at once."""

    pinned = False

    def working(self) -> AbstractContextManager[None]:
        """Change nothing."""
        return nullcontext()

    def wait(self) -> None:
        """Return: all is done."""

    def warm_up(self, program: Program) -> None:
        """Run it: memory is taken, and the library has made its plans."""
        program.run()

    def capture(self, network: nn.Module, squares: Tensor, vectors: Tensor) -> Program:
        """Make a program that calls the network."""
        return Program(network, squares, vectors)


class CudaStream:
    """A CUDA stream with the memory pool of its graphs.

    Graphs of one pool must not run at the same time: a stream's never do.
    """

    pinned = True

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call] # so torch ships it
        self._pool = torch.cuda.graph_pool_handle()
        # Waiting for it sleeps; `Stream.synchronize` would spin on a core that prepares images.
        self._done = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call] # the same

    def working(self) -> AbstractContextManager[Any]:
        """Make stream and device the thread's own; a thread begins on device 0."""
        torch.cuda.set_device(self._device)
        return torch.cuda.stream(self._stream)

    def wait(self) -> None:
        """Sleep until the device has done all work of the stream."""
        self._done.record(self._stream)
        self._done.synchronize()

    def warm_up(self, program: Program) -> None:
        """Let cuDNN choose its algorithms, and the libraries take what they may not in a capture.

        cuDNN's choices are the thread's: who warms up captures too.
        """
        with self.working():
            for _ in range(_WARM_UPS):
                program.run()
        self.wait()

    def capture(self, network: nn.Module, squares: Tensor, vectors: Tensor) -> Program:
        """Record what a run queues as a graph."""
        with self.working():
            return _CapturedProgram(network, squares, vectors, self._stream, self._pool)


class _CapturedProgram(Program):
    """A program whose run replays a CUDA graph."""

    def __init__(
        self, network: nn.Module, squares: Tensor, vectors: Tensor, stream: Any, pool: Any
    ) -> None:
        super().__init__(network, squares, vectors)
        self._graph = torch.cuda.CUDAGraph()
        # Other threads may call CUDA meanwhile, though no lane works: allocate, for instance.
        with torch.cuda.graph(
            self._graph, pool=pool, stream=stream, capture_error_mode="thread_local"
        ):
            super().run()

    def run(self) -> None:
        """Queue the whole network by one launch."""
        self._graph.replay()

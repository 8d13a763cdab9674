"""A program: a network for one number of images, with all that it reads and fills."""

from torch import Tensor, nn


class Program:
    """Reads `squares` `(n, size, size, channels)`, fills `vectors` `(n, dimension)`.

    It owns what it works on. A CUDA graph, which takes its place on a GPU, knows weights and
    buffers by their addresses alone: whoever has the program has them alive.
    """

    def __init__(self, network: nn.Module, squares: Tensor, vectors: Tensor) -> None:
        """Work with tensors on the network's device."""
        self.network = network
        self.squares = squares
        self.vectors = vectors

    def run(self) -> None:
        """Run the network on the current stream; on a GPU its work is only queued."""
        self.vectors.copy_(self.network(self.squares))

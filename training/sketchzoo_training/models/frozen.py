"""Layers that training leaves as they are: torch on a GPU, ONNX Runtime on a CPU.

On a CPU ONNX Runtime joins each batch-norm with its convolution and keeps one image's
layers in the cache: that takes far less time than torch does (docs/study-tries.md has the
figures).
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from torch import Tensor, nn


class FrozenLayers:
    """Maps images to what the frozen layers make of them, on torch's number of threads.

    The layers are exported when a size of image first comes; later changes of their
    weights are not seen.
    """

    def __init__(self, layers: nn.Module) -> None:
        """Take `layers` in the state in which they are to be run."""
        self._layers = layers.eval()
        self._sessions: dict[torch.Size, onnxruntime.InferenceSession] = {}

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Map images `(n, channels, h, w)` to channels-last maps, or to whatever the layers make.

        No gradient flows back.
        """
        if images.is_cuda:
            made: Tensor = self._layers.to(images.device)(images)
            return made
        if not len(images):
            return images
        session = self._session(images[:1])

        def run(image: Tensor) -> npt.NDArray[np.float32]:
            maps: npt.NDArray[np.float32] = session.run(["maps"], {"images": image[None].numpy()})[
                0
            ]
            return maps

        # One at a time: a batch's maps do not fit the cache.
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            maps = list(pool.map(run, images.contiguous()))
        joined = torch.from_numpy(np.concatenate(maps))
        if joined.ndim == images.ndim:  # maps, not logits
            joined = joined.contiguous(memory_format=torch.channels_last)
        return joined

    def _session(self, image: Tensor) -> onnxruntime.InferenceSession:
        if image.shape not in self._sessions:
            from sketchzoo_training.models.export import onnx_of  # noqa: PLC0415 - on a CPU alone

            model = onnx_of(self._layers, image.contiguous(), "maps")
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            self._sessions[image.shape] = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        return self._sessions[image.shape]

"""Layers that training leaves as they are, run by ONNX Runtime.

It joins each batch-norm with its convolution and keeps one image's layers in the cache:
on a CPU that takes far less time than torch does (docs/study-tries.md has the figures).
"""

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from sketchzoo_training.models.export import onnx_of


class Frozen:
    """Maps images to what the frozen layers make of them, on one thread.

    The layers are exported when a size of image first comes; later changes of their
    weights are not seen.
    """

    def __init__(self, layers: nn.Module) -> None:
        """Take `layers` in the state in which they are to be run."""
        self._layers = layers
        self._sessions: dict[torch.Size, onnxruntime.InferenceSession] = {}

    def __call__(self, images: Tensor) -> Tensor:
        """Map images `(n, channels, h, w)` to channels-last maps, or to whatever the layers make.

        No gradient flows back.
        """
        session = self._session(images[:1])
        # One at a time: a batch's maps do not fit the cache.
        maps = [session.run(["maps"], {"images": each[None].numpy()})[0] for each in images]
        joined = torch.from_numpy(np.concatenate(maps))
        if joined.ndim == images.ndim:  # maps, not logits
            joined = joined.contiguous(memory_format=torch.channels_last)
        return joined

    def _session(self, image: Tensor) -> onnxruntime.InferenceSession:
        if image.shape not in self._sessions:
            with torch.no_grad():
                model = onnx_of(self._layers, image.contiguous(), "maps")
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            self._sessions[image.shape] = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        return self._sessions[image.shape]

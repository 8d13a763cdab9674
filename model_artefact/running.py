"""Running image towers on ONNX Runtime, one image at a time or several."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from sketchzoo.onnx import open_session
from sketchzoo.text_tower import Vectors, answer

NORM_TOLERANCE = 1e-3
PARITY = 0.9999
"""The least cosine at which two embeddings of one image are the same."""


class Session:
    """An image tower's graph on one thread of the CPU."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            ModelError: it is missing, no ONNX model, or has other inputs and outputs.

        """
        self._session = open_session(path)

    def embed(self, images: npt.NDArray[np.float32]) -> Vectors:
        """Embed images `(n, channels, size, size)` at once.

        Raises:
            ModelError: the graph can't be run, or answers no vector an image.

        """
        return answer(self._session, {"images": images})

    def embed_each(self, images: npt.NDArray[np.float32]) -> Vectors:
        """Embed images one after the other."""
        return np.concatenate([self.embed(image[None]) for image in images])


def is_unit(vectors: Vectors) -> bool:
    """Tell whether every row has L2 norm 1."""
    return bool((np.abs(np.linalg.norm(vectors, axis=1) - 1) < NORM_TOLERANCE).all())


def agree(some: Vectors, others: Vectors) -> bool:
    """Tell whether two times the same rows point to the same places."""
    if some.shape != others.shape:
        return False
    norms = np.linalg.norm(some, axis=1) * np.linalg.norm(others, axis=1)
    cosines = (some * others).sum(axis=1) / np.maximum(norms, np.finfo(np.float32).tiny)
    return bool((cosines >= PARITY).all())

"""Running towers on ONNX Runtime, one image at a time or several."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sketchzoo.model_error import ModelError
from sketchzoo.onnx import open_session

Vectors = npt.NDArray[np.float32]
"""float32 `(n, dimension)`."""
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
        return _answer(self._session, {"images": images})

    def embed_each(self, images: npt.NDArray[np.float32]) -> Vectors:
        """Embed images one after the other."""
        return np.concatenate([self.embed(image[None]) for image in images])


class TextSession:
    """A text tower's graph on one thread of the CPU."""

    def __init__(self, path: Path, inputs: tuple[str, ...]) -> None:
        """Open it; `inputs` are what it takes of a tokenizer's answer.

        Raises:
            ModelError: it is missing, no ONNX model, or has other inputs and outputs.

        """
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # as sketchzoo.onnx has it
        import onnxruntime  # noqa: PLC0415 - its import takes longer than a help page may

        if not path.is_file():
            raise ModelError(f"{path} is missing")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what is wrong with a model is raised
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its errors share no other base
            said = " ".join(str(error).split())
            raise ModelError(f"{path} is no model that ONNX Runtime can load: {said}") from error
        taken = {each.name for each in self._session.get_inputs()}
        answered = [each.name for each in self._session.get_outputs()]
        if taken != set(inputs) or answered != ["embedding"]:
            raise ModelError(
                f"{path} has inputs {sorted(taken)} and outputs {answered}; it must map "
                f"{', '.join(inputs)} to embedding"
            )
        self._inputs = inputs

    def embed(self, tokens: Mapping[str, npt.NDArray[np.int64]]) -> Vectors:
        """Embed texts by their tokens, each `(n, context)`.

        Raises:
            ModelError: the graph can't be run, or answers no vector a text.

        """
        return _answer(self._session, {name: tokens[name] for name in self._inputs})


def _answer(session: Any, values: Mapping[str, npt.NDArray[Any]]) -> Vectors:
    count = len(next(iter(values.values())))
    try:
        (vectors,) = session.run(["embedding"], dict(values))
    except Exception as error:  # its errors share no other base
        raise ModelError(f"ONNX Runtime cannot run it: {' '.join(str(error).split())}") from error
    found: Vectors = vectors
    if found.ndim != 2 or len(found) != count:  # noqa: PLR2004 - one row an image
        raise ModelError(f"it answers {list(found.shape)} to {count}; one vector each is needed")
    return found


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

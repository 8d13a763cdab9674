"""The protocol between the encoder and whatever runs the model."""

import io
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from sketchzoo.images import Modality, Square, decode, squared
from sketchzoo.model import ModelArtefact, ModelError

Vectors = npt.NDArray[np.float32]
"""Embeddings: float32 `(n, dimension)`, each row of L2 norm 1."""

_NORM_TOLERANCE = 1e-3


class Runtime(Protocol):
    """Runs a model's towers.

    `embed` may be called from `lanes` threads at once, or from any number where
    `max_batch` is 1: such a runtime gains nothing by batches.
    """

    @property
    def name(self) -> str:
        """The runtime's name: `onnx` or `torch`."""

    @property
    def device(self) -> str:
        """Where it runs, for instance `cpu` or `cuda:0`."""

    @property
    def max_batch(self) -> int:
        """How many images `embed` takes at once."""

    @property
    def lanes(self) -> int:
        """How many batches may be under way at once."""

    def embed(
        self, modality: Modality, images: Sequence[Square], *, alone: bool = False
    ) -> Vectors:
        """Embed 1 to `max_batch` squares of one modality, in order; their values are scaled here.

        `alone` says that nothing else is under way: the run may take every core.
        """


def warm(runtime: Runtime, artefact: ModelArtefact) -> None:
    """Run every tower once on a real image, and see that it keeps the artefact's promises.

    Decoders are warmed as well: the first image of a process costs 50 ms otherwise.

    Raises:
        ModelError: the embeddings are not `dimension` finite values of norm 1.

    """
    # A diagonal: a network may answer a blank image with the zero vector.
    image = Image.fromarray(np.uint8(255) * (1 - np.eye(64, dtype=np.uint8)))
    for modality, tower in artefact.towers.items():
        for form in ("JPEG", "PNG", "WEBP"):
            file = io.BytesIO()
            image.save(file, form)
            square = squared(decode(file.getvalue()), tower.preprocessing)
        for alone in (True, False):
            vectors = runtime.embed(modality, [square], alone=alone)
        if vectors.shape != (1, artefact.dimension):
            raise ModelError(
                f"{artefact.folder}: the {tower.name} tower answers {vectors.shape[1:]} values; "
                f"config.json states dimension {artefact.dimension}"
            )
        norm = float(np.linalg.norm(vectors))
        if not abs(norm - 1) < _NORM_TOLERANCE:
            raise ModelError(
                f"{artefact.folder}: the {tower.name} tower's embeddings have L2 norm {norm:.4g}; "
                "they must have norm 1"
            )

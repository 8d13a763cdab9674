"""A runtime that tests can hold, fail and look into."""

import threading
from collections.abc import Sequence

import numpy as np

from encoder_service.runtimes import Vectors
from sketchzoo.images import Modality, Preprocessing, Square

PREPROCESSING = dict.fromkeys(
    Modality, Preprocessing(size=16, fit="crop", mean=(0.5,) * 3, std=(0.5,) * 3)
)


class FakeRuntime:
    """Answers unit vectors, another for each modality; runs while the gate is open."""

    name = "fake"
    device = "cpu"
    lanes = 1

    def __init__(self, max_batch: int = 1) -> None:
        self.max_batch = max_batch
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Event()
        self.batches: list[tuple[Modality, int]] = []
        self.error: Exception | None = None
        self.value = 1.0
        self.alone: list[bool] = []

    @property
    def images(self) -> int:
        """How many images have reached the model."""
        return sum(size for _, size in self.batches)

    def embed(
        self, modality: Modality, images: Sequence[Square], *, alone: bool = False
    ) -> Vectors:
        self.alone.append(alone)
        self.batches.append((modality, len(images)))
        self.begun.set()
        if not self.gate.wait(30):
            raise TimeoutError("the test never opened the gate")
        if self.error is not None:
            raise self.error
        vectors = np.zeros((len(images), 4), np.float32)
        vectors[:, 0 if modality is Modality.PHOTO else 1] = self.value
        return vectors

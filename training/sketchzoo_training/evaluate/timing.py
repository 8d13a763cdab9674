"""How long a model takes for one image."""

import statistics
import time
from typing import NamedTuple

import numpy as np

from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo.onnx import open_session
from sketchzoo_training.evaluate.embedding import infer

_WARM = 10  # runs before the first that counts


class Timing(NamedTuple):
    """Milliseconds of one image's inference: the median, and the least.

    Other work on the machine only ever adds, so the least tells of the network.
    """

    p50: float
    least: float


def time_model(artefact: ModelArtefact, modality: Modality, *, runs: int = 60) -> Timing:
    """Time a modality's network alone with ONNX Runtime on one thread.

    Raises:
        sketchzoo.model.ModelError: its ONNX file is missing or broken.

    """
    session = open_session(artefact.onnx(modality))
    how = artefact.towers[modality].preprocessing
    image = np.zeros((how.channels, how.size, how.size), np.float32)
    took = []
    for _ in range(_WARM + runs):
        began = time.perf_counter()
        infer(session, image)
        took.append(1000 * (time.perf_counter() - began))
    counted = took[_WARM:]
    return Timing(round(statistics.median(counted), 2), round(min(counted), 2))

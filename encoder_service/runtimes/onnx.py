"""ONNX Runtime on CPUs: under load one thread a run, many runs at once.

Under load one thread an image gives half as many images again as two threads an image,
and batches gain nothing (docs/adr/0003-onnx-on-cpu.md has the figures). So each worker
thread of the encoder runs the shared session on one image by itself. An image that comes
alone would leave the other cores idle: a second session runs it on several threads
(docs/adr/0040-all-cores-for-a-lone-image.md).
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from encoder_service.runtimes.base import Vectors
from sketchzoo.images import Modality, Square, normalised
from sketchzoo.model import ModelArtefact
from sketchzoo.onnx import open_session


class OnnxRuntime:
    """Runs an artefact's graphs.

    `threads_alone` is how many threads run an image that has the encoder to itself; 1
    keeps no second session.
    """

    name = "onnx"
    device = "cpu"
    max_batch = 1
    lanes = 1

    def __init__(self, artefact: ModelArtefact, *, threads_alone: int = 1) -> None:
        """Load each tower once for every number of threads, side by side.

        Raises:
            ModelError: a file is missing, is no ONNX model or has other inputs and outputs.

        """
        self._preprocessing = {m: tower.preprocessing for m, tower in artefact.towers.items()}
        paths = {modality: artefact.onnx(modality) for modality in artefact.towers}
        different = [
            (path, threads)
            for path in sorted(set(paths.values()))
            for threads in sorted({1, threads_alone})
        ]
        with ThreadPoolExecutor(len(different)) as pool:
            opened = pool.map(lambda each: open_session(*each), different)
            sessions = dict(zip(different, opened, strict=True))
        self._sessions = {modality: sessions[path, 1] for modality, path in paths.items()}
        self._alone = {modality: sessions[path, threads_alone] for modality, path in paths.items()}

    def embed(
        self, modality: Modality, images: Sequence[Square], *, alone: bool = False
    ) -> Vectors:
        """Embed images of one modality; safe to call from any number of threads."""
        preprocessing = self._preprocessing[modality]
        batch = np.stack([normalised(image, preprocessing) for image in images])
        session = (self._alone if alone else self._sessions)[modality]
        vectors: Vectors = session.run(["embedding"], {"images": batch})[0]
        return vectors

"""ONNX Runtime on CPUs: under load one thread a run, many runs at once.

Under load one thread an image gives half as many images again as two threads an image,
and batches gain nothing (docs/adr/0003-onnx-on-cpu.md has the figures). So each worker
thread of the encoder runs the shared session on one image by itself. An image that comes
alone would leave the other cores idle: a second session runs it on several threads
(docs/adr/0040-all-cores-for-a-lone-image.md).
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime as ort

from encoder_service.runtimes.base import Pixels, Vectors
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact, ModelError


class OnnxRuntime:
    """Runs an artefact's `<tower>.onnx` files.

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
        paths = {modality: artefact.onnx(modality) for modality in artefact.towers}
        different = [
            (path, threads)
            for path in sorted(set(paths.values()))
            for threads in sorted({1, threads_alone})
        ]
        with ThreadPoolExecutor(len(different)) as pool:
            opened = pool.map(lambda each: _open(*each), different)
            sessions = dict(zip(different, opened, strict=True))
        self._sessions = {modality: sessions[path, 1] for modality, path in paths.items()}
        self._alone = {modality: sessions[path, threads_alone] for modality, path in paths.items()}

    def embed(
        self, modality: Modality, images: Sequence[Pixels], *, alone: bool = False
    ) -> Vectors:
        """Embed images of one modality; safe to call from any number of threads."""
        batch = images[0][None] if len(images) == 1 else np.stack(images)
        session = (self._alone if alone else self._sessions)[modality]
        vectors: Vectors = session.run(["embedding"], {"images": batch})[0]
        return vectors


def _open(path: Path, threads: int) -> ort.InferenceSession:
    if not path.is_file():
        raise ModelError(f"{path} is missing")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    # Within a run on several threads waking them for each step would eat up the gain: they
    # spin. Between runs waiting threads must leave their core to the others.
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(threads > 1)))
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # Denormal numbers cost a hundred times a normal one's time, and mean zero here.
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    try:
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors share no base class but Exception
        raise ModelError(f"{path} is no model that ONNX Runtime can load: {error}") from error
    inputs = [value.name for value in session.get_inputs()]
    outputs = [value.name for value in session.get_outputs()]
    if inputs != ["images"] or "embedding" not in outputs:
        raise ModelError(
            f"{path} has inputs {inputs} and outputs {outputs}; it must map images to embedding"
        )
    return session

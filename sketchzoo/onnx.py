"""A model's graph in ONNX Runtime, opened the same way wherever one is run."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sketchzoo.model import ModelError

if TYPE_CHECKING:
    import onnxruntime


def open_session(path: Path, threads: int = 1) -> "onnxruntime.InferenceSession":
    """Open a tower's graph on the CPU; each run takes `threads` threads.

    Any number of threads may run the session at once.

    Raises:
        ModelError: a file is missing, is no ONNX model or has other inputs and outputs.

    """
    # Its wheels send to their maker what they run, from 1.29 on, and say so on stderr where
    # they can't. It is asked before the library is loaded, once for the process.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime  # noqa: PLC0415 - its import takes longer than a help page may

    if not path.is_file():
        raise ModelError(f"{path} is missing")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what is wrong with a model is raised
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Within a run on several threads waking them for each step would eat up the gain: they
    # spin. Between runs waiting threads must leave their core to the others.
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(threads > 1)))
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors share no base class but Exception
        raise ModelError(f"{path} is no model that ONNX Runtime can load: {error}") from error
    inputs = [value.name for value in session.get_inputs()]
    outputs = [value.name for value in session.get_outputs()]
    if inputs != ["images"] or "embedding" not in outputs:
        raise ModelError(
            f"{path} has inputs {inputs} and outputs {outputs}; it must map images to embedding"
        )
    return session

"""A model's graph in ONNX Runtime, opened the same way wherever one is run."""

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from sketchzoo.model_error import ModelError

if TYPE_CHECKING:
    import onnxruntime

CPU = "CPUExecutionProvider"
IMAGES = ("images",)
"""What an image tower takes."""
_WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"
_WEIGHTS_BYTES = 1024
"""Weights of fewer bytes stay in the graph: a map takes whole pages."""
_TOLERANCE = 1e-6
_LOADING = Lock()

Provider = str | tuple[str, dict[str, str]]
"""An execution provider by ONNX Runtime's own name, with its options where it has some."""


def open_session(
    path: Path,
    threads: int = 1,
    *,
    inputs: Sequence[str] = IMAGES,
    providers: Sequence[Provider] = (CPU,),
    optimised: bool = False,
    weights: Path | None = None,
) -> "onnxruntime.InferenceSession":
    """Open a tower's graph; on the CPU each run takes `threads` threads.

    Any number of threads may run the session at once. All sessions of a process take what they
    compute with from one arena. A graph that is `optimised` already (`write_optimised`) is run
    as it is, and its weights stay in their file, mapped: other sessions share the pages.
    `inputs` are what it takes; `weights` is the folder of those outside of it, its own if unset.

    Raises:
        ModelError: a file is missing, is no ONNX model or has other inputs and outputs, or the
            first of the providers can't run it.

    """
    if not path.is_file():
        raise ModelError(f"{path} is missing")
    runtime = _onnxruntime()
    options = _options(threads)
    if optimised:
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    graph: Path | bytes = path
    if weights is not None:
        options.add_session_config_entry(_WEIGHTS_FOLDER, str(weights))
        graph = path.read_bytes()  # of a file only the folder that it lies in would be asked
    try:
        # Its own fallback would go on with the CPU, and say so on stdout alone.
        session = runtime.InferenceSession(
            graph, options, providers=list(providers), enable_fallback=0
        )
    except Exception as error:  # its errors share no base class but Exception
        said = " ".join(str(error).split())
        raise ModelError(f"{path} is no model that ONNX Runtime can load: {said}") from error
    taken = [value.name for value in session.get_inputs()]
    outputs = [value.name for value in session.get_outputs()]
    if set(taken) != set(inputs) or "embedding" not in outputs:
        raise ModelError(
            f"{path} has inputs {taken} and outputs {outputs}; it must map {', '.join(inputs)} "
            "to embedding"
        )
    first = providers[0] if isinstance(providers[0], str) else providers[0][0]
    if session.get_providers()[0] != first:  # one whose libraries are missing is left out
        raise ModelError(f"{path}: {first} did not start, for instance for want of its libraries")
    return session


def write_optimised(path: Path, target: Path, *, inputs: Sequence[str] = IMAGES) -> None:
    """Optimise a graph for this machine's CPU and write it, its weights in a file beside it.

    The weights lie as they are computed with, blocked and packed, so that a session maps them
    and copies nothing. Only this version of ONNX Runtime on this kind of CPU can run it.

    Raises:
        ModelError: it is no model that can be loaded, can't be written, or embeds otherwise when
            it is opened again.

    """
    options = _options(threads=1)
    part = target.with_suffix(".part")
    options.optimized_model_filepath = str(part)
    for key, value in (
        ("session.optimized_model_external_initializers_file_name", f"{target.stem}.weights"),
        ("session.optimized_model_external_initializers_min_size_in_bytes", str(_WEIGHTS_BYTES)),
        ("session.save_external_prepacked_constant_initializers", "1"),
    ):
        options.add_session_config_entry(key, value)
    try:
        first = _onnxruntime().InferenceSession(path, options, providers=[CPU], enable_fallback=0)
        _see_equal(first, open_session(part, inputs=inputs, optimised=True))
        part.replace(target)  # who sees it sees all of its weights
    except Exception as error:  # as above
        for left in (part, target.with_suffix(".weights")):
            left.unlink(missing_ok=True)
        raise ModelError(f"{path} can't be optimised: {error}") from error


def installed_providers() -> tuple[str, ...]:
    """Return the execution providers that the installed ONNX Runtime was built with."""
    return tuple(_onnxruntime().get_available_providers())


def _see_equal(one: Any, other: Any) -> None:
    example = {value.name: _example(value) for value in one.get_inputs()}
    ours, theirs = (session.run(["embedding"], example)[0] for session in (one, other))
    if not np.allclose(ours, theirs, atol=_TOLERANCE, equal_nan=True):
        raise ModelError("the optimised graph embeds otherwise")


def _example(value: Any) -> Any:
    """Return something that an input takes: noise for pixels, ones for tokens and their mask."""
    shape = [side if isinstance(side, int) else 1 for side in value.shape]
    if value.type == "tensor(int64)":
        return np.ones(shape, np.int64)
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def _options(threads: int) -> Any:
    options = _onnxruntime().SessionOptions()
    options.log_severity_level = 4  # what is wrong with a model is raised
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Within a run on several threads waking them for each step would eat up the gain: they
    # spin. Between runs waiting threads must leave their core to the others.
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(threads > 1)))
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.add_session_config_entry("session.use_env_allocators", "1")
    return options


def _onnxruntime() -> Any:
    with _LOADING:  # several threads open graphs at once
        return _loaded()


@cache
def _loaded() -> Any:
    # Its wheels send to their maker what they run, from 1.29 on, and say so on stderr where
    # they can't. It is asked before the library is loaded, once for the process.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime  # noqa: PLC0415 - its import takes longer than a help page may

    # One arena for all sessions; each would keep one, as large as its most runs at once took.
    onnxruntime.create_and_register_allocator(
        onnxruntime.OrtMemoryInfo(
            "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0,
            onnxruntime.OrtMemType.DEFAULT,
        ),
        onnxruntime.OrtArenaCfg(0, -1, -1, -1),  # no limit, all else as it has it
    )  # fmt: skip
    return onnxruntime

"""Execution providers: what ONNX Runtime may run a model on, by the names that operators give."""

from collections.abc import Iterable

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}
"""ONNX Runtime's own name of each."""


def checked(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of execution providers as they are.

    Raises:
        ValueError: there are none, one is given twice or is not known; names those that are.

    """
    given = tuple(names)
    known = ", ".join(PROVIDERS)
    if not given:
        raise ValueError(f"providers must name at least one of {known}")
    for name in given:
        if name not in PROVIDERS:
            raise ValueError(f"{name!r} is no execution provider: known are {known}")
    if len(set(given)) < len(given):
        raise ValueError(f"providers must name each once, not {', '.join(given)}")
    return given


def named(full: Iterable[str]) -> tuple[str, ...]:
    """Return ONNX Runtime's names as operators give them; what has no such name as it is."""
    short = {name: own for own, name in PROVIDERS.items()}
    return tuple(short.get(name, name) for name in full)

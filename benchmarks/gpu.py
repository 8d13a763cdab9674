"""The GPU: the bare model, its answers, and the services with the torch runtime.

Within 150 seconds, on a machine without a network, from a folder that was carried there
(`python -m benchmarks.carry`). Where there is no GPU it runs on the CPU as a rehearsal.
"""

import importlib.util
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bar import Bar
from benchmarks.section import Section
from benchmarks.services import encoding, environment, load, of_processes, running
from benchmarks.workload import Workload
from sketchzoo.images import Modality, decode, enough_for, squared
from sketchzoo.model import ModelArtefact

_LOADERS = 4
"""Processes that make load: one alone cannot make thousands of calls a second."""
_GROUPS = (1, 4)
"""Encoders and search services of so many processes are measured."""
_KNOWN = 64
_CALLS = 2000
_PHOTOS = 640


def measure(out: Path, workload: Workload, artefact: ModelArtefact, seconds: float) -> Section:
    """Measure the model alone, then the services; `seconds` is how long each part is loaded."""
    section = Section("GPU", ("what", "value"))
    with environment({"SKETCHZOO_ENCODER_RUNTIME": "torch", "SKETCHZOO_LOG_LEVEL": "warning"}):
        _alone(section, workload, artefact, seconds)
        best: dict[str, float] = {}
        for processes in _GROUPS:
            found = _served(out / f"gpu-{processes}", workload, artefact, seconds, processes)
            for what, value in found.items():
                section.rows.append((f"{what}, {processes} processes", value))
                better = min if what in ("start_seconds", "search_p50_ms") else max
                best[what] = better(value, best.get(what, value))
    for what, sense, asked, unit in (
        ("start_seconds", "<=", 8.0, "s"),
        ("photos_32_a_call", ">=", 5000.0, "/s"),
        ("sketches_8_a_call", ">=", 3000.0, "/s"),
        ("searches_32_callers", ">=", 1500.0, "/s"),
        ("search_p50_ms", "<=", 6.0, "ms"),
    ):
        if what in best:
            section.bars.append(Bar(f"gpu_{what}", best[what], sense, asked, unit))  # type: ignore[arg-type] # one of both
    section.notes.append(
        f"bars are of the better of {' and '.join(map(str, _GROUPS))} processes; the clients, "
        f"{_LOADERS} processes, share the cores; {seconds:g} s each"
    )
    return section


def _alone(section: Section, workload: Workload, artefact: ModelArtefact, seconds: float) -> None:
    """Add the bare model's rates, the cosines and what a JPEG costs on either side."""
    import torch  # noqa: PLC0415 - takes seconds, and only this part needs it

    from benchmarks import device  # noqa: PLC0415 - the same
    from encoder_service.runtimes.torch import TorchRuntime  # noqa: PLC0415 - the same

    start = time.perf_counter()
    runtime = TorchRuntime(artefact, device=os.environ.get("SKETCHZOO_ENCODER_DEVICE", "auto"))
    section.rows.append(("runtime opened, seconds", time.perf_counter() - start))
    on_gpu = runtime.device != "cpu"
    known = _known(workload, artefact)
    device.prepare_every_size(runtime, known)
    for modality, each in known.items():
        for size in (1, 8, 32):
            found = device.rate(runtime, modality, each, size, seconds / 4)
            section.rows.append((f"bare model, {modality} in batches of {size}, /s", found))
    lowest, calls = device.lowest_cosine(
        runtime,
        known,
        calls=_CALLS if on_gpu else 10,
        seconds=3 * seconds,
        upset=device.upset_allocator if on_gpu else lambda: None,
    )
    section.rows.append(("batches compared with ONNX, two lanes at once", calls))
    section.bars.append(Bar("gpu_lowest_cosine", lowest, ">=", device.LEAST_COSINE))
    for where in ("cpu", "cuda") if on_gpu else ("cpu",):
        decoded = device.decoding_rate(workload.photos, seconds / 4, where)
        if decoded is not None:
            section.rows.append(
                (f"JPEGs decoded by torchvision on {where}, one thread, /s", decoded)
            )
    section.rows.append(
        ("photos prepared by one thread, /s", _prepared(workload, artefact, seconds))
    )
    section.notes.append(
        f"{runtime.device}, torch {torch.__version__}, "
        + (torch.cuda.get_device_name(runtime.device) if on_gpu else "no GPU: a rehearsal")
    )
    if on_gpu:
        held = torch.cuda.memory_reserved() / 2**20
        section.rows.append(("memory that torch holds on the GPU, MiB", held))


def _known(workload: Workload, artefact: ModelArtefact) -> "dict[Modality, Any]":
    from benchmarks.device import Known  # noqa: PLC0415 - it imports torch
    from encoder_service.runtimes.onnx import OnnxRuntime  # noqa: PLC0415 - beside it

    onnx = OnnxRuntime(artefact)
    known: dict[Modality, Any] = {}
    for modality, files in (
        (Modality.PHOTO, workload.photos),
        (Modality.SKETCH, workload.sketches),
    ):
        how = artefact.towers[modality].preprocessing
        squares = [squared(decode(file), how) for file in files[:_KNOWN]]
        with ThreadPoolExecutor() as threads:
            vectors = list(threads.map(lambda each, m=modality: onnx.embed(m, [each]), squares))
        known[modality] = Known(squares, np.concatenate(vectors))
    return known


def _prepared(workload: Workload, artefact: ModelArtefact, seconds: float) -> float:
    how = artefact.towers[Modality.PHOTO].preprocessing
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds / 4:
        photo = workload.photos[count % len(workload.photos)]
        squared(decode(photo, enough=enough_for(how)), how)
        count += 1
    return count / (time.perf_counter() - start)


def _served(
    out: Path, workload: Workload, artefact: ModelArtefact, seconds: float, processes: int
) -> dict[str, float]:
    """Return the rates of services of so many processes each, and what a lone search takes."""
    shutil.rmtree(out, ignore_errors=True)
    folder, model = workload.folder, str(artefact.folder)
    found: dict[str, float] = {}
    with of_processes(processes):
        start = time.perf_counter()
        with encoding(out / "alone", model) as address:
            found["start_seconds"] = time.perf_counter() - start
            found |= _embedded(address, folder, seconds)
        if importlib.util.find_spec("qdrant_edge") is None:
            return found
        with running(out, _some(out, workload), model) as parts:
            target = parts.search.address
            sketches = folder / "sketch"
            lone = load("search", target, sketches, callers=1, seconds=seconds)
            found["search_p50_ms"] = lone["answered"]["p50"] * 1e3
            found["searches_32_callers"] = _rate(("search", target, sketches), 32, 1, seconds)
    return found


def _embedded(address: str, folder: Path, seconds: float) -> dict[str, float]:
    return {
        "photos_32_a_call": _rate(("embed-photo", address, folder / "photo"), 16, 32, seconds),
        "sketches_8_a_call": _rate(("embed", address, folder / "sketch"), 32, 8, seconds),
    }


def _rate(what: tuple[str, str, Path], callers: int, images: int, seconds: float) -> float:
    """Return what several load generators get together, in images or searches a second."""
    each = callers // _LOADERS

    def ask(_: int) -> float:
        options = {"callers": each, "connections": each, "images": images, "seconds": seconds}
        answered: float = load(*what, **options)["answered_per_second"]
        return answered * images

    with ThreadPoolExecutor(_LOADERS) as threads:
        return sum(threads.map(ask, range(_LOADERS)))


def _some(out: Path, workload: Workload) -> Path:
    """Return a folder of the first photos: what searches are asked of."""
    chosen = out / "photos"
    chosen.mkdir(parents=True, exist_ok=True)
    for number, photo in enumerate(workload.photos[:_PHOTOS]):
        (chosen / f"{number:04}.jpg").write_bytes(photo)
    return chosen

"""The GPU: the bare model, its answers, and the services with the torch runtime.

Within 150 seconds, on a machine without a network, from a folder that was carried there
(`python -m benchmarks.carry`). Where there is no GPU it runs on the CPU as a rehearsal.
"""

import importlib.util
import os
import shutil
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
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
        with _kept(section, "the bare model"):
            _alone(section, workload, artefact, seconds)
        best: dict[str, float] = {}
        for processes in _GROUPS:
            found: dict[str, float] = {}
            with _kept(section, f"services of {processes} processes"):
                _served(
                    found,
                    out / f"gpu-{processes}",
                    workload,
                    artefact,
                    seconds=seconds,
                    processes=processes,
                )
            for what, value in found.items():
                _found(section, f"{what}, {processes} processes", value)
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
    print("\n".join(section.notes), flush=True)
    return section


def _found(section: Section, what: str, value: float) -> None:
    """Add a row and print it: what is printed comes back from a lent machine, files may not."""
    section.rows.append((what, value))
    print(f"{what}: {value:.4g}", flush=True)


@contextmanager
def _kept(section: Section, part: str) -> Iterator[None]:
    """Let a part that fails cost nothing that others measure: the machine is lent once."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - said, and the rest goes on
        traceback.print_exc()
        section.notes.append(f"{part} broke off: {error!r}")


def _alone(section: Section, workload: Workload, artefact: ModelArtefact, seconds: float) -> None:
    """Add the bare model's rates, the cosines and what a JPEG costs on either side."""
    import torch  # noqa: PLC0415 - takes seconds, and only this part needs it

    from benchmarks import device  # noqa: PLC0415 - the same
    from encoder_service.runtimes.torch import TorchRuntime  # noqa: PLC0415 - the same

    start = time.perf_counter()
    runtime = TorchRuntime(artefact, device=os.environ.get("SKETCHZOO_ENCODER_DEVICE", "auto"))
    _found(section, "runtime opened, seconds", time.perf_counter() - start)
    on_gpu = runtime.device != "cpu"
    known = _known(workload, artefact)
    device.prepare_every_size(runtime, known)
    for modality, each in known.items():
        for size in (1, 8, 32):
            found = device.rate(runtime, modality, each, size, seconds / 4)
            _found(section, f"bare model, {modality} in batches of {size}, /s", found)
    lowest, calls = device.lowest_cosine(
        runtime,
        known,
        calls=_CALLS if on_gpu else 10,
        seconds=3 * seconds,
        upset=device.upset_allocator if on_gpu else lambda: None,
    )
    _found(section, "batches compared with ONNX, two lanes at once", calls)
    section.bars.append(Bar("gpu_lowest_cosine", lowest, ">=", device.LEAST_COSINE))
    for where in ("cpu", "cuda") if on_gpu else ("cpu",):
        decoded = device.decoding_rate(workload.photos, seconds / 4, where)
        if decoded is not None:
            _found(section, f"JPEGs decoded by torchvision on {where}, one thread, /s", decoded)
    prepared = _prepared(workload, artefact, seconds)
    _found(section, "photos prepared by one thread, /s", prepared)
    section.notes.append(
        f"{runtime.device}, torch {torch.__version__}, "
        + (torch.cuda.get_device_name(runtime.device) if on_gpu else "no GPU: a rehearsal")
    )
    if on_gpu:
        held = torch.cuda.memory_reserved() / 2**20
        _found(section, "memory that torch holds on the GPU, MiB", held)


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
    found: dict[str, float],
    out: Path,
    workload: Workload,
    artefact: ModelArtefact,
    *,
    seconds: float,
    processes: int,
) -> None:
    """Find the rates of services of so many processes each, and what a lone search takes."""
    shutil.rmtree(out, ignore_errors=True)
    folder, model = workload.folder, str(artefact.folder)
    with environment(of_processes(processes)):
        start = time.perf_counter()
        with encoding(out / "alone", model) as address:
            found["start_seconds"] = time.perf_counter() - start
            found |= _embedded(address, folder, seconds)
        if importlib.util.find_spec("qdrant_edge") is None:
            return
        with running(out, _some(out, workload), model) as parts:
            target = parts.search.address
            sketches = folder / "sketch"
            lone = load("search", target, sketches, callers=1, seconds=seconds)
            found["search_p50_ms"] = lone["answered"]["p50"] * 1e3
            found["searches_32_callers"] = _rate(("search", target, sketches), 32, 1, seconds)


def _embedded(address: str, folder: Path, seconds: float) -> dict[str, float]:
    return {
        "photos_32_a_call": _rate(("embed-photo", address, folder / "photo"), 16, 32, seconds),
        "sketches_8_a_call": _rate(("embed", address, folder / "sketch"), 32, 8, seconds),
    }


def _rate(what: tuple[str, str, Path], callers: int, images: int, seconds: float) -> float:
    """Return what several load generators get together, in images or searches a second."""
    each = callers // _LOADERS
    options = {"callers": each, "connections": each, "images": images, "seconds": seconds}
    with ThreadPoolExecutor(_LOADERS) as threads:
        loads = list(threads.map(lambda _: load(*what, **options), range(_LOADERS)))
    codes = sum((Counter(found["codes"]) for found in loads), Counter[str]())
    if codes.keys() != {"OK"}:  # what is slow and what is refused look the same in a rate
        print(f"{what[0]}, {callers} callers of {images}: {dict(codes)}", flush=True)
    rate: float = sum(found["answered_per_second"] for found in loads)
    return rate * images


def _some(out: Path, workload: Workload) -> Path:
    """Return a folder of the first photos: what searches are asked of."""
    chosen = out / "photos"
    chosen.mkdir(parents=True, exist_ok=True)
    for number, photo in enumerate(workload.photos[:_PHOTOS]):
        (chosen / f"{number:04}.jpg").write_bytes(photo)
    return chosen

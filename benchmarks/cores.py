"""Every core: what the services give with all of them, over what one process gives with two.

It needs no network and no Qdrant server, so that it runs on a bare machine from a folder that
was carried there.
"""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bar import Bar
from benchmarks.section import Section
from benchmarks.services import encoding, load, of_processes, running
from benchmarks.workload import Workload

CORES = 16
"""The machine that the bars are for."""

_TIMES = 5
_FEW = 2
_IMAGES_A_CALL = 8
_PARTS = ("photos", "sketches", "searches")


@dataclass(frozen=True, slots=True)
class Rates:
    """Photos, sketches and searches a second; None where there is no embedded Qdrant."""

    photos: float
    sketches: float
    searches: float | None


def measure(out: Path, workload: Workload, model: str, seconds: float) -> Section:
    """Measure one process of each part on two cores, then as many as the cores are good for."""
    cores = available()
    with on_cores(cores[:_FEW]):
        few = _rates(out / "two-cores", workload, model, seconds, callers=8, processes=1)
    # 0 is as many processes as the cores are good for.
    callers = max(8, 2 * len(cores))
    every = _rates(out / "all-cores", workload, model, seconds, callers=callers, processes=0)
    return compared(few, every, len(cores))


def compared(few: Rates, every: Rates, cores: int) -> Section:
    """Return both and their ratios; where there are fewer cores than `CORES`, without bars."""
    section = Section(
        f"All {cores} cores over two", ("what", "two cores, one process", "all cores", "times")
    )
    for what in _PARTS:
        before, after = getattr(few, what), getattr(every, what)
        if before is None or after is None:
            section.notes.append(f"no {what}: embedded Qdrant is not installed here")
            continue
        times = after / before
        section.rows.append((what, before, after, times))
        section.figures |= {
            f"two_cores_{what}_per_second": before,
            f"all_cores_{what}_per_second": after,
        }
        if cores >= CORES:
            section.bars.append(Bar(f"cores_{what}_over_two", times, ">=", _TIMES))
        else:
            section.notes.append(
                f"{what} with {cores} cores over two: {times:.3g} "
                f"(the bar, {_TIMES}, is for {CORES} cores)"
            )
    section.notes.append(
        f"a second; {_IMAGES_A_CALL} images a call, a sketch a search; the clients, who have "
        "connections of their own, share the cores"
    )
    return section


def available() -> list[int]:
    """Return the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@contextmanager
def on_cores(cores: list[int]) -> Iterator[None]:
    """Keep to some cores what is started inside of the context, where the system can (Linux)."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _rates(
    out: Path, workload: Workload, model: str, seconds: float, *, callers: int, processes: int
) -> Rates:
    shutil.rmtree(out, ignore_errors=True)
    folder = workload.folder
    with of_processes(processes):
        if importlib.util.find_spec("qdrant_edge") is None:
            with encoding(out, model) as address:
                return Rates(*_embedded(address, folder, callers, seconds), None)
        with running(out, folder, model) as parts:
            photos, sketches = _embedded(parts.encoder.address, folder, callers, seconds)
            target = parts.search.address
            searches = _answered("search", target, folder / "sketch", callers, seconds)
            return Rates(photos, sketches, searches)


def _embedded(address: str, folder: Path, callers: int, seconds: float) -> tuple[float, float]:
    """Return the photos and the sketches a second that an encoder embeds."""
    photos, sketches = (
        _answered(kind, address, folder / shown, callers, seconds, images=_IMAGES_A_CALL)
        for kind, shown in (("embed-photo", "photo"), ("embed", "sketch"))
    )
    return photos, sketches


def _answered(
    kind: str, target: str, folder: Path, callers: int, seconds: float, *, images: int = 1
) -> float:
    """Return how many images a second are answered to callers with connections of their own."""
    found = load(
        kind,
        target,
        folder,
        callers=callers,
        connections=callers,
        images=images,
        seconds=seconds,
    )
    answered: float = found["answered_per_second"] * images
    if not answered:
        raise RuntimeError(f"no call of {kind} was answered, but {found['codes']}: see the logs")
    return answered

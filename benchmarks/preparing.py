"""Preparing: what a worker does with an image before the model, alone and among others."""

import io
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.bar import Bar
from benchmarks.cores import available, on_cores
from benchmarks.section import Section
from benchmarks.workload import Workload
from sketchzoo.images import Modality, Preprocessing, decode, enough_for, prepare
from sketchzoo.model import ModelArtefact

_FILES = 60
_CORES = 2
_MANY = 16
_LARGE = (1600, 1200)


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of CPU of one thread, the median over the files."""

    decode: float
    prepare: float

    @property
    def both(self) -> float:
        """Milliseconds from a file to what the model takes."""
        return self.decode + self.prepare


def measure(workload: Workload, artefact: ModelArtefact, seconds: float) -> Section:
    """Prepare sketches and photos on one thread, and sketches by 1, 2 and 16 on two cores.

    Threads of one interpreter take turns in what lies between the calls of C; processes, which
    `--processes` starts, do not.
    """
    sketch = artefact.towers[Modality.SKETCH].preprocessing
    photo = artefact.towers[Modality.PHOTO].preprocessing
    sketches, photos = workload.sketches[:_FILES], workload.photos[:_FILES]
    large = [_enlarged(content, number) for number, content in enumerate(photos[:8])]
    section = Section(
        "Preparing, before the model",
        ("what", "decode ms", "prepare ms", "sum"),
        notes=[
            f"CPU of one thread, medians of {_FILES} files; photos of {_LARGE[0]} x {_LARGE[1]}: 8"
        ],
    )
    for what, name, files, preprocessing, most in (
        ("a sketch of 256 px", "sketch", sketches, sketch, 1.0),
        ("a photo of 256 px", "photo", photos, photo, 1.7),
        ("a photo of 1600 x 1200", "large_photo", large, photo, 7.0),
    ):
        times = timed(files, preprocessing)
        section.rows.append((what, times.decode, times.prepare, times.both))
        section.bars.append(Bar(f"preparing_{name}_ms", times.both, "<=", most, "ms"))
    cores = available()
    if len(cores) < _CORES:
        section.notes.append("one core: nothing is told of threads beside each other")
        return section
    for kind, rate_of in (("threads", rate), ("processes", rate_of_processes)):
        with on_cores(cores[:_CORES]):
            one, two, many = _rates(rate_of, sketches, sketch, seconds)
        section.bars += [
            Bar(f"preparing_two_{kind}_over_one", two / one, ">=", 1.85),
            Bar(f"preparing_16_{kind}_share_of_two", many / two, ">=", 0.95),
        ]
        section.notes.append(
            f"sketches a second on two cores by {kind}: {one:.0f} by one, {two:.0f} by two, "
            f"{many:.0f} by {_MANY}; the best of three rounds of each"
        )
    return section


def timed(files: Sequence[bytes], preprocessing: Preprocessing) -> Times:
    """Prepare each file five times; its best counts, since others' work only adds."""
    found: list[tuple[float, float]] = []
    for content in files:
        tries: list[tuple[float, float]] = []
        for _ in range(5):
            start = time.thread_time()
            decoded = decode(content, enough=enough_for(preprocessing))
            between = time.thread_time()
            prepare(decoded, preprocessing)
            tries.append((between - start, time.thread_time() - between))
        found.append(min(tries, key=sum))
    decoding, preparing = zip(*found, strict=True)
    return Times(median(decoding) * 1e3, median(preparing) * 1e3)


def _rates(
    rate_of: Callable[[Sequence[bytes], Preprocessing, int, float], float],
    files: Sequence[bytes],
    preprocessing: Preprocessing,
    seconds: float,
) -> tuple[float, float, float]:
    """Return what 1, 2 and 16 prepare a second: in turn, the best round of each."""
    best = dict.fromkeys((1, _CORES, _MANY), 0.0)
    for _ in range(3):
        for number in best:
            best[number] = max(best[number], rate_of(files, preprocessing, number, seconds / 9))
    return best[1], best[_CORES], best[_MANY]


def rate(
    files: Sequence[bytes], preprocessing: Preprocessing, threads: int, seconds: float
) -> float:
    """Return how many files `threads` prepare a second, each file by one of them."""
    end = time.perf_counter() + seconds

    def work(number: int) -> int:
        count = 0
        while time.perf_counter() < end:
            content = files[(number + count * threads) % len(files)]
            prepare(decode(content, enough=enough_for(preprocessing)), preprocessing)
            count += 1
        return count

    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        counts = list(pool.map(work, range(threads)))
    return sum(counts) / (time.perf_counter() - start)


def rate_of_processes(
    files: Sequence[bytes], preprocessing: Preprocessing, processes: int, seconds: float
) -> float:
    """Return how many files `processes` prepare a second, once all of them have begun."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(processes)
    with ProcessPoolExecutor(processes, context, _learn, (ready, files, preprocessing)) as pool:
        return sum(pool.map(_rate_of_this, [seconds] * processes))


def _learn(*work: Any) -> None:
    """Remember, in a process, what it is to do."""
    _learnt[:] = work


def _rate_of_this(seconds: float) -> float:
    ready, files, preprocessing = _learnt
    prepare(decode(files[0], enough=enough_for(preprocessing)), preprocessing)
    # Each takes one share of the work, since it waits here for the others.
    ready.wait(60)
    return rate(files, preprocessing, 1, seconds)


_learnt: list[Any] = []


def _enlarged(content: bytes, seed: int) -> bytes:
    """Return a photo as a camera of two megapixels would have made it."""
    photo = Image.open(io.BytesIO(content)).convert("RGB")
    pixels = np.asarray(photo.resize(_LARGE, Image.Resampling.BICUBIC), np.int16)
    # Without a sensor's noise it would be read much faster.
    noise = np.random.default_rng(seed).integers(-6, 7, pixels.shape, np.int16)
    file = io.BytesIO()
    Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=90)
    return file.getvalue()

"""Ingest against the bare encoder: photos a second, a second run, and memory as sources grow."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.bar import Bar
from benchmarks.bare import BareLoop
from benchmarks.section import Section
from benchmarks.services import ingest
from benchmarks.workload import Workload
from local_stack.parts import Parts, start
from local_stack.settings import UpSettings
from local_stack.stack import Stack
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from tests.artefacts import tiny_model


def measure(
    out: Path,
    workload: Workload,
    parts: Parts,
    artefact: ModelArtefact,
    *,
    count: int,
    seconds: float,
) -> Section:
    """Ingest the gallery's photos, then `count` of them once and once more.

    Each into an empty alias; the many are the gallery's, made different by a counter after
    each file's end.
    """
    many = _multiplied(out / f"photos-{count}", workload.photos, count)
    bare = BareLoop.open(artefact, Modality.PHOTO)
    before = bare.rate(workload.photos, seconds / 2)
    with _own_alias():
        small = len(workload.photos) / _run(workload.folder, parts)
    with _own_alias():
        first = count / _run(many, parts)
        second = count / _run(many, parts)
    limit = (before + bare.rate(workload.photos, seconds / 2)) / 2
    share = first / limit
    return Section(
        "Ingest",
        ("what", "photos", "photos/s", "share of bare"),
        [
            ("bare decode and encode, a thread a core", "", limit, ""),
            ("a small ingest", str(len(workload.photos)), small, small / limit),
            ("first ingest", str(count), first, share),
            ("second ingest, unchanged", str(count), second, ""),
        ],
        [
            Bar("ingest_share_of_bare_part1", share, ">=", 0.85),
            Bar("ingest_share_of_bare", share, ">=", 0.92),
            Bar("second_ingest_speedup", second / first, ">=", 10),
        ],
        [
            "the job's own time from its report, its process's start left out",
            "before the encoder has work, a collection is made and the first photos are read",
        ],
        {"ingest_per_second": first, "small_ingest_per_second": small},
    )


@contextmanager
def _own_alias() -> Iterator[None]:
    os.environ["SKETCHZOO_GALLERY"] = f"bench{time.monotonic_ns()}"
    try:
        yield
    finally:
        del os.environ["SKETCHZOO_GALLERY"]


def memory(out: Path, contents: Sequence[bytes], sizes: tuple[int, int]) -> Section:
    """Ingest few and many photos; compare the job's peak memory.

    The photos are the gallery's, made different by a counter after each file's end; the
    model is a tiny one, since the job's memory does not know what embeds.
    """
    section = Section("Memory of ingest", ("photos", "seconds", "peak MiB"))
    model = tiny_model(out / "tiny", dimension=234, size=32)
    with Stack(out / "logs") as stack:
        parts = start(stack, UpSettings(data=out / "tiny-data", model=str(model.folder)))
        for part in (parts.qdrant, parts.encoder):
            stack.wait_serving(part)
        peaks = []
        for size in sizes:
            folder = _multiplied(out / f"many-{size}", contents, size)
            began = time.perf_counter()
            peaks.append(_peak(folder, parts))
            section.rows.append((str(size), time.perf_counter() - began, peaks[-1] / 2**20))
    section.bars.append(Bar("ingest_memory_growth", peaks[1] / peaks[0], "<=", 1.2))
    return section


def _multiplied(folder: Path, contents: Sequence[bytes], size: int) -> Path:
    for number in range(size):
        path = folder / f"class-{number % 50}" / f"{number}.jpg"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents[number % len(contents)] + number.to_bytes(4, "little"))
    return folder


def _peak(folder: Path, parts: Parts) -> int:
    """Ingest a folder; return the process's peak resident bytes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sketchzoo", "ingest", str(folder)],
        env={**os.environ, **parts.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peak = 0
    # What `wait4` tells would be this process's own peak, which a child inherits.
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        lines = status.read_text().splitlines()
        held = next((line for line in lines if line.startswith("VmHWM:")), "VmHWM: 0")
        peak = max(peak, int(held.split()[1]) * 1024)
        time.sleep(0.02)
    if process.returncode:
        raise RuntimeError(f"ingest ended with status {process.returncode}")
    return peak


def _run(folder: Path, parts: Parts) -> float:
    report = ingest(folder, parts)
    seconds: float = report["seconds"]
    return seconds

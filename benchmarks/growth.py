"""Growth: ingest and search together, while a gallery grows from thousands to a million.

Each size is grown out of the one before, in one published gallery, under searches in an open
loop (`sketchzoo bench`): half of them find all photos, half what is indexed (`indexed_only`).
Photos are drawn, 64 x 48, in tar files of 10,000; what embeds them is a network of one layer, so
that the job and Qdrant are what is measured. Beside it the engines embed fewer photos with the
real model: one process, and Ray with two workers where it is there.
"""

import asyncio
import io
import json
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qdrant_client import AsyncQdrantClient

from benchmarks.bar import Bar
from benchmarks.footprint import resident
from benchmarks.ingesting import own_gallery, watched
from benchmarks.section import Section
from benchmarks.services import running
from benchmarks.vectors import indexed
from benchmarks.workload import Workload
from local_stack.parts import Parts, start
from local_stack.settings import UpSettings
from local_stack.stack import Part, Server, Stack
from tests.artefacts import picture, tiny_model

_A_SHARD = 10_000
# Searched in before the first size has been ingested.
_FIRST = 1_000
_REAL = 20_000
_SETTLED_SECONDS = 60
# As many without an index start no further build (embedded Qdrant's `index_threshold_points`).
_UNINDEXED = 9_999
# Calls for longer than any run; Ctrl-C ends it.
_FOR_EVER = 1_500_000
_MIB = 2**20
_TWO = ("--engine", "ray", "--ray-workers", "2")


def measure(
    out: Path, workload: Workload, model: str, sizes: Sequence[int], rate: float
) -> Section:
    """Grow a gallery to each of `sizes` under `rate` searches a second; compare the engines."""
    section = Section(
        "Growth: ingest under searches",
        (
            *("photos", "listed", "photos/s", "job's peak MiB", "Qdrant MiB"),
            *("search p99 ms meanwhile", "settled", "of what is indexed", "settled", "not OK"),
        ),
    )
    with _stubbed(out) as (stack, parts):
        watched(parts, *shards(out / "growth", 0, min(_FIRST, sizes[0] // 2)))
        stack.wait_serving(parts.search)
        searches = Searches(parts.search, _of_what_is_indexed(stack, parts), rate / 2)
        held = min(_FIRST, sizes[0] // 2)
        for size in sizes:
            _grow(section, parts, shards(out / "growth", held, size), (held, size), searches)
            held = size
    last, figures = sizes[-1], section.figures
    for name in ("p99", "indexed_p99"):
        of = f"growth_{last}_{name}"
        slower = figures[f"{of}_meanwhile"] / figures[f"{of}_settled"]
        section.bars.append(Bar(f"growth_{name}_over_settled", slower, "<=", 3))
    section.notes.append(
        f"{rate:g} searches a second by strokes, half of them of what is indexed, Poisson "
        "arrivals, counted from when they were due, until all that was written is indexed; "
        "embedding is a network of one layer"
    )
    _engines(section, out, workload, model, min(_REAL, last))
    return section


def driver(out: Path, sizes: Sequence[int]) -> Section:
    """Ingest so many photos each with two workers of Ray; compare the peaks of its driver."""
    section = Section("Ray's driver", ("photos", "photos/s", "driver's peak MiB"))
    peaks = []
    with _stubbed(out) as (_, parts):
        for size in sizes:
            with own_gallery():
                report, peak = watched(parts, *_TWO, *shards(out / "growth", 0, size))
            if report["photos"]["total"] != size:
                raise RuntimeError(f"{report['photos']} of {size} photos")
            peaks.append(peak)
            section.rows.append((f"{size:,}", report["photos_per_second"], peak / _MIB))
            print(*section.rows[-1], flush=True)
    section.bars.append(Bar("ray_driver_memory", peaks[-1] / peaks[0], "<=", 1.2))
    section.notes.append("tar files of 10,000 photos; embedding is a network of one layer")
    return section


@contextmanager
def _stubbed(out: Path) -> Iterator[tuple[Stack, Parts]]:
    """Run the parts in the context with a model that costs next to nothing."""
    stub = tiny_model(out / "tiny", dimension=362, size=32)
    with Stack(out / "logs-growth") as stack:
        parts = start(stack, UpSettings(data=out / "growth-data", model=str(stub.folder)))
        for part in (parts.qdrant, parts.encoder):
            stack.wait_serving(part)
        yield stack, parts


@dataclass(frozen=True, slots=True)
class Searches:
    """Two search services on one gallery, of all photos and of what is indexed, and a rate each."""

    all: Server
    indexed: Server
    rate: float

    @contextmanager
    def going_on(self, seconds: float | None = None) -> Iterator[dict[str, dict[str, Any]]]:
        """Search by both while the context is open, or so long; then yield's figures are there."""
        with (
            searching(self.all, self.rate, seconds) as every,
            searching(self.indexed, self.rate, seconds) as indexed,
        ):
            yield {"p99": every, "indexed_p99": indexed}


def _of_what_is_indexed(stack: Stack, parts: Parts) -> Server:
    part = Part(
        "search-indexed",
        ("search", "--indexed-only", "--metrics-port", "0"),
        environment=parts.environment,
    )
    stack.start(part)
    server = stack.listening(part)
    stack.wait_serving(server)
    return server


def shards(folder: Path, first: int, end: int) -> list[str]:
    """Return tar files with the photos of numbers `first` to `end`, drawn unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for begin in range(first, end, _A_SHARD):
        after = min(end, begin + _A_SHARD)
        path = folder / f"{begin}-{after}.tar"
        if not path.exists():
            part = path.with_suffix(".part")
            with tarfile.open(part, "w") as shard:
                for number in range(begin, after):
                    content = picture(number)
                    member = tarfile.TarInfo(f"class-{number % 50}/{number:07}.jpg")
                    member.size = len(content)
                    shard.addfile(member, io.BytesIO(content))
            part.replace(path)
        paths.append(str(path))
    return paths


def _grow(
    section: Section,
    parts: Parts,
    sources: Sequence[str],
    grown: tuple[int, int],
    searches: Searches,
) -> None:
    held, size = grown
    with searches.going_on() as meanwhile:
        report, peak = watched(parts, *sources)
        asyncio.run(_settled(parts, report["collection"], size))
    if report["photos"]["total"] != size - held:
        raise RuntimeError(f"{report['photos']} of {size - held} photos")
    with searches.going_on(_SETTLED_SECONDS) as settled:
        pass
    name = f"growth_{size}"
    section.figures |= {
        f"{name}_per_second": report["photos_per_second"],
        f"{name}_peak_mib": peak / _MIB,
    }
    waits = []
    for way, during in meanwhile.items():
        for when, step in (("meanwhile", during), ("settled", settled[way])):
            section.figures[f"{name}_{way}_{when}"] = step["answered"]["p99"]
            waits.append(step["answered"]["p99"] * 1e3)
    codes = [code for step in meanwhile.values() for code in step["codes"].items()]
    section.rows.append(
        (
            *(f"{size:,}", f"{size - held:,}", report["photos_per_second"], peak / _MIB),
            *(resident(parts.qdrant) / _MIB, *waits),
            str(sum(count for code, count in codes if code != "OK")),
        )
    )
    print(*section.rows[-1], flush=True)


@contextmanager
def searching(
    server: Server, rate: float, seconds: float | None = None
) -> Iterator[dict[str, Any]]:
    """Search while the context is open, or for so many seconds; then yield's figures are there."""
    options = ["--target", server.address, "--rate", f"{rate:g}", "--json", "-"]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "sketchzoo", "bench", *options),
            *("--seconds", f"{seconds or _FOR_EVER / rate:g}"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    figures: dict[str, Any] = {}
    try:
        yield figures
        if seconds is None:
            process.send_signal(signal.SIGINT)
        said = process.communicate()[0]
    finally:
        process.kill()
        process.wait()
    if process.returncode not in (0, 130):
        raise RuntimeError(f"bench ended with status {process.returncode}")
    figures |= json.loads(said)["steps"][-1]


async def _settled(parts: Parts, collection: str, count: int) -> None:
    host, port = parts.qdrant.address.rsplit(":", 1)
    client = AsyncQdrantClient(
        host=host, grpc_port=int(port), prefer_grpc=True, check_compatibility=False
    )
    try:
        await indexed(client, collection, max(0, count - _UNINDEXED))
    finally:
        await client.close()


def _engines(section: Section, out: Path, workload: Workload, model: str, count: int) -> None:
    """Ingest photos with the real model by each engine that this installation has."""
    sources = shards(out / "engines", 0, count)
    said = subprocess.run(
        [sys.executable, "-m", "sketchzoo", "ingest", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    if "--engine" not in said.stdout:
        section.notes.append("ingest has no --engine here: Ray was left out")
        return
    rates = {}
    with running(out, workload.folder, model) as parts:
        for engine in ("process", "ray"):
            with own_gallery():
                report, peak = watched(parts, "--engine", engine, *sources)
            rates[engine] = report["photos_per_second"]
            section.notes.append(
                f"{count:,} photos, engine {engine}: {rates[engine]:.4g} a second, the driver's "
                f"peak {peak / _MIB:.0f} MiB"
            )
    section.bars.append(Bar("ray_share_of_process", rates["ray"] / rates["process"], ">=", 0.85))
    section.figures |= {f"engine_{name}_per_second": rate for name, rate in rates.items()}

"""Ingest against the bare encoder: photos a second, a second run, and memory as sources grow."""

import asyncio
import hashlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.bar import Bar
from benchmarks.bare import BareLoop
from benchmarks.section import Section
from benchmarks.services import ingest
from benchmarks.workload import Workload
from local_stack.parts import Parts, start
from local_stack.settings import UpSettings
from local_stack.stack import Stack
from sketchzoo.call_settings import QdrantSettings
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo.qdrant import Photo, PhotoWriter, connect, photo_id
from sketchzoo_ingest.sources import Candidate, FolderSource
from tests.artefacts import tiny_model

_CAMERA_SIZE = (4032, 3024)
_LARGE_SECONDS = 10.0
_FILLED_AT_ONCE = 500


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
    with own_gallery():
        small = len(workload.photos) / _run(workload.folder, parts)
    with own_gallery():
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


def large(
    out: Path, workload: Workload, parts: Parts, artefact: ModelArtefact, *, count: int
) -> Section:
    """Ingest photos of 12 megapixels and 3 to 4 MB, as cameras write them.

    Beside two bare loops over the same files, before and after: decoding at the scale that is
    enough, and decoding all pixels, which ingest had the encoder do in 0.2.
    """
    folder = out / f"camera-{count}"
    contents = [_camera_file(folder, workload.photos, number) for number in range(count)]
    bare = BareLoop.open(artefact, Modality.PHOTO)
    whole = BareLoop.open(artefact, Modality.PHOTO, whole=True)
    before = bare.rate(contents, _LARGE_SECONDS), whole.rate(contents, _LARGE_SECONDS)
    with own_gallery():
        rate = count / _run(folder, parts)
    after = bare.rate(contents, _LARGE_SECONDS), whole.rate(contents, _LARGE_SECONDS)
    limit, old = ((one + other) / 2 for one, other in zip(before, after, strict=True))
    return Section(
        "Ingest of 12-megapixel photos",
        ("what", "photos/s", "share of bare"),
        [
            ("bare reduced decode and encode, a thread a core", limit, ""),
            ("bare decode of all pixels and encode", old, ""),
            (f"ingest of {count}", rate, rate / limit),
        ],
        [
            Bar("large_ingest_share_of_bare", rate / limit, ">=", 0.85),
            Bar("large_ingest_over_whole_decode", rate / old, ">=", 2.2),
        ],
        [f"{sum(map(len, contents)) / count / 1e6:.1f} MB a file"],
        {"large_ingest_per_second": rate},
    )


def _camera_file(folder: Path, contents: Sequence[bytes], number: int) -> bytes:
    path = folder / "DCIM" / f"IMG_{number:04}.jpg"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        photo = Image.open(io.BytesIO(contents[number % len(contents)])).convert("RGB")
        pixels = np.asarray(photo.resize(_CAMERA_SIZE, Image.Resampling.BICUBIC), np.int16)
        # Without a sensor's noise such a photo would have a tenth of a camera file's bytes.
        noise = np.random.default_rng(number).integers(-13, 14, pixels.shape, np.int16)
        noisy = Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))
        noisy.save(path, quality=92)
    return path.read_bytes()


def unchanged(out: Path, parts: Parts, artefact: ModelArtefact, *, count: int) -> Section:
    """Run over files that are all as the collection has them; none of them is read."""
    folder = out / f"unchanged-{count}"
    for number in range(count):
        path = folder / f"{number // 1000:03}" / f"{number:06}.jpg"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(number.to_bytes(4, "little"))
    with own_gallery():
        asyncio.run(_fill(folder, parts, artefact))
        report = ingest(folder, parts)
    if report["unread"] != count:
        raise RuntimeError(f"{count - report['unread']} of {count} files were read")
    seconds: float = report["seconds"]
    return Section(
        "A run in which nothing changed",
        ("files", "seconds", "files/s"),
        [(str(count), seconds, count / seconds)],
        [Bar("unchanged_seconds_per_100000", seconds * 100_000 / count, "<=", 20)],
        ["photos written straight into Qdrant, with random embeddings"],
        {"unchanged_per_second": count / seconds},
    )


async def _fill(folder: Path, parts: Parts, artefact: ModelArtefact) -> None:
    """Write a point for each file of a folder, as if it had been ingested."""
    settings = QdrantSettings(
        qdrant_url=parts.environment["SKETCHZOO_QDRANT_URL"], qdrant_timeout_seconds=60
    )
    connection = connect(settings)
    writer = PhotoWriter(connection, os.environ["SKETCHZOO_GALLERY"])
    collection = await writer.open(artefact.fingerprint, artefact.dimension)
    random = np.random.default_rng(0)
    batch: list[tuple[Photo, list[float]]] = []
    for entry in (*FolderSource(folder).candidates(), None):
        if isinstance(entry, Candidate):
            sha256 = hashlib.sha256(entry.uri.encode()).hexdigest()
            photo = Photo(
                entry.class_name,
                entry.uri,
                sha256,
                64,
                48,
                folder=entry.folder,
                file_name=entry.file_name,
                bytes=entry.size or 0,
                modified_at=entry.modified_at,
                phash=sha256[:16],
                burst=photo_id(sha256),
            )
            batch.append((photo, random.standard_normal(artefact.dimension).tolist()))
        if len(batch) == _FILLED_AT_ONCE or (entry is None and batch):
            await writer.upsert(collection, batch)
            batch = []
    await connection.close()


@contextmanager
def own_gallery() -> Iterator[None]:
    """Let what is started while the context is open use a gallery that is empty."""
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
    model = tiny_model(out / "tiny", dimension=362, size=32)
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
    return watched(parts, str(folder))[1]


def watched(parts: Parts, *arguments: str) -> tuple[dict[str, Any], int]:
    """Ingest as the arguments say; return the job's report and its process's peak bytes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sketchzoo", "ingest", "--json", "-", *arguments],
        env={**os.environ, **parts.environment},
        stdout=subprocess.PIPE,
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
    said = process.communicate()[0]
    if process.returncode:
        raise RuntimeError(f"ingest ended with status {process.returncode}")
    report: dict[str, Any] = json.loads(said)
    return report, peak


def _run(folder: Path, parts: Parts) -> float:
    report = ingest(folder, parts)
    seconds: float = report["seconds"]
    return seconds

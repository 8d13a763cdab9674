"""Ingest against the bare encoder: photos a second, and a second run that changes nothing."""

import os
import time
from pathlib import Path

from benchmarks.bar import Bar
from benchmarks.bare import BareLoop
from benchmarks.section import Section
from benchmarks.services import ingest
from benchmarks.workload import Workload
from sketchzoo.cli.parts import Parts
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact


def measure(workload: Workload, parts: Parts, artefact: ModelArtefact, seconds: float) -> Section:
    """Ingest the gallery's photos into an empty alias, then once more."""
    bare = BareLoop.open(artefact, Modality.PHOTO)
    before = bare.rate(workload.photos, seconds / 2)
    os.environ["SKETCHZOO_ALIAS"] = f"bench{time.monotonic_ns()}"
    try:
        first = _run(workload.folder, parts)
        second = _run(workload.folder, parts)
    finally:
        del os.environ["SKETCHZOO_ALIAS"]
    limit = (before + bare.rate(workload.photos, seconds / 2)) / 2
    count = len(workload.photos)
    share = count / first / limit
    return Section(
        "Ingest",
        ("what", "photos/s"),
        [
            ("bare decode and encode, a thread a core", limit),
            ("first ingest", count / first),
            ("second ingest, unchanged", count / second),
        ],
        [
            Bar("ingest_share_of_bare_part1", share, ">=", 0.85),
            Bar("ingest_share_of_bare", share, ">=", 0.92),
            Bar("second_ingest_speedup", first / second, ">=", 10),
        ],
        [f"{count} photos; the job's own time from its report, its process's start left out"],
        {"ingest_per_second": count / first},
    )


def _run(folder: Path, parts: Parts) -> float:
    report = ingest(folder, parts)
    seconds: float = report["seconds"]
    return seconds

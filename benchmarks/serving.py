"""Encoder and search against the bare loop: throughput, latency, overload."""

import os
from statistics import median
from typing import Any

from benchmarks.bar import Bar
from benchmarks.bare import BareLoop
from benchmarks.section import Section
from benchmarks.services import load
from benchmarks.workload import Workload
from sketchzoo.cli.parts import Parts
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact

_LATENCY = ("callers", "answers/s", "p50 ms", "p95 ms", "p99 ms")


def encoder(workload: Workload, parts: Parts, artefact: ModelArtefact, seconds: float) -> Section:
    """Measure images a second over gRPC at saturation beside the bare loop's."""
    section = Section(
        "Encoder: images a second at saturation",
        ("modality", "bare loop", "over gRPC", "share"),
    )
    for modality, kind, contents, folder in (
        (Modality.PHOTO, "embed-photo", workload.photos, workload.folder / "photo"),
        (Modality.SKETCH, "embed", workload.sketches, workload.folder / "sketch"),
    ):
        bare = BareLoop.open(artefact, modality)
        # Before and after, since the machine's pace drifts.
        before = bare.rate(contents, seconds / 2)
        served = load(kind, parts.encoder.address, folder, callers=8, seconds=seconds)
        limit = (before + bare.rate(contents, seconds / 2)) / 2
        share = served["answered_per_second"] / limit
        section.rows.append((str(modality), limit, served["answered_per_second"], share))
        section.bars.append(Bar(f"encoder_{modality}_share_of_bare", share, ">=", 0.90))
        section.figures[f"encoder_{modality}_per_second"] = served["answered_per_second"]
        section.figures[f"bare_{modality}_per_second"] = limit
    section.notes.append(
        "one image a call, 8 callers; the client runs on the same cores, the bare loop has "
        f"them to itself ({os.cpu_count()} cores)"
    )
    return section


def search(workload: Workload, parts: Parts, artefact: ModelArtefact, seconds: float) -> Section:
    """Measure `Search` at concurrency 1, 4 and 16 beside bare decode and model."""
    section = Section("Search: a sketch in, twelve photos out", _LATENCY)
    bare = BareLoop.open(artefact, Modality.SKETCH)
    limit = bare.latencies(workload.sketches, seconds / 2)
    folder = workload.folder / "sketch"
    figures = {
        callers: load("search", parts.search.address, folder, callers=callers, seconds=seconds)
        for callers in (1, 4, 16)
    }
    limit += bare.latencies(workload.sketches, seconds / 2)
    bare_p50 = median(limit)
    section.rows.append(("bare, 1", 1 / bare_p50, bare_p50 * 1e3, *_tail(limit)))
    for callers, found in figures.items():
        section.rows.append((str(callers), found["answered_per_second"], *_milliseconds(found)))
    ratio = figures[1]["answered"]["p50"] / bare_p50
    section.bars.append(Bar("search_p50_over_bare_part1", ratio, "<=", 1.5))
    section.bars.append(Bar("search_p50_over_bare", ratio, "<=", 1.25))
    section.figures["search_p50_seconds"] = figures[1]["answered"]["p50"]
    section.figures["bare_sketch_p50_seconds"] = bare_p50
    section.notes.append("every sketch's bytes differ, so that no cache answers")
    return section


def overload(workload: Workload, parts: Parts, p50_alone: float, seconds: float) -> Section:
    """Measure `Search` at 70 % of its peak and at three times its peak, open loop."""
    section = Section(
        "Search under load, open loop",
        ("load", "asked/s", "answered/s", "p50 ms", "p99 ms", "refused", "refusal p99 ms"),
    )
    folder, target = workload.folder / "sketch", parts.search.address
    peak = load("search", target, folder, callers=16, seconds=seconds)["answered_per_second"]
    calm = load("search", target, folder, rate=0.7 * peak, seconds=seconds)
    storm = load("search", target, folder, rate=3 * peak, seconds=seconds)
    for name, rate, found in (("70 % of peak", 0.7 * peak, calm), ("3 x peak", 3 * peak, storm)):
        refused = sum(count for code, count in found["codes"].items() if code != "OK")
        section.rows.append(
            (
                name,
                rate,
                found["answered_per_second"],
                found["answered"]["p50"] * 1e3,
                found["answered"]["p99"] * 1e3,
                float(refused),
                found["refused"]["p99"] * 1e3,
            )
        )
    calm_p99, storm_p99 = calm["answered"]["p99"], storm["answered"]["p99"]
    other = {
        code: count
        for code, count in storm["codes"].items()
        if code not in ("OK", "RESOURCE_EXHAUSTED")
    }
    refused = storm["codes"].get("RESOURCE_EXHAUSTED", 0)
    told = storm["refused_with_retry_info"] / refused if refused else 1.0
    section.bars += [
        Bar("search_p99_at_70_over_p50_alone", calm_p99 / p50_alone, "<=", 4),
        Bar("overload_goodput_share", storm["answered_per_second"] / peak, ">=", 0.85),
        Bar("overload_admitted_p99_over_p99_at_70", storm_p99 / calm_p99, "<=", 3),
        Bar("overload_refusal_p99_ms", storm["refused"]["p99"] * 1e3, "<=", 10),
        Bar("overload_refused_with_retry_info_share", told, ">=", 1),
    ]
    section.notes.append(
        f"peak {peak:.1f}/s (16 callers, closed loop); {seconds:g} s each; the client shares the "
        "machine's cores; a call's time counts from when it was due"
    )
    if other:
        section.notes.append(f"other codes under overload: {other}")
    return section


def _milliseconds(found: dict[str, Any]) -> tuple[float, float, float]:
    answered = found["answered"]
    return (answered["p50"] * 1e3, answered["p95"] * 1e3, answered["p99"] * 1e3)


def _tail(seconds: list[float]) -> tuple[float, float]:
    ordered = sorted(seconds)
    return (ordered[int(0.95 * len(ordered))] * 1e3, ordered[int(0.99 * len(ordered))] * 1e3)

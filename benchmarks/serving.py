"""Encoder and search against the bare loop: throughput, latency, overload."""

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import light_client
from benchmarks.bar import Bar
from benchmarks.bare import BareLoop
from benchmarks.light_client import Post, grpc_post
from benchmarks.section import Section
from benchmarks.services import load
from benchmarks.workload import Workload
from local_stack.parts import Parts
from sketchzoo.encoder.v1 import encoder_pb2
from sketchzoo.group.processes import default_size
from sketchzoo.images import Modality
from sketchzoo.load.drawings import as_strokes, drawing
from sketchzoo.model import ModelArtefact
from sketchzoo.strokes import encode

CALLERS = 8
_IMAGES_A_CALL = 8
_SEVERAL = f"_{_IMAGES_A_CALL}_a_call"
_LATENCY = ("callers", "answers/s", "p50 ms", "p95 ms", "p99 ms")


def encoder(workload: Workload, parts: Parts, artefact: ModelArtefact, seconds: float) -> Section:
    """Measure images a second over gRPC at saturation beside the bare loop's."""
    section = Section(
        "Encoder: images a second at saturation",
        ("modality", "images a call", "client", "bare loop", "over gRPC", "share"),
    )
    for modality, kind, contents, folder in (
        (Modality.PHOTO, "embed-photo", workload.photos, workload.folder / "photo"),
        (Modality.SKETCH, "embed", workload.sketches, workload.folder / "sketch"),
    ):
        bare = BareLoop.open(artefact, modality)
        for images, name in ((1, ""), (_IMAGES_A_CALL, _SEVERAL)):
            what = (kind, parts.encoder.address, folder)
            callers = CALLERS if images == 1 else CALLERS // 2
            serve = partial(_asked, *what, callers=callers, images=images)
            pair = _beside_bare(bare, contents, serve, seconds)
            _add(section, (str(modality), name, "Python"), pair)
        if light_client.available():
            chosen = workload.typical(modality)
            post = embed_call(parts.encoder.address, modality, chosen, artefact.dimension)
            serve = partial(light_client.rate, post, CALLERS)
            pair = _beside_bare(bare, [chosen], serve, seconds)
            _add(section, (str(modality), "_light_client", "h2load"), pair)
    section.notes.append(
        f"{CALLERS} callers with one image a call, {CALLERS // 2} with {_IMAGES_A_CALL}; the "
        f"client runs on the same cores, the bare loop has them to itself ({os.cpu_count()} "
        "cores); median of three rounds, the bare loop before and after each"
    )
    section.notes.append(_light_client_note())
    return section


def _light_client_note() -> str:
    if light_client.available():
        return (
            "h2load is a client in C that leaves the cores to the server; it sends the image of "
            "the middle size again and again, and so does its bare loop"
        )
    return "h2load is not installed (Debian: nghttp2-client): no figures of a light client"


def embed_call(target: str, modality: Modality, content: bytes, dimension: int) -> Post:
    """Return an `Embed` of one image; its answer holds a vector of 32-bit floats."""
    shown = (
        encoder_pb2.MODALITY_PHOTO if modality is Modality.PHOTO else encoder_pb2.MODALITY_SKETCH
    )
    request = encoder_pb2.EmbedRequest(
        images=[encoder_pb2.Image(content=content, modality=shown)]
    ).SerializeToString()
    method = "/sketchzoo.encoder.v1.EncoderService/Embed"
    return grpc_post(target, method, request, 4 * dimension)


def _asked(
    kind: str, target: str, folder: Path, seconds: float, *, callers: int, images: int
) -> float:
    """Return images a second that the load generator's callers get."""
    found = load(
        kind,
        target,
        folder,
        callers=callers,
        # One would keep to one process of several.
        connections=callers if default_size() > 1 else 1,
        images=images,
        seconds=seconds,
    )
    answered: float = found["answered_per_second"]
    return answered * images


def _add(section: Section, measured: tuple[str, str, str], pair: tuple[float, float]) -> None:
    """Add a row, a bar and figures; `measured` is modality, the figures' suffix and client."""
    (modality, name, client), (limit, served) = measured, pair
    share = served / limit
    images = str(_IMAGES_A_CALL if name == _SEVERAL else 1)
    section.rows.append((modality, images, client, limit, served, share))
    section.bars.append(Bar(f"encoder_{modality}{name}_share_of_bare", share, ">=", 0.90))
    section.figures[f"encoder_{modality}{name}_per_second"] = served
    section.figures[f"bare_{modality}{name}_per_second"] = limit


def _beside_bare(
    bare: BareLoop, contents: Sequence[bytes], serve: Callable[[float], float], seconds: float
) -> tuple[float, float]:
    """Return images a second of the bare loop and of `serve`: the round of the median share."""
    rounds: list[tuple[float, float]] = []
    slice_seconds = seconds / 4
    before = bare.rate(contents, slice_seconds)
    for _ in range(3):
        served = serve(slice_seconds)
        after = bare.rate(contents, slice_seconds)
        rounds.append(((before + after) / 2, served))
        before = after
    return sorted(rounds, key=lambda pair: pair[1] / pair[0])[1]


def search(workload: Workload, parts: Parts, artefact: ModelArtefact, seconds: float) -> Section:
    """Measure `Search` at concurrency 1, 4 and 16 beside bare decode and model."""
    section = Section("Search: a sketch in, twelve photos out", _LATENCY)
    bare = BareLoop.open(artefact, Modality.SKETCH)
    folder, target = workload.folder / "sketch", parts.search.address
    alone: list[dict[str, Any]] = []
    limit: list[float] = []
    for _ in range(3):
        # In turn, since the machine's pace drifts.
        limit += bare.latencies(workload.sketches, seconds / 4)
        alone.append(load("search", target, folder, callers=1, seconds=seconds / 3))
    figures = {1: sorted(alone, key=lambda found: found["answered"]["p50"])[1]}
    for callers in (4, 16):
        figures[callers] = load("search", target, folder, callers=callers, seconds=seconds)
    bare_p50 = median(limit)
    section.rows.append(("bare, 1", 1 / bare_p50, bare_p50 * 1e3, *_tail(limit)))
    for callers, found in figures.items():
        section.rows.append((str(callers), found["answered_per_second"], *_milliseconds(found)))
    ratio = figures[1]["answered"]["p50"] / bare_p50
    section.bars.append(Bar("search_p50_over_bare_part1", ratio, "<=", 1.5))
    section.bars.append(Bar("search_p50_over_bare", ratio, "<=", 1.15))
    drawn = load("strokes", target, folder, callers=1, seconds=seconds / 3)
    section.rows.append(("1, strokes", drawn["answered_per_second"], *_milliseconds(drawn)))
    rasterised = _rasterising()
    section.bars.append(
        Bar("strokes_rasterising_share_of_encode", rasterised / bare_p50, "<=", 0.10)
    )
    section.figures["rasterising_seconds"] = rasterised
    section.figures["search_p50_seconds"] = figures[1]["answered"]["p50"]
    section.figures["bare_sketch_p50_seconds"] = bare_p50
    section.notes += [
        "every sketch's bytes differ, so that no cache answers",
        f"rasterising 12 strokes of 32 points: {rasterised * 1e3:.2f} ms",
    ]
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
    states = {**calm["health"], **storm["health"]}
    serving = storm["health"].get("SERVING", 0) / max(1, sum(storm["health"].values()))
    told = storm["refused_with_retry_info"] / refused if refused else 1.0
    section.bars += [
        Bar("search_p99_at_70_over_p50_alone", calm_p99 / p50_alone, "<=", 4),
        Bar("overload_goodput_share", storm["answered_per_second"] / peak, ">=", 0.85),
        Bar("overload_admitted_p99_over_p99_at_70", storm_p99 / calm_p99, "<=", 3),
        Bar("overload_refusal_p99_ms", storm["refused"]["p99"] * 1e3, "<=", 10),
        Bar("overload_refused_with_retry_info_share", told, ">=", 1),
        Bar("overload_health_serving_share", serving, ">=", 1),
    ]
    section.notes.append(
        f"peak {peak:.1f}/s (16 callers, closed loop); {seconds:g} s each; the client shares the "
        "machine's cores, ahead of the services where it may (root); an answer's time counts from "
        "when its call was due, a refusal's from its sending; closed-loop callers who are refused "
        "come back when RetryInfo says"
    )
    section.notes.append(f"health, asked four times a second: {', '.join(sorted(states))}")
    if other:
        section.notes.append(f"other codes under overload: {other}")
    return section


def _rasterising() -> float:
    """Return the median seconds that drawing strokes into an image file takes."""
    drawings = [as_strokes(drawing(seed)) for seed in range(50)]
    times: list[float] = []
    for each in drawings * 4:
        start = time.perf_counter()
        encode(each)
        times.append(time.perf_counter() - start)
    return median(times)


def _milliseconds(found: dict[str, Any]) -> tuple[float, float, float]:
    answered = found["answered"]
    return (answered["p50"] * 1e3, answered["p95"] * 1e3, answered["p99"] * 1e3)


def _tail(seconds: list[float]) -> tuple[float, float]:
    ordered = sorted(seconds)
    return (ordered[int(0.95 * len(ordered))] * 1e3, ordered[int(0.99 * len(ordered))] * 1e3)

"""Growth: embedded Qdrant and search as the gallery grows, beside brute force.

The galleries are made of real embeddings, sampled and jittered; the largest is published
under an alias of its own, and a search service of its own answers in it. The largest is also
filled a second time with vectors as int8, whose hits are scored again with the whole ones.
The index is built as ingest has it built and searched as widely as the search service does; the
largest is asked as widely as Qdrant does by itself, too.
"""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
from qdrant_client import AsyncQdrantClient, models

from benchmarks.bar import Bar
from benchmarks.footprint import resident
from benchmarks.report import draw_growth
from benchmarks.section import Section
from benchmarks.services import load
from local_stack.parts import Parts
from local_stack.stack import Part, Stack
from search_service.settings import SearchSettings
from sketchzoo.qdrant import CollectionOptions

_K = 12
_CLASSES = 55
_QUERIES = 200
_INDEXED_WITHIN = 3600
UNINDEXED = 20_000
"""Fewer vectors may be left without an index."""


def jittered(embeddings: npt.NDArray[np.float32], count: int, seed: int) -> npt.NDArray[np.float32]:
    """Sample `count` real embeddings and move each a little: unit vectors `(count, d)`."""
    rng = np.random.default_rng(seed)
    picked = embeddings[rng.integers(0, len(embeddings), count)]
    noise = rng.standard_normal(picked.shape, np.float32)
    noise *= 0.5 / np.linalg.norm(noise, axis=1, keepdims=True)
    moved = picked + noise
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), np.float32)


@dataclass(frozen=True, slots=True)
class Answers:
    """What queries found: recall against brute force, each one's seconds, brute force's."""

    recall: float
    seconds: list[float]
    brute: list[float]

    def row(self) -> tuple[float, float, float, float]:
        """Return p50, p99 and brute force's p50 in milliseconds, and the recall."""
        tail = sorted(self.seconds)[int(0.99 * len(self.seconds))]
        return median(self.seconds) * 1e3, tail * 1e3, median(self.brute) * 1e3, self.recall


@dataclass(frozen=True, slots=True)
class Gallery:
    """Vectors `(n, d)` and each one's class."""

    vectors: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64]

    async def ask(
        self,
        client: AsyncQdrantClient,
        name: str,
        queries: npt.NDArray[np.float32],
        wanted: int | None,
        *,
        params: models.SearchParams,
    ) -> Answers:
        """Query the collection `name` with each of `queries`, and numpy with the same."""
        condition = None
        if wanted is not None:
            match = models.MatchValue(value=str(wanted))
            condition = models.Filter(must=[models.FieldCondition(key="class", match=match)])
        found, seconds, brute = 0, list[float](), list[float]()
        for query in queries:
            start = time.perf_counter()
            answer = await client.query_points(
                name,
                query.tolist(),
                query_filter=condition,
                search_params=params,
                limit=_K,
                timeout=30,
            )
            seconds.append(time.perf_counter() - start)
            start = time.perf_counter()
            scores = self.vectors @ query
            if wanted is not None:
                scores = np.where(self.classes == wanted, scores, -2)
            nearest = np.argpartition(-scores, _K)[:_K]
            brute.append(time.perf_counter() - start)
            found += len({point.id for point in answer.points} & set(nearest.tolist()))
        return Answers(found / (_K * len(queries)), seconds, brute)


@dataclass(frozen=True, slots=True)
class Growth:
    """Where and how far to grow: logs below `out`, sketches to search with in `sketches`."""

    out: Path
    sketches: Path
    fingerprint: str
    sizes: tuple[int, ...]

    def collection(self, size: int) -> str:
        """Return a size's collection, named as ingest names one of the alias."""
        return f"{self.alias(size)}-{self.fingerprint}"

    def alias(self, size: int) -> str:
        """Return a size's alias."""
        return f"bench{size}"


def measure(embeddings: npt.NDArray[np.float32], parts: Parts, growth: Growth) -> Section:
    """Fill a collection of each size, query it, plain and filtered, beside numpy."""
    return asyncio.run(_measure(embeddings, parts, growth))


async def _measure(embeddings: npt.NDArray[np.float32], parts: Parts, growth: Growth) -> Section:
    sizes = growth.sizes
    section = Section(
        "Growth: embedded Qdrant, k=12",
        ("vectors", "query", "p50 ms", "p99 ms", "brute force p50 ms", "recall@12"),
    )
    host, port = parts.qdrant.address.rsplit(":", 1)
    client = AsyncQdrantClient(
        host=host, grpc_port=int(port), prefer_grpc=True, check_compatibility=False
    )
    queries = jittered(embeddings, _QUERIES, 1)
    wide = models.SearchParams(hnsw_ef=SearchSettings().hnsw_ef)
    for size in sizes:
        gallery = Gallery(jittered(embeddings, size, size), np.arange(size) % _CLASSES)
        name = growth.collection(size)
        await _fill_measured(client, name, gallery, section, parts)
        for label, wanted in (("all", None), ("one class of 55", 7)):
            found = await gallery.ask(client, name, queries, wanted, params=wide)
            section.rows.append((f"{size}", label, *found.row()))
            which = "filtered" if wanted is not None else "all"
            section.bars.append(Bar(f"qdrant_recall_{which}_{size}", found.recall, ">=", 0.99))
            section.figures[f"qdrant_{which}_{size}_p50_seconds"] = median(found.seconds)
        if size == sizes[-1]:
            own = models.SearchParams()
            found = await gallery.ask(client, name, queries, None, params=own)
            section.rows.append((f"{size}", "all, Qdrant's own hnsw_ef", *found.row()))
            section.figures[f"qdrant_own_{size}_p50_seconds"] = median(found.seconds)
            section.figures[f"qdrant_own_{size}_recall"] = found.recall
            await _publish(client, name, growth.alias(size))
            _search(section, parts, growth, size)
        await client.delete_collection(name)
    await _fill_measured(client, name, gallery, section, parts, int8=True)
    again = models.QuantizationSearchParams(rescore=True, oversampling=2.0)
    params = models.SearchParams(hnsw_ef=wide.hnsw_ef, quantization=again)
    found = await gallery.ask(client, name, queries, None, params=params)
    section.rows.append((f"{sizes[-1]}", "all, int8", *found.row()))
    section.figures[f"qdrant_int8_{sizes[-1]}_p50_seconds"] = median(found.seconds)
    section.figures[f"qdrant_int8_{sizes[-1]}_recall"] = found.recall
    await client.delete_collection(name)
    await client.close()
    for what, key in (
        ("p50 of all", "qdrant_all_{}_p50_seconds"),
        ("p50 of one class", "qdrant_filtered_{}_p50_seconds"),
        ("the rate of writing", "qdrant_fill_{}_per_second"),
        ("the memory held", "qdrant_{}_resident_mib"),
    ):
        points = [section.figures[key.format(size)] for size in sizes]
        exponent = float(np.polyfit(np.log(sizes), np.log(points), 1)[0])
        section.figures[key.format("exponent")] = exponent
        section.notes.append(f"{what} grows with the vectors to the power {exponent:.2f}")
    section.notes.append(
        f"{embeddings.shape[1]} values a vector: embeddings of the gallery's photos, sampled and "
        "jittered; over gRPC, one query at a time; brute force is numpy on the same vectors; "
        "int8 by the 99 % quantile, twice as many hits as asked for scored again"
    )
    draw_growth(section.figures, sizes, growth.out / "growth.png")
    return section


async def _fill_measured(
    client: AsyncQdrantClient,
    name: str,
    gallery: Gallery,
    section: Section,
    parts: Parts,
    *,
    int8: bool = False,
) -> None:
    """Fill a collection; add its rate and the memory that embedded Qdrant holds then."""
    size = len(gallery.classes)
    start = time.perf_counter()
    await _fill(client, name, gallery, int8=int8)
    rate = size / (time.perf_counter() - start)
    held = resident(parts.qdrant) / 2**20
    kind = "int8_" if int8 else ""
    section.figures[f"qdrant_{kind}fill_{size}_per_second"] = rate
    section.figures[f"qdrant_{kind}{size}_resident_mib"] = held
    section.notes.append(
        f"{size} vectors{' as int8' if int8 else ''}: {rate:.0f}/s written and indexed, embedded "
        f"Qdrant holds {held:.0f} MiB"
    )


async def _publish(client: AsyncQdrantClient, name: str, alias: str) -> None:
    await client.update_collection_aliases(
        [
            models.CreateAliasOperation(
                create_alias=models.CreateAlias(collection_name=name, alias_name=alias)
            )
        ]
    )


def _search(section: Section, parts: Parts, growth: Growth, size: int) -> None:
    """Let a search service answer in the largest gallery; add its time and memory."""
    part = Part(
        "search",
        ("search", "--metrics-port", "0"),
        environment={**parts.environment, "SKETCHZOO_GALLERY": growth.alias(size)},
    )
    with Stack(growth.out / "logs-large") as stack:
        stack.start(part)
        server = stack.listening(part)
        stack.wait_serving(server)
        found = load("search", server.address, growth.sketches, callers=1, seconds=4)
        load("search", server.address, growth.sketches, callers=8, seconds=4)
        held = resident(server) / 2**20
    section.notes.append(
        f"Search in {size} photos: p50 {found['answered']['p50'] * 1e3:.1f} ms, the service "
        f"holds {held:.0f} MiB"
    )
    section.figures[f"search_{size}_p50_seconds"] = found["answered"]["p50"]
    section.bars.append(Bar(f"search_memory_mib_{size}", held, "<=", 150))


async def _fill(client: AsyncQdrantClient, name: str, gallery: Gallery, *, int8: bool) -> None:
    vectors, classes = gallery.vectors, gallery.classes
    if await client.collection_exists(name):
        await client.delete_collection(name)
    options = CollectionOptions()
    scalar = models.ScalarQuantizationConfig(
        type=models.ScalarType.INT8, quantile=0.99, always_ram=True
    )
    await client.create_collection(
        name,
        vectors_config=models.VectorParams(size=vectors.shape[1], distance=models.Distance.COSINE),
        hnsw_config=models.HnswConfigDiff(m=options.m, ef_construct=options.ef_construct),
        quantization_config=models.ScalarQuantization(scalar=scalar) if int8 else None,
    )
    await client.create_payload_index(name, "class", models.PayloadSchemaType.KEYWORD)
    for start in range(0, len(vectors), 1000):
        points = [
            models.PointStruct(id=i, vector=vectors[i].tolist(), payload=_payload(i, classes[i]))
            for i in range(start, min(start + 1000, len(vectors)))
        ]
        await client.upsert(name, points, wait=True, timeout=60)
    # Measured is what users get once it is there.
    count = len(vectors)
    await indexed(client, name, round(0.95 * count) if count >= UNINDEXED else 0)


async def indexed(client: AsyncQdrantClient, name: str, wanted: int) -> None:
    """Wait for the index of `wanted` vectors at least, which is built in the background."""
    end = time.monotonic() + _INDEXED_WITHIN
    while time.monotonic() < end:
        info = await client.get_collection(name)
        done = info.status == models.CollectionStatus.GREEN
        if done and (info.indexed_vectors_count or 0) >= wanted:
            return
        await asyncio.sleep(0.5)
    raise TimeoutError(f"{name} was not indexed within {_INDEXED_WITHIN} s")


def _payload(number: int, class_number: int) -> dict[str, str | int]:
    return {
        "class": str(class_number),
        "uri": f"file:///gallery/{class_number}/{number}.jpg",
        "sha256": f"{number:064x}",
        "width": 256,
        "height": 256,
        "ingested_at": "2026-11-23T12:00:00+00:00",
    }

"""Embedded Qdrant against brute force: recall and time at 1k, 10k and 100k vectors."""

import asyncio
import time
from statistics import median

import numpy as np
import numpy.typing as npt
from qdrant_client import AsyncQdrantClient, models

from benchmarks.bar import Bar
from benchmarks.section import Section
from sketchzoo.cli.parts import Parts
from sketchzoo.photos import connect
from sketchzoo.settings import QdrantSettings

_K = 12
_CLASSES = 55
_QUERIES = 200


def jittered(embeddings: npt.NDArray[np.float32], count: int, seed: int) -> npt.NDArray[np.float32]:
    """Sample `count` real embeddings and move each a little: unit vectors `(count, d)`."""
    rng = np.random.default_rng(seed)
    picked = embeddings[rng.integers(0, len(embeddings), count)]
    noise = rng.standard_normal(picked.shape, np.float32)
    noise *= 0.5 / np.linalg.norm(noise, axis=1, keepdims=True)
    moved = picked + noise
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), np.float32)


def measure(embeddings: npt.NDArray[np.float32], parts: Parts, sizes: tuple[int, ...]) -> Section:
    """Fill a collection of each size, query it, plain and filtered, beside numpy."""
    return asyncio.run(_measure(embeddings, parts, sizes))


async def _measure(
    embeddings: npt.NDArray[np.float32], parts: Parts, sizes: tuple[int, ...]
) -> Section:
    section = Section(
        "Embedded Qdrant: k=12",
        ("vectors", "query", "p50 ms", "p99 ms", "brute force p50 ms", "recall@12"),
    )
    settings = QdrantSettings(qdrant_url=f"http://{parts.qdrant.address}")
    connection = connect(settings)
    for size in sizes:
        vectors = jittered(embeddings, size, size)
        classes = np.arange(size) % _CLASSES
        name = f"bench-{size}"
        await _fill(connection.client, name, vectors, classes)
        queries = jittered(embeddings, _QUERIES, 1)
        for label, wanted in (("all", None), ("one class of 55", 7)):
            recall, times, brute = await _ask(
                connection.client,
                name,
                vectors=vectors,
                classes=classes,
                queries=queries,
                wanted=wanted,
            )
            section.rows.append(
                (
                    f"{size}",
                    label,
                    median(times) * 1e3,
                    sorted(times)[int(0.99 * len(times))] * 1e3,
                    median(brute) * 1e3,
                    recall,
                )
            )
            which = "filtered" if wanted is not None else "all"
            section.bars.append(Bar(f"qdrant_recall_{which}_{size}", recall, ">=", 0.99))
            section.figures[f"qdrant_{which}_{size}_p50_seconds"] = median(times)
        await connection.client.delete_collection(name)
    await connection.close()
    section.notes.append(
        f"{embeddings.shape[1]} values a vector: embeddings of the gallery's photos, sampled and "
        "jittered; over gRPC, one query at a time; brute force is numpy on the same vectors"
    )
    return section


async def _fill(
    client: AsyncQdrantClient,
    name: str,
    vectors: npt.NDArray[np.float32],
    classes: npt.NDArray[np.int64],
) -> None:
    if await client.collection_exists(name):
        await client.delete_collection(name)
    await client.create_collection(
        name,
        vectors_config=models.VectorParams(size=vectors.shape[1], distance=models.Distance.COSINE),
    )
    await client.create_payload_index(name, "class", models.PayloadSchemaType.KEYWORD)
    for start in range(0, len(vectors), 1000):
        points = [
            models.PointStruct(id=i, vector=vectors[i].tolist(), payload={"class": str(classes[i])})
            for i in range(start, min(start + 1000, len(vectors)))
        ]
        await client.upsert(name, points, wait=True, timeout=60)
    # The index is built in the background; measured is what users get once it is there.
    end = time.monotonic() + 600
    while time.monotonic() < end:
        info = await client.get_collection(name)
        if info.status == models.CollectionStatus.GREEN and (
            len(vectors) < 20_000 or (info.indexed_vectors_count or 0) >= 0.95 * len(vectors)
        ):
            return
        await asyncio.sleep(0.5)
    raise TimeoutError(f"{name} was not indexed within 600 s")


async def _ask(
    client: AsyncQdrantClient,
    name: str,
    *,
    vectors: npt.NDArray[np.float32],
    classes: npt.NDArray[np.int64],
    queries: npt.NDArray[np.float32],
    wanted: int | None,
) -> tuple[float, list[float], list[float]]:
    condition = None
    if wanted is not None:
        match = models.MatchValue(value=str(wanted))
        condition = models.Filter(must=[models.FieldCondition(key="class", match=match)])
    found, times, brute = 0, list[float](), list[float]()
    for query in queries:
        start = time.perf_counter()
        answer = await client.query_points(
            name, query.tolist(), query_filter=condition, limit=_K, timeout=30
        )
        times.append(time.perf_counter() - start)
        start = time.perf_counter()
        scores = vectors @ query
        if wanted is not None:
            scores = np.where(classes == wanted, scores, -2)
        nearest = np.argpartition(-scores, _K)[:_K]
        brute.append(time.perf_counter() - start)
        found += len({point.id for point in answer.points} & set(nearest.tolist()))
    return found / (_K * len(queries)), times, brute

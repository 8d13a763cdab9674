"""Upkeep goes on whatever one collection's build or flush does."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from qdrant_client import grpc

from embedded_qdrant import upkeep as upkeep_module
from embedded_qdrant.catalogue import Catalogue
from embedded_qdrant.collection import Collection, Statistics
from embedded_qdrant.conversion import configs
from embedded_qdrant.indexing import IndexBuildError
from embedded_qdrant.metrics import CollectionMetrics
from embedded_qdrant.settings import EmbeddedQdrantSettings
from embedded_qdrant.upkeep import Upkeep


def _catalogue(settings: EmbeddedQdrantSettings, *names: str) -> Catalogue:
    catalogue = Catalogue(settings)
    catalogue.open()
    params = grpc.VectorParams(size=2, distance=grpc.Distance.Cosine)
    request = grpc.CreateCollection(vectors_config=grpc.VectorsConfig(params=params))
    for name in names:
        catalogue.create(name, configs.created(request))
    return catalogue


@pytest.mark.parametrize("error", [IndexBuildError("no room"), Exception("no class of its own")])
async def test_a_build_that_fails_is_counted_and_put_off_and_the_next_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """One collection's failing build is tried once, and another's is built all the same."""
    settings = EmbeddedQdrantSettings(path=tmp_path)
    catalogue = _catalogue(settings, "bad", "good")
    registry = CollectorRegistry()
    built: list[str] = []
    enough = asyncio.Event()

    class Build:
        def __init__(self, collection: Collection, _settings: Any, *, vacuum: bool) -> None:
            self._collection = collection

        async def run(self) -> None:
            built.append(self._collection.name)
            if built.count("good") == 3:
                enough.set()
            if self._collection.name == "bad":
                raise error

    monkeypatch.setattr(upkeep_module, "IndexBuild", Build)
    monkeypatch.setattr(upkeep_module, "due", lambda *_: True)
    monkeypatch.setattr(upkeep_module, "_TICK_SECONDS", 0.001)
    async with Upkeep(catalogue, settings, CollectionMetrics(registry, catalogue.all)):
        await enough.wait()
    await catalogue.close()
    assert built.count("bad") == 1
    name = "sketchzoo_qdrant_index_builds_total"
    assert registry.get_sample_value(name, {"outcome": "failed"}) == 1
    assert (registry.get_sample_value(name, {"outcome": "done"}) or 0) >= 3


async def test_a_flush_that_fails_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an error of the engine the next flush is made, of this collection and of others."""
    settings = EmbeddedQdrantSettings(path=tmp_path)
    catalogue = _catalogue(settings, "a", "b")
    flushed: list[str] = []
    enough = asyncio.Event()

    def flush(collection: Collection, *_: float) -> None:
        flushed.append(collection.name)
        if len(flushed) == 4:
            enough.set()
        if len(flushed) == 1:
            raise Exception("disk full")  # noqa: TRY002 - the engine's errors are of no class

    monkeypatch.setattr(Collection, "flush_if_due", flush)
    monkeypatch.setattr(upkeep_module, "_FLUSH_TICK_SECONDS", 0.001)
    metrics = CollectionMetrics(CollectorRegistry(), catalogue.all)
    async with Upkeep(catalogue, settings, metrics):
        await enough.wait()
    await catalogue.close()
    assert flushed[:4] == ["a", "b", "a", "b"]


def test_metrics_of_many_collections_share_a_label() -> None:
    """Past 20 collections the rest is summed under one label."""
    collections: Any = [
        SimpleNamespace(
            name=f"c{n:02}", statistics=Statistics(points=5), waiting=0, journaled=0, building=False
        )
        for n in range(22)
    ]
    registry = CollectorRegistry()
    CollectionMetrics(registry, lambda: collections)
    name = "sketchzoo_qdrant_points"
    assert registry.get_sample_value(name, {"collection": "c19"}) == 5
    assert registry.get_sample_value(name, {"collection": "c20"}) is None
    assert registry.get_sample_value(name, {"collection": "(others)"}) == 10

"""What is known of a collection's bursts: looked at seldom, by one search of many."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from qdrant_client import grpc as api

from sketchzoo.qdrant import QdrantConnection
from sketchzoo.qdrant import schemas as module
from sketchzoo.qdrant.query import BURST, NEAR_DUPLICATE
from sketchzoo.qdrant.schemas import Schemas


@dataclass
class Qdrant:
    """A collection of ten photos, two of them near-duplicates; facets end when they are let."""

    calls: list[str] = field(default_factory=list)
    looked: asyncio.Event = field(default_factory=asyncio.Event)
    let: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, method: str, _request: Any, _seconds: float | None = None) -> Any:
        self.calls.append(method)
        if method == "Points/Facet":
            self.looked.set()
            await self.let.wait()
            response = api.FacetResponse()
            hit = response.hits.add(count=2)
            hit.value.string_value = "first"
            return response
        answer = api.GetCollectionInfoResponse()
        answer.result.points_count = 10
        for name, points in ((BURST, 10), (NEAR_DUPLICATE, 2)):
            answer.result.payload_schema[name].points = points
        return answer


async def test_one_search_looks_at_bursts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those beside it go on by what was known, also where that was half a minute ago."""
    now = 100.0
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    qdrant = Qdrant()
    schemas = Schemas(cast("QdrantConnection", qdrant))
    qdrant.let.set()
    first = await schemas.bursts("photos", None)
    assert first is not None
    assert first.several == {"first"}
    qdrant.calls.clear()
    qdrant.let.clear()
    qdrant.looked.clear()
    now += 31
    looks = asyncio.create_task(schemas.bursts("photos", None))
    await qdrant.looked.wait()
    async with asyncio.timeout(5):
        others = [await schemas.bursts("photos", None) for _ in range(3)]
    assert others == [first] * 3
    qdrant.let.set()
    assert await looks == first
    assert qdrant.calls.count("Points/Facet") == 1

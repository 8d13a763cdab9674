"""The galleries that are written to, with the encoder and Qdrant as fakes."""

import asyncio
from typing import Any

import grpc
import pytest
from prometheus_client import CollectorRegistry

from sketchzoo.qdrant import CollectionOptions
from sketchzoo.rpc import CallError
from sketchzoo_ingest.gallery_service.galleries import GalleryOptions, OpenGalleries
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.retry import RetryPolicy
from sketchzoo_ingest.sources import Candidate
from tests.unit.ingest.fakes import FakeEncoder, FakeSource, small_limits


class SlowQdrant:
    """Never answers."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def ask(self, *_: Any) -> Any:
        self.asked.set()
        await asyncio.Event().wait()


def galleries(qdrant: Any, most: int) -> OpenGalleries:
    encoder: Any = FakeEncoder()
    return OpenGalleries(
        connection=qdrant,
        encoder=encoder,
        reader=FakeSource([]),
        retry=RetryPolicy(0.0, asyncio.Event()),
        metrics=IngestMetrics(CollectorRegistry(), of_service=True),
        limits=small_limits(),
        options=GalleryOptions(most, 1.0, 60.0, locations=True, collection=CollectionOptions()),
    )


async def test_galleries_that_are_being_opened_count() -> None:
    """However many are asked for at once, no more are written to than may be."""
    qdrant = SlowQdrant()
    opened = galleries(qdrant, most=1)
    photo = Candidate("fake://a", "", "a", "a", 1)
    first = asyncio.create_task(opened.add("one", photo))
    await qdrant.asked.wait()
    async with asyncio.timeout(10):
        with pytest.raises(CallError) as refused:
            await opened.add("two", photo)
    assert refused.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    first.cancel()
    await asyncio.wait([first])

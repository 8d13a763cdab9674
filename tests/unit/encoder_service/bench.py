"""A worker pool to be tested, with a runtime that waits when it is told to."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client import CollectorRegistry

from encoder_service.metrics import EncoderMetrics
from encoder_service.pool import WorkerPool
from encoder_service.watchdog import Watchdog
from encoder_service.work import ImageFile
from sketchzoo.counts import Counts
from sketchzoo.images import ImageLimits, Modality
from tests.artefacts import picture
from tests.unit.encoder_service.fakes import PREPROCESSING, FakeRuntime

PHOTO = ImageFile(picture(1), Modality.PHOTO)
SKETCH = ImageFile(picture(2), Modality.SKETCH)
BROKEN = ImageFile(b"no image", Modality.PHOTO)


class Bench:
    """A worker pool, its runtime and its metrics."""

    def __init__(
        self,
        max_batch: int = 1,
        *,
        workers: int = 1,
        queue_calls: int = 4,
        alone_after_seconds: int = 0,
        max_delay_seconds: float = 0.2,
        limits: ImageLimits | None = None,
        counts: Counts | None = None,
    ) -> None:
        self.runtime = FakeRuntime(max_batch)
        self.registry = CollectorRegistry()
        self.watchdog = Watchdog()
        self.pool = WorkerPool(
            self.runtime,
            PREPROCESSING,
            EncoderMetrics(self.registry),
            workers=workers,
            queue_calls=queue_calls,
            max_delay_seconds=max_delay_seconds if max_batch > 1 else 0,
            alone_after_seconds=alone_after_seconds,
            limits=limits,
            counts=counts,
            watchdog=self.watchdog,
        )

    def start(self, *images: ImageFile, seconds: float = 30) -> "asyncio.Task[list[object]]":
        async def run() -> list[object]:
            embeddings = await self.pool.embed(images, time.monotonic() + seconds)
            return list(embeddings.outcomes)

        return asyncio.create_task(run())

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"sketchzoo_encoder_{name}", labels) or 0.0

    async def idle(self) -> None:
        """Wait until no worker holds an image: an answer comes a moment before that."""
        await until(lambda: not self.count("busy_workers"))

    def dropped(self, reason: str) -> float:
        return self.count("dropped_total", reason=reason)


@contextmanager
def bench(max_batch: int = 1, **options: Any) -> Iterator[Bench]:
    made = Bench(max_batch, **options)
    with made.pool:
        try:
            yield made
        finally:
            made.runtime.gate.set()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the conditions lie in other threads
            await asyncio.sleep(0.002)


async def held(made: Bench) -> "asyncio.Task[list[object]]":
    """Close the gate and wait until an image stands in the model."""
    made.runtime.gate.clear()
    made.runtime.begun.clear()
    task = made.start(PHOTO)
    await until(made.runtime.begun.is_set)
    return task

"""The worker: a process of the cluster that brings partitions into the collection."""

import asyncio
import pickle
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import Any

from prometheus_client import CollectorRegistry

from sketchzoo.qdrant import connect
from sketchzoo.rpc import CallError
from sketchzoo.rpc.loop import new_event_loop
from sketchzoo.telemetry import configure_logs, request_context
from sketchzoo_ingest.embedder import Embedder
from sketchzoo_ingest.feed import Listing
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.pipeline import Pipeline
from sketchzoo_ingest.ray.encoders import EncoderPool, Line
from sketchzoo_ingest.ray.partition import Partition
from sketchzoo_ingest.ray.plan import Plan
from sketchzoo_ingest.ray.records import Records
from sketchzoo_ingest.ray.summary import Summary
from sketchzoo_ingest.ray.writing import PartitionCollection, PlacedWriter
from sketchzoo_ingest.reading import Reading
from sketchzoo_ingest.retry import RetryPolicy
from sketchzoo_ingest.sources import Candidate
from sketchzoo_ingest.sources.section import Section
from sketchzoo_ingest.tally import Tally

_TELL_SECONDS = 1.0
# Ray begins again what an ended worker had, without end: one photo may end them all.
_ATTEMPTS = 10


class Worker:
    """Does one partition after the other; Ray Data has a pool of these.

    A partition is done when its record is written. One that has a record already is not begun.
    """

    def __init__(self, plan: Plan, board: Any, lines: Sequence[Line]) -> None:
        settings = plan.settings
        configure_logs("ingest", level=settings.log_level, form=settings.log_format)
        self._plan = plan
        self._board = board
        self._records = Records(plan.records)
        self._limits = settings.pipeline_limits().for_processes(plan.model.processes)
        self._opened = ExitStack()
        self._storage = self._opened.enter_context(plan.storage())
        self._sources = plan.sources(self._storage)
        self._runner = self._opened.enter_context(asyncio.Runner(loop_factory=new_event_loop))
        self._encoders = EncoderPool(settings, lines)
        self._writer = self._runner.run(self._connected())

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Do a partition; return its summary, and what kept it from being done."""
        number, section = int(batch["number"][0]), pickle.loads(batch["section"][0])  # noqa: S301 - the driver's
        summary, problem = self._runner.run(self._do(number, section))
        return {
            "number": [number],
            "summary": [summary.to_json()],
            # None: done; empty: stopped.
            "problem": [problem],
            "is_done": [problem is None],
        }

    def close(self) -> None:
        """Let go of what it opened, temporary files among it."""
        self._opened.close()

    async def _connected(self) -> PlacedWriter:
        # Channels belong to the loop that they are opened in.
        settings = self._plan.settings
        options = settings.collection_options()
        return PlacedWriter(connect(settings), settings.gallery, options, self._board)

    async def _do(self, number: int, section: Section) -> tuple[Summary, str | None]:
        before = await asyncio.to_thread(self._records.find, number, section.version)
        if before is not None:
            return before, None
        if await self._board.begin.remote(number) > _ATTEMPTS:
            return Summary(), f"{_ATTEMPTS} workers in a row ended at {_where(section)}"
        stop = asyncio.Event()
        registry = CollectorRegistry()
        metrics = IngestMetrics(registry, of_service=True)
        retries: Counter[str] = Counter()
        retry = RetryPolicy(
            self._plan.settings.retry_seconds,
            stop,
            lambda part, code: retries.update([f"{part},{code}"]),
        )
        tally = Tally(metrics)
        collection = PartitionCollection(self._writer, self._plan.collection, retry)
        partition = Partition(self._sources[section.source], section)

        def summary() -> Summary:
            return Summary.of(tally, metrics, retries)

        with request_context(None):
            async with self._telling(number, summary, stop):
                try:
                    with Listing(partition.listed(), metrics) as listing:
                        await self._pipeline(collection, tally, metrics, retry, stop).run(listing)
                except CallError as error:
                    return summary(), "" if stop.is_set() else str(error)
        if stop.is_set():
            return summary(), ""
        rows = partition.rows(collection)
        await asyncio.to_thread(self._records.write, number, section.version, rows, summary())
        return summary(), None

    def _pipeline(
        self,
        collection: PartitionCollection,
        tally: Tally,
        metrics: IngestMetrics,
        retry: RetryPolicy,
        stop: asyncio.Event,
    ) -> Pipeline:
        settings, model, limits = self._plan.settings, self._plan.model, self._limits
        return Pipeline(
            embedder=Embedder(self._encoders, model, retry, settings.encode_timeout_seconds),
            collection=collection,
            reading=Reading(
                limits.images,
                model.photo_preprocessing,
                max_sent_bytes=limits.max_sent_bytes,
                max_held_bytes=limits.buffer_bytes,
                locations=not settings.no_location,
            ),
            tally=tally,
            metrics=metrics,
            limits=limits,
            stop=stop,
            verify=settings.verify,
        )

    @asynccontextmanager
    async def _telling(self, number: int, summary: Any, stop: asyncio.Event) -> AsyncIterator[None]:
        """Tell the board how far the partition is, and hear whether to stop."""

        async def tell() -> None:
            if await self._board.tell.remote(number, summary().to_json()):
                stop.set()

        async def tell_for_ever() -> None:
            while True:
                await tell()
                await asyncio.sleep(_TELL_SECONDS)

        telling = asyncio.create_task(tell_for_ever())
        try:
            yield
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling


def _where(section: Section) -> str:
    photos = [entry.origin for entry in section.entries if isinstance(entry, Candidate)]
    span = f"the photos from {photos[0]} to {photos[-1]}" if photos else "a listing without photos"
    return section.shard or span

"""The engine: the job on a cluster, from the plan to the report. The driver's side."""

import asyncio
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import ray
import ray.data
import structlog
from ray.exceptions import RayError, RayTaskError

from sketchzoo.encoder_client import PART as ENCODER
from sketchzoo.qdrant import PhotoWriter
from sketchzoo.rpc import CallError
from sketchzoo_ingest.collection import PART as QDRANT
from sketchzoo_ingest.embedder import has_failed
from sketchzoo_ingest.publication import publish, withheld
from sketchzoo_ingest.ray.board import board
from sketchzoo_ingest.ray.closing import Closed, close
from sketchzoo_ingest.ray.encoders import EncoderPool, Line, answering
from sketchzoo_ingest.ray.gauge import Gauge
from sketchzoo_ingest.ray.listing import Partitions
from sketchzoo_ingest.ray.plan import Draft, Plan
from sketchzoo_ingest.ray.records import Records
from sketchzoo_ingest.ray.summary import Summary
from sketchzoo_ingest.ray.worker import Worker
from sketchzoo_ingest.report import ExitStatus, Report
from sketchzoo_ingest.retry import RetryPolicy
from sketchzoo_ingest.sources import Source

log = structlog.get_logger()

# Beyond a write's deadline, until the place of a killed writer is free again.
_MARGIN_SECONDS = 5.0
_LOOK_SECONDS = 0.5
# Partitions that wait at a worker while it does another.
_AHEAD = 2


class Engine:
    """Ingests sources once, as `sketchzoo_ingest.job.Job` does, by processes of a cluster.

    Partitions are done in any order, and what follows from the order of the listing is decided
    when all are. When `stop` is set, photos under way are finished and nothing more is begun.
    """

    def __init__(
        self,
        *,
        draft: Draft,
        sources: Sequence[Source],
        lines: Sequence[Line],
        workers: int,
        writer: PhotoWriter,
        retry: RetryPolicy,
        gauge: Gauge,
        stop: asyncio.Event,
    ) -> None:
        self._draft = draft
        self._settings = draft.settings
        self._sources = sources
        self._lines = lines
        self._workers = workers
        self._writer = writer
        self._retry = retry
        self._gauge = gauge
        self._stop = stop
        self._plan: Plan | None = None
        self._closed = Closed()
        self._is_closed = False
        self._replaced: str | None = None
        self._problem = ""

    @property
    def letters(self) -> str:
        """The file of dead letters, once it is written."""
        return self._plan.letters if self._plan and self._is_closed else ""

    async def run(self, begun: float) -> Report:
        """Run to the end, the first lasting failure or `stop`; the report says which.

        `begun` is when the run began, of `time.perf_counter()`.
        """
        try:
            status, problem = await self._run()
        except (CallError, RayError) as error:
            status, problem = ExitStatus.PART_AWAY, _told(error)
            if self._stop.is_set():
                status = ExitStatus.INTERRUPTED
        plan, done = self._plan, self._gauge.summary()
        return Report(
            status=status,
            sources=[source.name for source in self._sources],
            class_from={source.name: source.classes for source in self._sources},
            model=plan.model.name if plan else "",
            fingerprint=plan.model.fingerprint if plan else "",
            collection=plan.collection if plan else "",
            alias=self._settings.gallery,
            replaced=self._replaced or "",
            published=self._replaced is not None,
            outcomes=done.outcomes,
            reasons=done.reasons,
            examples=done.examples,
            passed_over=done.passed_over,
            pruned=self._closed.pruned.photos,
            spared=self._closed.pruned.spared,
            prune_skipped=self._closed.prune_skipped,
            unread=done.unread,
            near_duplicates=done.near_duplicates,
            seen={name: count for name, count in done.seen.most_common() if count > 0},
            bytes_read=done.bytes_read,
            seconds=time.perf_counter() - begun,
            stage_seconds=done.stage_seconds,
            problem=problem,
        )

    async def _run(self) -> tuple[ExitStatus, str]:
        plan = self._plan = await self._planned()
        records = Records(plan.records)
        await asyncio.to_thread(records.prepare)
        await self._partitions(plan)
        if self._stop.is_set():
            return ExitStatus.INTERRUPTED, "stopped before the end: run it again to go on"
        if self._problem:
            return ExitStatus.PART_AWAY, self._problem
        self._closed = await self._close(plan)
        if self._closed.problem:
            return ExitStatus.PART_AWAY, self._closed.problem
        self._is_closed = True
        self._gauge.add(self._closed.correction)
        status, problem = ExitStatus.DONE, withheld(self._gauge.outcomes, self._settings.max_bad)
        if problem:
            status = ExitStatus.TOO_MANY_REFUSED
        elif self._settings.publish:
            self._replaced = await publish(
                self._writer, self._settings.gallery, plan.collection, self._retry
            )
        await asyncio.to_thread(records.clear)
        return status, problem

    async def _planned(self) -> Plan:
        await answering(self._lines)
        seconds = self._settings.encode_timeout_seconds
        pool = EncoderPool(self._settings, self._lines)
        try:
            model = await self._retry.call(ENCODER, partial(pool.model, seconds), has_failed)
        finally:
            await pool.close()
        opening = partial(self._writer.open, model.fingerprint, model.dimension)
        return self._draft.plan(model, await self._retry.call(QDRANT, opening))

    async def _partitions(self, plan: Plan) -> None:
        """Have all partitions done; what kept one from it ends the others, too."""
        hold_seconds = self._settings.qdrant_timeout_seconds + _MARGIN_SECONDS
        shared = board(self._settings.ray_writes, hold_seconds, self._workers)
        looking = asyncio.create_task(self._look(shared))
        try:
            await _in_thread(partial(self._work, plan, shared, asyncio.get_running_loop()))
        finally:
            looking.cancel()

    def _work(self, plan: Plan, shared: Any, loop: asyncio.AbstractEventLoop) -> None:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        context.print_on_execution_start = False
        # A partition is a block: nothing is to be gathered into larger ones.
        context.target_max_block_size = 1
        done = ray.data.read_datasource(
            Partitions(plan, shared), num_cpus=0, override_num_blocks=1
        ).map_batches(
            Worker,
            fn_constructor_args=(plan, shared, tuple(self._lines)),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(
                size=self._workers, max_tasks_in_flight_per_actor=_AHEAD
            ),
            num_cpus=self._settings.ray_worker_cpus,
        )
        for row in done.iter_rows():
            loop.call_soon_threadsafe(self._took, row, shared)

    def _took(self, row: Mapping[str, Any], shared: Any) -> None:
        number = int(row["number"])
        self._gauge.finish(number, Summary.from_json(row["summary"]))
        shared.done.remote(number)
        if row["problem"] and not self._problem:
            self._problem = row["problem"]
            shared.stop.remote()

    async def _look(self, shared: Any) -> None:
        """Keep the gauge up to date, and hand on that the job is to stop."""
        is_told = False
        while True:
            running, self._gauge.total = await shared.look.remote()
            self._gauge.look(running)
            if self._stop.is_set() and not is_told:
                is_told = True
                await shared.stop.remote()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _close(self, plan: Plan) -> Closed:
        log.info("closing", partitions=self._gauge.partitions, dead_letters=plan.letters)
        task = ray.remote(num_cpus=self._settings.ray_worker_cpus)(close)
        closed: Closed = await task.remote(plan, self._gauge.partitions, self._gauge.summary())
        return closed


async def _in_thread(work: Any) -> None:
    """Return when `work` has ended in a thread, which the process does not wait for at its end."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def end(error: Exception | None) -> None:
        if ended.done():
            return
        if error is None:
            ended.set_result(None)
        else:
            ended.set_exception(error)

    def run() -> None:
        error: Exception | None = None
        try:
            work()
        except Exception as raised:  # noqa: BLE001 - raised again where it is awaited
            error = raised
        loop.call_soon_threadsafe(end, error)

    threading.Thread(target=run, name="partitions", daemon=True).start()
    await ended


def _told(error: CallError | RayError) -> str:
    """Return in one line what ended a job."""
    if isinstance(error, CallError):
        return str(error)
    cause = error.cause if isinstance(error, RayTaskError) else error
    lines = [line for line in str(cause).splitlines() if line.strip()]
    what = "a process of the job failed" if isinstance(error, RayTaskError) else "the Ray cluster"
    return f"{what}: {type(cause).__name__}: {lines[0] if lines else ''}"

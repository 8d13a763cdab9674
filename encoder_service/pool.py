"""The worker pool: a bounded queue, and threads that turn images and texts into embeddings.

On a CPU one worker does all of an image: decode, prepare, embed; one hand-over from the
event loop, one back. With a runtime that gains by batches, workers decode and a batcher
embeds. Texts are embedded by the worker that takes them, whatever runs the images.
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from types import TracebackType
from typing import Self

import structlog

from encoder_service.batcher import Batcher
from encoder_service.handover import HELD_SECONDS, HandOver
from encoder_service.inference import Inference, Prepared, TextInference
from encoder_service.metrics import EncoderMetrics
from encoder_service.pace import Pace
from encoder_service.queue import QueueFullError, WorkQueue
from encoder_service.runtimes import Runtime
from encoder_service.runtimes.text import TextRuntime
from encoder_service.watchdog import BrokenError, Watchdog
from encoder_service.work import Embeddings, Entry, ImageFile, Item, Text, Timings, Work
from sketchzoo.counts import Counts
from sketchzoo.images import (
    GivenUpError,
    ImageError,
    ImageLimits,
    Modality,
    Preprocessing,
    Square,
    decode,
    enough_for,
    squared,
)

log = structlog.get_logger()

_NICE = 10


class RefusedError(Exception):
    """The queue is full; `retry_seconds` is when it likely has a place again."""

    def __init__(self, retry_seconds: float) -> None:
        super().__init__(f"come back in {retry_seconds:.3g} s")
        self.retry_seconds = retry_seconds


class WorkerPool:
    """Embeds images and texts while the context is open.

    An item whose call was cancelled, or whose deadline has passed, never reaches the
    model; `sketchzoo_encoder_dropped_total` counts it. Nor is it decoded further, and on
    leaving the context nothing is: no image holds a worker longer than a moment.
    """

    def __init__(
        self,
        runtime: Runtime,
        preprocessing: Mapping[Modality, Preprocessing],
        metrics: EncoderMetrics,
        *,
        workers: int,
        queue_calls: int,
        max_delay_seconds: float = 0.0,
        alone_after_seconds: float = 0.0,
        limits: ImageLimits | None = None,
        counts: Counts | None = None,
        watchdog: Watchdog | None = None,
        texts: TextRuntime | None = None,
    ) -> None:
        """Embed with `workers` threads; at most `queue_calls` calls wait for them.

        `texts` embeds texts; without it none may be given.

        An image may take every core once no two have met for `alone_after_seconds`: here, and
        where `counts` are a group's in any of its processes.
        """
        if workers < 1:
            raise ValueError(f"workers must be at least 1, not {workers}")
        self._preprocessing = preprocessing
        self._metrics = metrics
        self._queue = WorkQueue(queue_calls)
        self._pace = Pace()
        self._watchdog = watchdog or Watchdog()
        self._inference = Inference(runtime, metrics, self._watchdog)
        self._texts = None if texts is None else TextInference(texts, metrics)
        self._under_way: set[Work] = set()
        self._workers = workers
        counts = counts or Counts()
        self._busy = counts.count("images")
        self._busy_lock = threading.Lock()
        self._alone_after = alone_after_seconds
        self._met = counts.moment("met")
        self._limits = limits or ImageLimits()
        self._closing = False
        self._batcher: Batcher | None = None
        if runtime.max_batch > 1:
            self._batcher = Batcher(
                self._inference,
                self._watchdog,
                max_batch=runtime.max_batch,
                max_delay_seconds=max_delay_seconds,
                lanes=runtime.lanes,
                passed=self._passed,
            )
        self._handover = HandOver(self._others_follow)
        self._threads = [
            threading.Thread(target=self._run, name=f"encode-{number}", daemon=True)
            for number in range(workers)
        ]
        self._open = ExitStack()
        metrics.watch(
            workers=workers,
            busy=lambda: self._busy.here,
            queue_length=lambda: self._queue.items,
        )

    def __enter__(self) -> Self:
        if self._batcher is not None:
            self._open.enter_context(self._batcher)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing = True
        self._queue.close()
        if self._watchdog.reason is not None:
            return  # a thread may wait for the device for ever; it ends with the process
        for thread in self._threads:
            thread.join()
        self._open.close()

    async def embed(self, items: Sequence[Item], deadline: float) -> Embeddings:
        """Embed a call's images and texts; `deadline` is a reading of `time.monotonic`.

        Cancelling drops those that have not reached the model.

        Raises:
            RefusedError: the queue is full.
            DeadlinePassedError: the deadline passed before each item reached the model.
            AbandonedError: the encoder closed before.
            BrokenError: the model runs no more.

        """
        if self._watchdog.reason is not None:
            raise BrokenError(self._watchdog.reason)
        ended = asyncio.get_running_loop().create_future()
        work = Work(items, deadline, time.monotonic(), partial(self._handover.put, ended))
        if self._batcher is not None:
            self._batcher.expect(_modalities(items))
        try:
            self._queue.put(work)
        except QueueFullError as full:
            self._miss(items)
            self._metrics.dropped("queue_full", len(items))
            raise RefusedError(self._pace.wait(full.items)) from full
        self._under_way.add(work)
        try:
            await ended
            return work.result()
        finally:
            self._under_way.discard(work)
            # Without effect on a call that had its answer.
            if work.ended is None:
                work.ended = "deadline" if time.monotonic() >= deadline else "cancelled"
            left = self._queue.remove(work)
            if left:
                self._miss(items[-left:])
                self._metrics.dropped(work.ended, left)

    def fail(self, reason: str) -> None:
        """End all calls under way with BrokenError; for the event loop."""
        for work in self._under_way:
            work.fail(BrokenError(reason))
        self._handover.flush()

    def _run(self) -> None:
        _step_back()
        with self._watchdog.thread():
            while (job := self._queue.take(self._handover.flush)) is not None:
                self._count(1)
                start = time.monotonic()
                ready = False
                try:
                    ready = self._one(job, start)
                except Exception as error:  # noqa: BLE001 - the call logs it; the worker goes on
                    job.work.fail(error)
                finally:
                    if not ready:
                        self._miss([job.item])
                    self._count(-1)
                    self._metrics.busy_seconds.inc(time.monotonic() - start)

    def _miss(self, items: Sequence[Item]) -> None:
        """Let no batch wait for images that will not come."""
        if self._batcher is not None:
            self._batcher.missing(_modalities(items))

    def _passed(self, images: int) -> None:
        self._pace.passed(images, waiting=self._queue.items > 0)

    def _count(self, images: int) -> None:
        with self._busy_lock:
            self._busy.add(images)

    def _one(self, job: Entry, start: float) -> bool:
        """Bring an item on its way; tells whether it was put to a batch."""
        if self._unwanted(job):
            self._inference.dropped(job)
            return False
        seconds = Timings(queue=start - job.work.arrived)
        if isinstance(job.item, Text):
            if self._texts is None:
                raise RuntimeError("a text was given, and nothing embeds texts")
            self._texts.run(job, job.item, seconds)
            self._passed(1)
            return False
        try:
            square = self._square(job)
        except GivenUpError:
            self._inference.dropped(job)
            return False
        except ImageError as error:
            seconds.decode = time.monotonic() - start
            self._inference.refuse(job, error, seconds)
            self._passed(1)
            return False
        since = time.monotonic()
        seconds.decode = since - start
        self._metrics.decode_seconds.observe(seconds.decode)
        prepared = Prepared(job, square, seconds, since)
        if self._batcher is not None:
            self._pace.guess(seconds.decode / self._workers)
            self._batcher.put(prepared)
            return True
        if self._inference.run(job.image.modality, [prepared], alone=self._is_alone()):
            self._pace.guess((time.monotonic() - start) / self._workers)
            self._passed(1)
        return False

    def _is_alone(self) -> bool:
        """Tell whether this worker's image will likely stay the only one.

        Two runs on every core hold each other up for long: their threads spin while they
        wait for ones that have no core. So where images have met they are expected to again.
        """
        now = time.monotonic()
        if self._busy.total > 1 or self._queue.items:
            self._met.note(now)
            return False
        return now - self._met.latest >= self._alone_after

    def _others_follow(self) -> bool:
        """Tell whether an answer comes soon that this one may wait for.

        A batch is handed over as it ends, whole.
        """
        return (
            self._batcher is None
            and self._pace.seconds <= HELD_SECONDS
            and self._queue.items > self._workers
        )

    def _square(self, job: Entry) -> Square:
        """Decode and prepare an image; whatever its bytes do to the decoder stays in here."""
        image = job.image
        try:
            preprocessing = self._preprocessing[image.modality]
            decoded = decode(
                image.content,
                self._limits,
                lambda: self._unwanted(job),
                enough=enough_for(preprocessing),
            )
            return squared(decoded, preprocessing)
        except (ImageError, GivenUpError):
            raise
        except Exception as error:
            # Decoders meet hostile bytes with errors of any kind.
            log.warning("image broke its decoder", error=repr(error), bytes=len(image.content))
            raise ImageError("could not be decoded", "not_an_image") from error

    def _unwanted(self, job: Entry) -> bool:
        """Tell whether nobody waits for an image any more; asked again and again on the way."""
        self._handover.flush_overdue()
        if self._closing:
            job.work.abandon()
        return job.work.must_drop(time.monotonic()) is not None


def _modalities(items: Sequence[Item]) -> list[Modality]:
    return [item.modality for item in items if isinstance(item, ImageFile)]


def _step_back() -> None:
    """Let event loops, which need a core for a moment, go before this thread.

    Under load every core runs the model; what answers, refuses or passes on a call would
    wait for it. Only Linux takes a thread's number for this.
    """
    if sys.platform == "linux":
        with suppress(PermissionError):  # a service that was started further back
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)

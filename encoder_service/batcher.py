"""The batcher: prepared images of many calls into one run of the model, for GPUs.

A batch goes when it is full, when its first image has waited `max_delay_seconds`, or at
once when no further image of its modality is on its way.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Self

from encoder_service.inference import Inference, Prepared
from encoder_service.watchdog import Watchdog
from sketchzoo.images import Modality


class Batcher:
    """Threads that collect and run batches while the context is open.

    Each of `lanes` threads runs one batch at a time: while one waits for the device,
    the next collects. Each image that is put, or is missing after all, was expected before.
    """

    def __init__(
        self,
        inference: Inference,
        watchdog: Watchdog,
        *,
        max_batch: int,
        max_delay_seconds: float,
        lanes: int,
        passed: Callable[[int], None],
    ) -> None:
        """Collect up to `max_batch` images; `passed` is told how many a run embedded."""
        self._inference = inference
        self._watchdog = watchdog
        self._passed = passed
        self._max_batch = max_batch
        self._max_delay = max_delay_seconds
        self._ready: dict[Modality, deque[Prepared]] = {m: deque() for m in Modality}
        self._coming = dict.fromkeys(Modality, 0)
        self._closed = False
        self._changed = threading.Condition()
        self._collecting = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, name=f"batch-{lane}", daemon=True)
            for lane in range(lanes)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def expect(self, modalities: Iterable[Modality]) -> None:
        """Note that an image of each will be put, or be missing."""
        with self._changed:
            for modality in modalities:
                self._coming[modality] += 1

    def missing(self, modalities: Iterable[Modality]) -> None:
        """Note that expected images will not come: no batch waits for them."""
        with self._changed:
            for modality in modalities:
                self._coming[modality] -= 1
            self._changed.notify_all()

    def put(self, prepared: Prepared) -> None:
        """Hand over an image; blocks while two batches of its modality are ready."""
        modality = prepared.job.image.modality
        ready = self._ready[modality]
        with self._changed:
            self._coming[modality] -= 1
            while len(ready) >= 2 * self._max_batch and not self._closed:
                self._changed.wait()
            ready.append(prepared)
            self._changed.notify_all()

    def _run(self) -> None:
        with self._watchdog.thread():
            while True:
                with self._collecting:
                    batch = self._collect()
                if not batch:
                    return
                self._passed(self._inference.run(batch[0].job.image.modality, batch))

    def _collect(self) -> list[Prepared]:
        """Wait for a batch; empty when the batcher is closed and nothing is left."""
        with self._changed:
            while not any(self._ready.values()):
                if self._closed:
                    return []
                self._changed.wait()
            # The modality whose first image has waited longest.
            modality = min(
                filter(self._ready.get, Modality), key=lambda each: self._ready[each][0].since
            )
            ready = self._ready[modality]
            due = ready[0].since + self._max_delay
            while (
                len(ready) < self._max_batch
                and not self._closed
                and (remaining := due - time.monotonic()) > 0
                and self._coming[modality] > 0
            ):
                self._changed.wait(remaining)
            batch = [ready.popleft() for _ in range(min(len(ready), self._max_batch))]
            self._changed.notify_all()
            return batch

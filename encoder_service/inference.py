"""Inference: prepared images and texts into the model, embeddings to the calls they came from."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from encoder_service.metrics import TEXT, EncoderMetrics
from encoder_service.runtimes import Runtime
from encoder_service.runtimes.base import DeviceError
from encoder_service.runtimes.text import TextRuntime
from encoder_service.watchdog import BrokenError, Watchdog
from encoder_service.work import Entry, NoEmbeddingError, Text, Timings
from sketchzoo.images import ImageError, Modality, Square
from sketchzoo.tokenizer import NoTokensError


@dataclass(frozen=True, slots=True)
class Prepared:
    """An image ready for the model; `since` is when it was, by `time.monotonic`."""

    job: Entry
    square: Square
    seconds: Timings
    since: float


class Inference:
    """Runs the model on images of one modality whose calls still want them."""

    def __init__(self, runtime: Runtime, metrics: EncoderMetrics, watchdog: Watchdog) -> None:
        """Run `runtime`'s model under the eyes of `watchdog`."""
        self._runtime = runtime
        self._metrics = metrics
        self._watchdog = watchdog

    def run(self, modality: Modality, batch: Sequence[Prepared], *, alone: bool = False) -> int:
        """Embed what was neither cancelled nor overdue; returns how many images that were.

        `alone` says that nothing else is under way, so that the run may take every core.
        A failure of the model fails the calls concerned, never the caller.
        """
        wanted = [prepared for prepared in batch if not self.dropped(prepared.job)]
        if not wanted:
            return 0
        start = time.monotonic()
        number = self._watchdog.began()
        try:
            vectors = self._runtime.embed(
                modality, [prepared.square for prepared in wanted], alone=alone
            )
        except DeviceError as error:
            self._watchdog.broke(str(error))
            for prepared in wanted:
                prepared.job.work.fail(BrokenError(str(error)))
            return 0
        except Exception as error:  # noqa: BLE001 - handed to the calls, which log it
            for prepared in wanted:
                prepared.job.work.fail(error)
            return 0
        finally:
            self._watchdog.ended(number)
        took = time.monotonic() - start
        self._metrics.batch_size.observe(len(wanted))
        self._metrics.inference_seconds[modality].observe(took)
        packed = np.ascontiguousarray(vectors, dtype="<f4")
        finite = np.isfinite(packed).all(axis=1)
        for prepared, vector, usable in zip(wanted, packed, finite, strict=True):
            seconds = prepared.seconds
            seconds.queue += start - prepared.since
            seconds.encode += took / len(wanted)
            self._metrics.queue_seconds.observe(seconds.queue)
            if usable:
                self._metrics.answered(modality)
                prepared.job.work.finish(prepared.job.index, vector.tobytes(), seconds)
            else:
                self._metrics.refused(modality, "not_finite")
                prepared.job.work.finish(prepared.job.index, NoEmbeddingError(), seconds)
        return len(wanted)

    def refuse(self, job: Entry, error: ImageError, seconds: Timings) -> None:
        """Answer one image with why it has no embedding."""
        self._metrics.refused(job.image.modality, error.reason)
        job.work.finish(job.index, error, seconds)

    def dropped(self, job: Entry) -> bool:
        """Tell whether an image must not reach the model any more, and count it if so."""
        reason = job.work.must_drop(time.monotonic())
        if reason is None:
            return False
        self._metrics.dropped(reason)
        return True


class TextInference:
    """Runs what embeds texts, one at a time: they are short, and padding others to them is dear."""

    def __init__(self, texts: TextRuntime, metrics: EncoderMetrics) -> None:
        self._texts = texts
        self._metrics = metrics

    def run(self, job: Entry, text: Text, seconds: Timings) -> None:
        """Embed a text; a failure of the model is raised."""
        start = time.monotonic()
        try:
            vectors = self._texts.embed([text.text])
        except NoTokensError as error:
            self._metrics.refused(TEXT, "no_tokens")
            job.work.finish(job.index, error, seconds)
            return
        seconds.encode = time.monotonic() - start
        self._metrics.inference_seconds[TEXT].observe(seconds.encode)
        self._metrics.queue_seconds.observe(seconds.queue)
        if np.isfinite(vectors).all():
            self._metrics.answered(TEXT)
            packed = np.ascontiguousarray(vectors[0], dtype="<f4").tobytes()
            job.work.finish(job.index, packed, seconds)
        else:
            self._metrics.refused(TEXT, "not_finite")
            job.work.finish(job.index, NoEmbeddingError(), seconds)

"""Readiness: whether the encoder and the gallery are there and belong together.

A watcher asks the encoder for its model and Qdrant for what the alias names, every
second or so. Searches rely on what it saw last: a part that is known to be away is not
waited for, which is all the circuit breaking there is, and the watcher's next look
closes the circuit again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import grpc
import structlog

from search_service.flights import SingleFlight
from search_service.metrics import SearchMetrics
from sketchzoo.encoder_client import PART, EncoderClient, EncoderModel
from sketchzoo.qdrant import Gallery, PhotoReader
from sketchzoo.rpc import CallError, precondition, unavailable

log = structlog.get_logger()

# A part that does not answer in time may be busy: so many times in a row it is away.
_FAILURE_THRESHOLD = 2
_SLOW = grpc.StatusCode.DEADLINE_EXCEEDED
_BUSY = (_SLOW, grpc.StatusCode.RESOURCE_EXHAUSTED)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Serving:
    """What answers searches: a gallery and the model that made it."""

    gallery: Gallery
    model: EncoderModel


@dataclass(frozen=True, slots=True)
class CheckTimes:
    """Seconds between checks while all is well, while not, and that a check may take."""

    check: float = 1.0
    recheck: float = 0.2
    timeout: float = 1.0


class Readiness:
    """What the service stands on; `watch` keeps it fresh, `on_change` hears of changes."""

    def __init__(
        self,
        encoder: EncoderClient,
        reader: PhotoReader,
        metrics: SearchMetrics,
        times: CheckTimes,
        on_change: Callable[[bool], Awaitable[None]] | None = None,
    ) -> None:
        self._encoder = encoder
        self._reader = reader
        self._metrics = metrics
        self._times = times
        self.on_change = on_change
        self._seen: Serving | CallError = unavailable(
            PART, "it has not been asked yet; the service has just started"
        )
        self._model: EncoderModel | CallError = self._seen
        self._known: EncoderModel | None = None
        self._gallery: Gallery | None = None
        self._announced = False
        self._timeouts = 0
        self._checks: SingleFlight[None, None] = SingleFlight()

    @property
    def ready(self) -> bool:
        """Whether searches can be answered."""
        return isinstance(self._seen, Serving)

    def require(self) -> Serving:
        """Return what answers searches.

        Raises:
            CallError: UNAVAILABLE, a part is away; FAILED_PRECONDITION, there is no
                gallery or another model made it.

        """
        if isinstance(self._seen, CallError):
            raise self._seen.again()
        return self._seen

    def gallery(self) -> Gallery:
        """Return the gallery, even if no model that fits is served.

        Raises:
            CallError: FAILED_PRECONDITION, there is none; UNAVAILABLE, Qdrant is away.

        """
        return self.require().gallery if self._gallery is None else self._gallery

    def model(self) -> EncoderModel:
        """Return the encoder's model, whatever the gallery was made by.

        Raises:
            CallError: UNAVAILABLE, the encoder is away.

        """
        if isinstance(self._model, CallError):
            raise self._model.again()
        return self._model

    def known_model(self) -> EncoderModel | None:
        """Return the encoder's model as it was last seen, even if the encoder is away now."""
        return self._known

    async def look_again(self) -> None:
        """Look again now, since what was seen last does not hold."""
        await self._checks.run(None, self._check)

    async def watch(self) -> None:
        """Look again and again until cancelled."""
        pause = self._times.recheck
        while True:
            was_ready = self.ready
            await self._checks.run(None, self._check)
            if self.ready:
                pause = self._times.check
            elif was_ready:
                pause = self._times.recheck
            else:
                # At most half as slow as usual: a part that returns is found soon.
                pause = min(pause * 1.5, self._times.check / 2)
            await asyncio.sleep(pause)

    async def _check(self) -> None:
        seen = await self._look()
        if isinstance(seen, CallError) and seen.code is _SLOW:
            self._timeouts += 1
            if self.ready and self._timeouts < _FAILURE_THRESHOLD:
                return
            seen = unavailable("a part", f"it does not answer: {seen.message}")
        else:
            self._timeouts = 0
        before, self._seen = self._seen, seen
        if _text(seen) != _text(before):
            log.info("readiness", ready=self.ready, problem=_text(seen))
        self._metrics.ready(seen if isinstance(seen, CallError) else None)
        if self.on_change is not None and self._announced != self.ready:
            self._announced = self.ready
            await self.on_change(self.ready)

    async def _look(self) -> Serving | CallError:
        answers = await asyncio.gather(
            self._encoder.model(self._times.timeout),
            self._reader.current(self._times.timeout),
            return_exceptions=True,
        )
        before = self._seen if isinstance(self._seen, Serving) else None
        model: EncoderModel | CallError = _told(answers[0], before.model if before else None)
        gallery: Gallery | CallError = _told(answers[1], before.gallery if before else None)
        if isinstance(model, EncoderModel) or model.code not in _BUSY:
            self._model = model
        if isinstance(model, EncoderModel):
            self._known = model
        if isinstance(gallery, Gallery):
            self._gallery = gallery
        elif gallery.code is grpc.StatusCode.FAILED_PRECONDITION:
            self._gallery = None
        if isinstance(model, CallError):
            return model
        return gallery if isinstance(gallery, CallError) else match(model, gallery)


def _told(answer: T | BaseException, known: T | None) -> T | CallError:
    """Return what a part answered, or what is known of it where it is too busy to say."""
    if isinstance(answer, CallError):
        busy = answer.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        return known if busy and known is not None else answer
    if isinstance(answer, Exception):
        # Nothing that a part answers may end the watch.
        log.error("check failed", exc_info=answer)
        return unavailable("a part", f"checking it failed: {type(answer).__name__}")
    if isinstance(answer, BaseException):
        raise answer
    return answer


def match(model: EncoderModel, gallery: Gallery) -> Serving | CallError:
    """Return what answers searches, or why a gallery and the encoder's model do not fit."""
    if model.fingerprint != gallery.fingerprint:
        return precondition(
            "MODEL_MISMATCH",
            f"the gallery {gallery.collection} was built by the model {gallery.fingerprint}, "
            f"the encoder serves {model.name} ({model.fingerprint}): "
            "ingest with it, or serve the other",
        )
    if model.dimension != gallery.dimension:
        return precondition(
            "MODEL_MISMATCH",
            f"the gallery {gallery.collection} holds embeddings of {gallery.dimension} values, "
            f"the encoder makes {model.dimension}: ingest anew",
        )
    return Serving(gallery, model)


def _text(seen: Serving | CallError) -> str | None:
    return str(seen) if isinstance(seen, CallError) else None

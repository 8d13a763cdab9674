"""Readiness: whether the encoder and the gallery are there and belong together.

A watcher asks the encoder for its model and Qdrant for what the alias names, every
second or so. Searches rely on what it saw last: a part that is known to be away is not
waited for, which is all the circuit breaking there is, and the watcher's next look
closes the circuit again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import grpc
import structlog

from search_service.encoder import PART, EncoderClient, EncoderModel
from search_service.flights import SingleFlight
from search_service.metrics import SearchMetrics
from sketchzoo.qdrant import Gallery, PhotoReader
from sketchzoo.rpc import CallError, precondition, unavailable

log = structlog.get_logger()

# A part that does not answer in time may be busy: so many times in a row it is away.
_PATIENCE = 2


@dataclass(frozen=True, slots=True)
class Standing:
    """A gallery and the model that made it."""

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
        self._standing: Standing | CallError = unavailable(
            PART, "it has not been asked yet; the service has just started"
        )
        self._gallery: Gallery | None = None
        self._announced = False
        self._timeouts = 0
        self._checks: SingleFlight[None, None] = SingleFlight()

    @property
    def ready(self) -> bool:
        """Whether searches can be answered."""
        return isinstance(self._standing, Standing)

    def require(self) -> Standing:
        """Return what searches stand on.

        Raises:
            CallError: UNAVAILABLE, a part is away; FAILED_PRECONDITION, there is no
                gallery or another model made it.

        """
        if isinstance(self._standing, CallError):
            # A raised exception collects the frames it passes: each caller gets his own.
            error = self._standing
            raise CallError(error.code, error.message, *error.details)
        return self._standing

    def collection(self) -> str:
        """Return the gallery's collection, even if no model that fits is served.

        Raises:
            CallError: FAILED_PRECONDITION, there is none; UNAVAILABLE, Qdrant is away.

        """
        if self._gallery is None:
            return self.require().gallery.collection
        return self._gallery.collection

    async def refresh(self) -> Standing:
        """Look again now, since what was seen last does not hold; then as `require`."""
        await self._checks.run(None, self._check)
        return self.require()

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
        if isinstance(seen, CallError) and seen.code is grpc.StatusCode.DEADLINE_EXCEEDED:
            self._timeouts += 1
            if self.ready and self._timeouts < _PATIENCE:
                return
            seen = unavailable("a part", f"it does not answer: {seen.message}")
        else:
            self._timeouts = 0
        before, self._standing = self._standing, seen
        if isinstance(seen, Standing) != isinstance(before, Standing) or (
            isinstance(seen, CallError) and str(seen) != str(before)
        ):
            log.info("readiness", ready=self.ready, problem=_problem(seen))
        self._metrics.ready(seen if isinstance(seen, CallError) else None)
        if self.on_change is not None and self._announced != self.ready:
            self._announced = self.ready
            await self.on_change(self.ready)

    async def _look(self) -> Standing | CallError:
        model, gallery = await asyncio.gather(
            self._encoder.model(self._times.timeout),
            self._reader.current(self._times.timeout),
            return_exceptions=True,
        )
        if isinstance(gallery, Gallery):
            self._gallery = gallery
        elif isinstance(gallery, CallError) and gallery.code is grpc.StatusCode.FAILED_PRECONDITION:
            self._gallery = None
        if isinstance(model, CallError) and model.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            # Too busy to say which model it serves is no reason to turn searches away.
            model = self._standing.model if isinstance(self._standing, Standing) else model
        if isinstance(gallery, CallError) and gallery.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            gallery = self._standing.gallery if isinstance(self._standing, Standing) else gallery
        for answer in (model, gallery):
            if isinstance(answer, CallError):
                return answer
            if isinstance(answer, Exception):
                # Nothing that a part answers may end the watch.
                log.error("check failed", exc_info=answer)
                return unavailable("a part", f"checking it failed: {type(answer).__name__}")
            if isinstance(answer, BaseException):
                raise answer
        assert isinstance(model, EncoderModel)  # noqa: S101 - for the type checker
        assert isinstance(gallery, Gallery)  # noqa: S101 - for the type checker
        return _match(model, gallery)


def _match(model: EncoderModel, gallery: Gallery) -> Standing | CallError:
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
    return Standing(gallery, model)


def _problem(seen: Standing | CallError) -> str | None:
    return str(seen) if isinstance(seen, CallError) else None

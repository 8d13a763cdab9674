"""Readiness: whether the gallery is there, and an encoder whose model made it.

A watcher asks the encoders for their models and Qdrant for what the alias names, every
second or so. Searches rely on what it saw last: a part that is known to be away is not
waited for, which is all the circuit breaking there is, and the watcher's next look
closes the circuit again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import grpc
import structlog

from search_service.encoders import Encoders, Serving
from search_service.flights import SingleFlight
from search_service.metrics import SearchMetrics
from search_service.outcomes import attempt
from search_service.watched import Watched
from sketchzoo.qdrant import Gallery, PhotoReader
from sketchzoo.rpc import CallError

log = structlog.get_logger()


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
        encoders: Encoders,
        reader: PhotoReader,
        metrics: SearchMetrics,
        times: CheckTimes,
        on_change: Callable[[bool], Awaitable[None]] | None = None,
    ) -> None:
        self._encoders = encoders
        self._reader = reader
        self._metrics = metrics
        self._times = times
        self.on_change = on_change
        self._gallery: Watched[Gallery] = Watched("Qdrant")
        self._seen: Serving | CallError = self._stands()
        self._announced = False
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
        """Return the gallery, even if no model that fits is served, or Qdrant is away now.

        Raises:
            CallError: FAILED_PRECONDITION, there is none; UNAVAILABLE, Qdrant was never there.

        """
        known = self._gallery.known
        return self.require().gallery if known is None else known

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
        models, (gallery,) = await asyncio.gather(
            self._encoders.ask(self._times.timeout),
            asyncio.gather(self._reader.current(self._times.timeout), return_exceptions=True),
        )
        # Both at once: no search sees a new model beside an old gallery that was looked at before.
        self._encoders.take(models)
        self._gallery.take(gallery)
        seen = self._gallery.seen
        if isinstance(seen, CallError) and seen.code is grpc.StatusCode.FAILED_PRECONDITION:
            self._gallery.known = None
        before, self._seen = self._seen, self._stands()
        if _text(self._seen) != _text(before):
            log.info("readiness", ready=self.ready, **_told(self._seen))
        self._metrics.ready(self._seen if isinstance(self._seen, CallError) else None)
        if self.on_change is not None and self._announced != self.ready:
            self._announced = self.ready
            await self.on_change(self.ready)

    def _stands(self) -> Serving | CallError:
        gallery = self._gallery.seen
        return (
            gallery if isinstance(gallery, CallError) else attempt(self._encoders.serving, gallery)
        )


def _text(seen: Serving | CallError) -> str:
    return str(seen) if isinstance(seen, CallError) else seen.gallery.collection


def _told(seen: Serving | CallError) -> dict[str, str]:
    if isinstance(seen, CallError):
        return {"problem": str(seen)}
    return {"collection": seen.gallery.collection, "model": seen.model.name}

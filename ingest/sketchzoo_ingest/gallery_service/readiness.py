"""Readiness: whether the encoder and Qdrant are there, and what a killed service left is settled.

A look every second or so. Calls do not wait for it: each meets the parts by itself.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from sketchzoo.encoder_client import EncoderClient, EncoderModel
from sketchzoo.qdrant.galleries import Galleries
from sketchzoo.rpc import CallError
from sketchzoo_ingest.gallery_service.metrics import GalleryMetrics

log = structlog.get_logger()
_TIMEOUT_SECONDS = 2.0
# A part that does not answer in time may be busy: so many times in a row it is away.
_FAILURE_THRESHOLD = 2


class Readiness:
    """Looks again and again; `on_change` hears whether photos can be added."""

    def __init__(
        self,
        encoder: EncoderClient,
        galleries: Galleries,
        metrics: GalleryMetrics,
        seconds: float,
        recover: Callable[[], Awaitable[None]],
    ) -> None:
        """`recover` is called once both parts are there, until it has ended well."""
        self._encoder = encoder
        self._galleries = galleries
        self._metrics = metrics
        self._seconds = seconds
        self._recover = recover
        self._recovered = False
        self._failures = 0
        self._is_ready = False
        self._problem: str | None = ""
        self.on_change: Callable[[bool], Awaitable[None]] | None = None

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            problem = await self._look()
            self._failures = 0 if problem is None else self._failures + 1
            if problem is None or not self._is_ready or self._failures >= _FAILURE_THRESHOLD:
                await self._tell(problem)
            await asyncio.sleep(self._seconds)

    async def model(self) -> EncoderModel:
        """Ask which model is served; raises `CallError`."""
        return await self._encoder.model(_TIMEOUT_SECONDS)

    async def _look(self) -> str | None:
        try:
            await asyncio.gather(self.model(), self._galleries.aliases())
            if not self._recovered:
                await self._recover()
                self._recovered = True
        except (CallError, OSError) as error:
            return str(error)
        return None

    async def _tell(self, problem: str | None) -> None:
        is_ready = problem is None
        if problem != self._problem:
            log.info("readiness", ready=is_ready, problem=problem)
        self._problem = problem
        self._metrics.ready(is_ready=is_ready)
        if self._is_ready != is_ready and self.on_change is not None:
            await self.on_change(is_ready)
        self._is_ready = is_ready

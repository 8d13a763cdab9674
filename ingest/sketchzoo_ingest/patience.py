"""Patience: calls that failed are made again, later and later, until it is used up."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar

import grpc
import structlog
from google.rpc import error_details_pb2

from sketchzoo.rpc import CallError

log = structlog.get_logger()
T = TypeVar("T")

_RETRYABLE = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
)
_SHORTEST_SECONDS = 0.005
_FIRST_SECONDS = 0.1
_LONGEST_SECONDS = 5.0


class Patience:
    """Makes calls that may be made twice, until one succeeds.

    UNAVAILABLE, DEADLINE_EXCEEDED and RESOURCE_EXHAUSTED are tried again, after what
    RetryInfo says or after a pause that doubles, for `seconds` after a call's first
    failure; everything else is raised. When `stop` is set, nothing is tried again.
    """

    def __init__(
        self,
        seconds: float,
        stop: asyncio.Event,
        on_retry: Callable[[str, str], None] = lambda part, code: None,  # noqa: ARG005 - default
    ) -> None:
        if seconds < 0:
            raise ValueError(f"seconds must be at least 0, not {seconds}")
        self._seconds = seconds
        self._stop = stop
        self._on_retry = on_retry

    async def persist(
        self,
        part: str,
        call: Callable[[], Awaitable[T]],
        final: Collection[grpc.StatusCode] = (),
    ) -> T:
        """Return what `call` returns; a failure with a code of `final` is raised at once.

        Raises:
            CallError: the last failure.

        """
        end: float | None = None
        pause = _FIRST_SECONDS
        while True:
            try:
                return await call()
            except CallError as error:
                now = time.monotonic()
                end = now + self._seconds if end is None else end
                asked = _retry_seconds(error)
                wait = asked if asked is not None else pause
                lasting = error.code in final or not _may_pass(error)
                if lasting or now + wait > end or self._stop.is_set():
                    raise
                self._on_retry(part, error.code.name)
                if error.code is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                    log.warning("trying again", part=part, error=str(error), seconds=round(wait, 3))
                await self._pause(wait)
                pause = min(_LONGEST_SECONDS, pause * 2)

    async def _pause(self, seconds: float) -> None:
        # Jitter, so that calls refused together do not come back together.
        jittered = seconds * random.uniform(1.0, 1.5)  # noqa: S311 - no secret
        try:
            await asyncio.wait_for(self._stop.wait(), jittered)
        except TimeoutError:
            return


def is_too_large(error: CallError) -> bool:
    """Tell whether a call failed for its message's size: gRPC calls that RESOURCE_EXHAUSTED."""
    return error.code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in error.message


def _may_pass(error: CallError) -> bool:
    return error.code in _RETRYABLE and not is_too_large(error)


def _retry_seconds(error: CallError) -> float | None:
    for detail in error.details:
        if isinstance(detail, error_details_pb2.RetryInfo):
            seconds: float = detail.retry_delay.ToNanoseconds() / 1e9
            return max(_SHORTEST_SECONDS, min(_LONGEST_SECONDS, seconds))
    return None

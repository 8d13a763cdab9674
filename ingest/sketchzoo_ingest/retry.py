"""Retries: calls to the encoder and Qdrant that failed are made again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc
import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception
from tenacity.stop import stop_before_delay, stop_when_event_set

from sketchzoo.retry import WaitAsAsked, count_from_first_failure, failure, sleeping_until
from sketchzoo.rpc import CallError
from sketchzoo.rpc.errors import MessageTooLargeError

log = structlog.get_logger()
T = TypeVar("T")

_RETRYABLE = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
)
_WAIT = WaitAsAsked()


class RetryPolicy:
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

    async def call(
        self,
        part: str,
        call: Callable[[], Awaitable[T]],
        final: Callable[[CallError], bool] = lambda error: False,  # noqa: ARG005 - default
    ) -> T:
        """Return what `call` returns; a failure that is `final` is raised at once.

        Raises:
            CallError: the last failure.

        """

        def may_pass(error: BaseException) -> bool:
            if not isinstance(error, CallError) or isinstance(error, MessageTooLargeError):
                return False
            return error.code in _RETRYABLE and not final(error)

        def tell(retry_state: RetryCallState) -> None:
            error = failure(retry_state)
            assert isinstance(error, CallError)  # noqa: S101 - as `may_pass` has seen
            self._on_retry(part, error.code.name)
            if error.code is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                seconds = round(retry_state.upcoming_sleep, 3)
                log.warning("trying again", part=part, error=str(error), seconds=seconds)

        async def attempt() -> T:
            return await call()

        retrying = AsyncRetrying(
            retry=retry_if_exception(may_pass),
            wait=_WAIT,
            stop=stop_before_delay(self._seconds) | stop_when_event_set(self._stop),  # type: ignore[arg-type] # of asyncio's events it asks no more than of threading's
            sleep=sleeping_until(self._stop),
            after=count_from_first_failure,
            before_sleep=tell,
            reraise=True,
        )
        result: T = await retrying(attempt)
        return result

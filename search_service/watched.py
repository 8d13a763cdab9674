"""What is watched: a part's last answer, and whether the part counts as there."""

from typing import Generic, TypeVar

import grpc
import structlog

from sketchzoo.rpc import CallError, unavailable

log = structlog.get_logger()

# A part that does not answer in time may be busy: so many times in a row it is away.
_FAILURE_THRESHOLD = 2

T = TypeVar("T")


class Watched(Generic[T]):
    """What a part told when it was looked at last.

    `seen` is what holds, the answer or why there is none; `known` is the last answer that there
    was, even if the part is away now.
    """

    def __init__(self, part: str) -> None:
        self.seen: T | CallError = unavailable(
            part, "it has not been asked yet; the service has just started"
        )
        self.known: T | None = None
        self._part = part
        self._timeouts = 0

    def take(self, answer: T | BaseException) -> None:
        """Take in what looking at the part came to; raise what is no error of its own."""
        if isinstance(answer, CallError):
            self._fail(answer)
            return
        self._timeouts = 0
        if isinstance(answer, Exception):
            # Nothing that a part answers may end the watch.
            log.error("check failed", exc_info=answer)
            self.seen = unavailable(self._part, f"checking it failed: {type(answer).__name__}")
        elif isinstance(answer, BaseException):
            raise answer
        else:
            self.seen = self.known = answer

    def _fail(self, error: CallError) -> None:
        there = not isinstance(self.seen, CallError)
        if error.code is grpc.StatusCode.DEADLINE_EXCEEDED:
            self._timeouts += 1
            if not there or self._timeouts >= _FAILURE_THRESHOLD:
                self.seen = unavailable(self._part, f"it does not answer: {error.message}")
            return
        self._timeouts = 0
        # One that is too busy to say what it is is what it was.
        if not there or error.code is not grpc.StatusCode.RESOURCE_EXHAUSTED:
            self.seen = error

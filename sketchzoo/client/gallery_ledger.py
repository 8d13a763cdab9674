"""The ledger of photos on their way: which are to be sent, which have no answer, which again.

It knows neither threads nor event loops; both clients keep it, and lock it themselves.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc

from sketchzoo.client import gallery_calls
from sketchzoo.client.calls import from_rpc_error
from sketchzoo.client.errors import Overloaded, SearchError, Unavailable
from sketchzoo.client.gallery import AddResult, NewPhoto
from sketchzoo.gallery.v1 import gallery_pb2
from sketchzoo.rpc.errors import StreamEndedError, from_call

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0


@dataclass(slots=True)
class Sending:
    """A photo on its way; `due` is when it may be sent, by the monotonic clock."""

    index: int
    photo: NewPhoto
    attempts: int = 0
    due: float = 0.0


class Ledger:
    """Photos of one `add`, at most `window` of them unanswered; each is sent again `retries` times.

    Adding twice changes nothing, so whatever has no answer may be sent again.
    """

    def __init__(
        self, window: int, retries: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._window = window
        self._retries = retries
        self._clock = clock
        self._count = 0
        self._unanswered: dict[int, Sending] = {}
        self._again: list[Sending] = []
        self._failed: list[AddResult] = []
        self._has_answers = False
        self._streams_lost = 0
        self.is_exhausted = False
        self.touched = clock()

    @property
    def is_done(self) -> bool:
        """Whether no more photos come and each has its result."""
        return self.is_exhausted and not self._unanswered and not self._again

    @property
    def takes_another(self) -> bool:
        """Whether one more photo may be on its way."""
        return not self.is_exhausted and len(self._unanswered) + len(self._again) < self._window

    def is_stuck(self, seconds: float) -> bool:
        """Tell whether answers, or the end, are waited for and nothing came or went for so long."""
        is_waiting = bool(self._unanswered) or self.is_done
        return is_waiting and self._clock() - self.touched > seconds

    def touch(self) -> None:
        """Note that something was sent or heard."""
        self.touched = self._clock()

    def add(self, photo: NewPhoto) -> Sending:
        """Note the next photo, to be sent now."""
        sending = Sending(self._count, photo)
        self._count += 1
        self._sent(sending)
        return sending

    def again(self) -> Sending | float | None:
        """Return what is to be sent again, or in how many seconds; None where nothing is."""
        if not self._again:
            return None
        first = min(self._again, key=lambda each: each.due)
        wait = first.due - self._clock()
        if wait > 0:
            return wait
        self._again.remove(first)
        self._sent(first)
        return first

    def answered(self, response: gallery_pb2.AddPhotosResponse) -> AddResult | None:
        """Return a photo's result; None where it will be sent again, or was answered before."""
        self.touch()
        sending = self._unanswered.pop(response.sequence, None)
        if sending is None:
            return None
        self._has_answers = True
        result = gallery_calls.answer(sending.index, sending.photo, response)
        passes = isinstance(result.error, Unavailable) or (
            isinstance(result.error, Overloaded) and result.error.retry_after is not None
        )
        if passes and sending.attempts <= self._retries:
            asked = getattr(result.error, "retry_after", None) or 0.0
            self._put_off(sending, max(asked, self._pause(sending.attempts)))
            return None
        return result

    def failed(self, sending: Sending, error: OSError | SearchError) -> None:
        """Note that a photo can't be sent: its file can't be read."""
        self._unanswered.pop(sending.index, None)
        self._failed.append(AddResult(sending.index, sending.photo, error=error))

    def dropped(self, sending: Sending) -> None:
        """Forget a photo that makes no sense, which is raised elsewhere."""
        self._unanswered.pop(sending.index, None)

    def unsent(self) -> None:
        """Let whatever has no answer be sent again: its stream takes no more."""
        for sending in list(self._unanswered.values()):
            # Not the photo's fault: it is only sent again.
            sending.attempts = max(0, sending.attempts - 1)
            self._put_off(sending, 0.0)
        self._unanswered.clear()
        self.touch()

    def failures(self) -> Iterator[AddResult]:
        """Yield the photos that could not be sent, once."""
        while self._failed:
            yield self._failed.pop(0)

    def lost(self, error: Any) -> float:
        """Let another stream follow one that a failed call has ended; return the pause before.

        Raises:
            SearchError: none is to follow.

        """
        told = from_call(error)
        away = told.code in (
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.CANCELLED,
            grpc.StatusCode.RESOURCE_EXHAUSTED,
        )
        if self._has_answers or isinstance(told, StreamEndedError):
            self._streams_lost = 0
        self._has_answers = False
        self._streams_lost += 1
        if not away or self._streams_lost > self._retries + 1:
            raise from_rpc_error(error) from error
        self.unsent()
        if isinstance(told, StreamEndedError):
            return 0.0
        return max(told.retry_after or 0.0, self._pause(self._streams_lost))

    def _sent(self, sending: Sending) -> None:
        sending.attempts += 1
        self._unanswered[sending.index] = sending
        self.touch()

    def _put_off(self, sending: Sending, seconds: float) -> None:
        sending.due = self._clock() + seconds
        self._again.append(sending)

    @staticmethod
    def _pause(attempts: int) -> float:
        return min(_LONGEST_PAUSE, _FIRST_PAUSE * math.pow(2, max(0, attempts - 1)))

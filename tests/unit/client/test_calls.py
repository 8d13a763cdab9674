"""What both clients share: errors and retries."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import grpc
import grpc.aio
import pytest
from google.rpc import status_pb2
from tenacity import Retrying

from sketchzoo.client import (
    DeadlineExceeded,
    Denied,
    InvalidRequest,
    LiveAnswer,
    NotFound,
    NotReady,
    Overloaded,
    SearchError,
    TooLarge,
    Unavailable,
)
from sketchzoo.client.calls import from_rpc_error, from_status
from sketchzoo.client.connection import Connection
from sketchzoo.rpc import exhausted, invalid, precondition
from sketchzoo.rpc.errors import from_call


def failed_call(code: grpc.StatusCode, details: str) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        # A server that stops sends it to what reaches it meanwhile.
        (1, Unavailable),
        (3, InvalidRequest),
        (4, DeadlineExceeded),
        (5, NotFound),
        (7, Denied),
        (8, Overloaded),
        (9, NotReady),
        (13, SearchError),
        (14, Unavailable),
        (16, Denied),
        (99, SearchError),
    ],
)
def test_each_code_has_its_error(code: int, kind: type[SearchError]) -> None:
    """A status becomes the error that says the same."""
    error = from_status(status_pb2.Status(code=code, message="why"))
    assert type(error) is kind
    assert str(error) == "why"


def test_details_become_attributes() -> None:
    """Field, reason and retry time are at hand."""
    wrong = from_status(invalid("limit", "is wrong").status())
    assert isinstance(wrong, InvalidRequest)
    assert wrong.field == "limit"
    full = from_status(exhausted("full", 0.25).status())
    assert isinstance(full, Overloaded)
    assert full.retry_after == 0.25
    other = from_status(precondition("MODEL_MISMATCH", "other model").status())
    assert isinstance(other, NotReady)
    assert other.reason == "MODEL_MISMATCH"


def test_a_passed_deadline_is_a_kind_of_unavailable() -> None:
    """Who catches Unavailable catches both."""
    assert issubclass(DeadlineExceeded, Unavailable)


def pauses(*failures: SearchError, retries: int = 2, seconds: float = 10.0) -> list[float]:
    """Return how long a call that fails so waits before each further attempt."""
    slept, left = list[float](), list(failures)

    def call() -> None:
        if left:
            raise left.pop(0)

    retrying = Connection("zoo:1", retries=retries).retrying(time.monotonic() + seconds)
    with suppress(SearchError):
        Retrying(sleep=slept.append, **retrying)(call)
    return slept


def test_only_refusals_that_say_when_are_repeated() -> None:
    """Overload with a time is, later each time; anything else, and overload without one, is not."""
    first, second = pauses(*[Overloaded("full", retry_after=0.1)] * 3)
    assert 0.1 <= first <= 0.125
    assert 0.2 <= second <= 0.25
    for lasting in (Overloaded("full"), Unavailable("away"), InvalidRequest("no")):
        assert pauses(lasting) == []


def test_no_retry_is_slept_past_the_deadline() -> None:
    """A pause longer than the time left is given up at once."""
    assert pauses(Overloaded("full", retry_after=1.0), retries=5, seconds=0.9) == []


def test_a_refusal_is_obeyed_however_long_it_asks() -> None:
    """Where there is time, a pause is no shorter than what was asked."""
    (pause,) = pauses(Overloaded("full", retry_after=8.0), seconds=60)
    assert pause >= 8


def test_the_last_failure_is_what_the_user_sees() -> None:
    """Not an error of the library that repeats, and with the call's own as its cause."""
    failed = Overloaded("full", retry_after=9.0)
    with pytest.raises(Overloaded) as caught:
        Retrying(**Connection("zoo:1").retrying(time.monotonic() + 1))(_raising(failed))
    assert caught.value is failed


def _raising(error: Exception) -> Callable[[], None]:
    def call() -> None:
        raise error

    return call


@pytest.mark.parametrize(
    "error",
    [
        failed_call(
            grpc.StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max (9 vs. 8)"
        ),
        # As search passes it on, where it is the encoder that takes no more.
        from_call(
            failed_call(
                grpc.StatusCode.RESOURCE_EXHAUSTED, "Sent message larger than max (9 vs. 8)"
            )
        ).status(),
    ],
    ids=["here", "in an answer"],
)
def test_a_message_over_a_limit_is_no_overload(error: Any) -> None:
    """Its code is overload's, but sending it again is no use."""
    told = from_status(error) if isinstance(error, status_pb2.Status) else from_rpc_error(error)
    assert type(told) is TooLarge
    assert "9 vs. 8" in str(told)


def test_a_live_answer_has_one_outcome() -> None:
    """Neither or both is refused."""
    with pytest.raises(ValueError, match="either"):
        LiveAnswer(0)

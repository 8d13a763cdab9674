"""What both clients share: errors and retries."""

import pytest
from google.rpc import status_pb2

from sketchzoo.client import (
    DeadlineExceeded,
    Denied,
    InvalidRequest,
    LiveAnswer,
    NotFound,
    NotReady,
    Overloaded,
    SearchError,
    Unavailable,
)
from sketchzoo.client.calls import Retries, from_status
from sketchzoo.rpc import exhausted, invalid, precondition


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


def test_only_refusals_that_say_when_are_repeated() -> None:
    """Overload with a time is; anything else, and overload without one, is not."""
    retries = Retries(2)
    refused = Overloaded("full", retry_after=0.1)
    first = retries.pause(refused, 0, 10.0)
    second = retries.pause(refused, 1, 10.0)
    assert first is not None
    assert 0.1 <= first <= 0.125
    assert second is not None
    assert 0.2 <= second <= 0.25
    assert retries.pause(refused, 2, 10.0) is None
    assert retries.pause(Overloaded("full"), 0, 10.0) is None
    assert retries.pause(Unavailable("away"), 0, 10.0) is None
    assert retries.pause(InvalidRequest("no"), 0, 10.0) is None


def test_no_retry_is_slept_past_the_deadline() -> None:
    """A pause longer than the time left is given up at once."""
    assert Retries(5).pause(Overloaded("full", retry_after=1.0), 0, 0.9) is None


def test_retries_are_not_negative() -> None:
    """Fewer than none is refused."""
    with pytest.raises(ValueError, match="retries"):
        Retries(-1)


def test_a_live_answer_has_one_outcome() -> None:
    """Neither or both is refused."""
    with pytest.raises(ValueError, match="either"):
        LiveAnswer(0)

"""When what failed is tried again."""

import math

import pytest
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from sketchzoo.retry import WaitAsAsked


class FailedError(Exception):
    def __init__(self, retry_after: float | None = None) -> None:
        super().__init__("failed")
        self.retry_after = retry_after


def pauses(wait: WaitAsAsked, *asked: float | None) -> list[float]:
    """Return the pauses after failures that ask for so much."""
    slept, left = list[float](), list(asked)

    def call() -> None:
        if left:
            raise FailedError(left.pop(0))

    Retrying(
        wait=wait,
        sleep=slept.append,
        retry=retry_if_exception_type(FailedError),
        stop=stop_after_attempt(5000),
    )(call)
    return slept


def test_what_is_asked_goes_before_the_backoff() -> None:
    """The pause doubles from `first`; where the failure says how long, it is that."""
    wait = WaitAsAsked(first=0.5, longest=60, jitter=0.0)
    assert pauses(wait, None, 7.0, None) == [0.5, 7.0, 2.0]
    assert pauses(WaitAsAsked(growth=2.0, jitter=0.0), 0.1, 0.1) == [0.1, 0.2]


def test_no_pause_is_longer_than_the_longest() -> None:
    """Whatever is asked, and however often it has failed."""
    wait = WaitAsAsked(longest=3.0, jitter=0.0)
    assert pauses(wait, 100.0) == [3.0]
    assert pauses(wait, *[None] * 3000)[-1] == 3.0


@pytest.mark.parametrize("asked", [0.0, 4.0])
def test_pauses_differ(asked: float) -> None:
    """Calls refused together do not come back together; none comes back before its time."""
    found = pauses(WaitAsAsked(longest=math.inf), *[asked] * 50)
    assert len(set(found)) > 25
    assert all(max(asked, 0.005) <= pause <= max(asked, 0.005) * 1.5 for pause in found)

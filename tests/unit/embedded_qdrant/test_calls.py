"""How a call is let in."""

import time
from typing import Any

import grpc
import pytest

from embedded_qdrant.servicers.calls import Gate
from sketchzoo.rpc import CallError


class Context:
    """A call that has `remaining` seconds left, or no deadline."""

    def __init__(self, remaining: float | None) -> None:
        self._remaining = remaining

    def time_remaining(self) -> float | None:
        return self._remaining


def enter(remaining: float | None) -> float:
    context: Any = Context(remaining)
    return Gate(None).enter(context) - time.monotonic()


@pytest.mark.parametrize("remaining", [0.0, -0.5])
def test_a_call_whose_deadline_is_over_is_not_made(remaining: float) -> None:
    """It is DEADLINE_EXCEEDED at the gate, before anything is read or written."""
    with pytest.raises(CallError) as caught:
        enter(remaining)
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_call_keeps_its_own_deadline() -> None:
    """What waits for its turn is given up when the caller gives up."""
    assert enter(5.0) == pytest.approx(5.0, abs=0.5)


def test_a_call_without_a_deadline_is_let_in() -> None:
    """The server's own default ends it, not the gate."""
    assert enter(None) > 3600

"""The estimate that a refused caller is given."""

import pytest

from encoder_service.pace import Pace


def test_the_wait_grows_with_the_queue() -> None:
    """Twice the images take twice the time."""
    pace = Pace(0.01)
    assert pace.wait(20) == pytest.approx(2 * pace.wait(10))


def test_the_pace_follows_what_images_take() -> None:
    """After many slow images the estimate is theirs."""
    pace = Pace(0.001)
    for _ in range(100):
        pace.observe(0.05)
    assert pace.wait(10) == pytest.approx(0.5, rel=0.01)


def test_the_wait_has_bounds() -> None:
    """Nobody is told to come back at once, or to go away for good."""
    assert Pace(0.01).wait(0) == 0.005
    assert Pace(10).wait(1000) == 10

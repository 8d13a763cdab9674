"""The estimate that a refused caller is given."""

import pytest

from encoder_service.pace import Pace


class Clock:
    """A clock that stands until the test moves it."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_wait_grows_with_the_queue() -> None:
    """Twice the images take twice the time."""
    pace = Pace(0.01)
    assert pace.wait(20) == pytest.approx(2 * pace.wait(10))


def test_until_a_queue_was_seen_the_pace_is_what_an_image_takes_of_all_workers() -> None:
    """After many slow images the estimate is theirs."""
    pace = Pace(0.001)
    for _ in range(100):
        pace.guess(0.05)
    assert pace.wait(10) == pytest.approx(0.5, rel=0.01)


def test_the_pace_is_the_clocks_whatever_runs_side_by_side() -> None:
    """Two lanes end a batch of 32 every 20 ms each, though a run takes 40: 3,200 a second."""
    clock = Clock()
    pace = Pace(clock=clock)
    for _ in range(200):
        clock.now += 0.01
        pace.passed(32, waiting=True)
    assert pace.seconds == pytest.approx(1 / 3200)


def test_the_pace_follows_a_change_within_seconds() -> None:
    """A machine that becomes ten times slower is told of as such five seconds later."""
    clock = Clock()
    pace = Pace(clock=clock)
    for seconds, images in ((0.01, 100), (0.1, 50)):
        for _ in range(images):
            clock.now += seconds
            pace.passed(1, waiting=True)
    assert pace.seconds == pytest.approx(0.1, rel=0.02)


def test_a_time_without_work_is_no_slow_pace() -> None:
    """One image a second comes: what the encoder could do is not what it was asked for."""
    clock = Clock()
    pace = Pace(clock=clock)
    for left in reversed(range(50)):
        clock.now += 0.01
        pace.passed(1, waiting=left > 0)
    for _ in range(50):
        clock.now += 1
        pace.passed(1, waiting=False)
        pace.guess(0.5)
    assert pace.seconds == pytest.approx(0.01)


def test_the_wait_has_bounds() -> None:
    """Nobody is told to come back at once, or to go away for good."""
    assert Pace(0.01).wait(0) == 0.005
    assert Pace(10).wait(1000) == 10

"""One call's images on their way."""

import pytest

from encoder_service.work import DeadlinePassedError, ImageFile, Timings, Work
from sketchzoo.images import Modality

IMAGE = ImageFile(b"", Modality.PHOTO)


def test_done_is_told_once_when_the_last_outcome_is_in() -> None:
    """Outcomes come in any order; the result has the call's."""
    told: list[bool] = []
    work = Work([IMAGE, IMAGE], 1e9, 0.0, lambda: told.append(True))
    work.finish(1, b"second", Timings(1, 2, 3))
    assert not told
    work.finish(0, b"first", Timings(1, 2, 3))
    assert told == [True]
    assert work.result().outcomes == [b"first", b"second"]
    assert work.result().seconds == Timings(2, 4, 6)


def test_only_the_first_error_counts() -> None:
    """A failed call ends once, whatever its other images do."""
    told: list[bool] = []
    work = Work([IMAGE, IMAGE], 1e9, 0.0, lambda: told.append(True))
    work.fail(RuntimeError("first"))
    work.fail(RuntimeError("second"))
    work.finish(0, b"", Timings())
    work.finish(1, b"", Timings())
    assert told == [True]
    with pytest.raises(RuntimeError, match="first"):
        work.result()


def test_work_past_its_deadline_must_be_dropped() -> None:
    """The reading of the clock decides, and ends the call."""
    work = Work([IMAGE], 10.0, 0.0, lambda: None)
    assert work.must_drop(9.9) is None
    assert work.must_drop(10.0) == "deadline"
    with pytest.raises(DeadlinePassedError):
        work.result()


def test_a_call_without_images_is_refused() -> None:
    """It would never be done."""
    with pytest.raises(ValueError, match="items must hold at least one"):
        Work([], 1.0, 0.0, lambda: None)


def test_an_unfinished_call_has_no_result() -> None:
    """Reading it early is a bug, not an empty answer."""
    with pytest.raises(RuntimeError, match="before each item"):
        Work([IMAGE], 1.0, 0.0, lambda: None).result()

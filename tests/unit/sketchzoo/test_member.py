"""A process's place in its group."""

import pytest

from sketchzoo.group import ALONE, Member


def test_what_is_shared_is_rounded_up() -> None:
    """Nobody gets less than its part, and what is off stays off."""
    assert [Member(0, 4).share(amount) for amount in (0, 1, 4, 5)] == [0, 1, 1, 2]
    assert ALONE.share(7) == 7


@pytest.mark.parametrize(("index", "size"), [(0, 0), (2, 2), (-1, 2)])
def test_a_place_that_no_group_has_is_refused(index: int, size: int) -> None:
    """Indexes run from 0 to the size, which is at least 1."""
    with pytest.raises(ValueError, match="must be"):
        Member(index, size)

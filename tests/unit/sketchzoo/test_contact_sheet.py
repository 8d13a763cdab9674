"""The contact sheet."""

import pytest
from PIL import Image

from sketchzoo.contact_sheet import Row, Tile, contact_sheet

GREY = Image.new("RGB", (40, 20), "grey")


def test_a_sheet_has_a_line_for_every_twelve_hits() -> None:
    """Thirteen hits take two lines; the sheet's width stays."""
    one = contact_sheet([Row(Tile(GREY, "q"), [Tile(GREY, "h")] * 12)])
    two = contact_sheet([Row(Tile(GREY, "q"), [Tile(GREY, "h")] * 13)])
    assert two.width == one.width
    assert two.height > 1.8 * one.height


def test_right_and_wrong_hits_have_other_frames() -> None:
    """A hit of the query's class can be told from one of another."""
    right = contact_sheet([Row(Tile(GREY, "q"), [Tile(GREY, "h", right=True)])])
    wrong = contact_sheet([Row(Tile(GREY, "q"), [Tile(GREY, "h", right=False)])])
    assert right.tobytes() != wrong.tobytes()


def test_long_captions_are_cut() -> None:
    """A long caption stays below its own picture."""
    contact_sheet([Row(Tile(GREY, "hippopotamus " * 50), [])])


def test_no_query_is_refused() -> None:
    """An empty sheet is a mistake of the caller's."""
    with pytest.raises(ValueError, match="rows"):
        contact_sheet([])

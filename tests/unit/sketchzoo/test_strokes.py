"""Strokes and their raster."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sketchzoo.strokes import MAX_POINTS, Stroke, Strokes, encode, rasterize


def test_a_line_is_black_on_white_where_it_was_drawn() -> None:
    """A horizontal line inks the middle of the raster and nothing above it."""
    drawing = Strokes(100, 100, (Stroke(((10, 50), (90, 50))),))
    image = rasterize(drawing, 64)
    assert image.size == (64, 64)
    assert image.getpixel((32, 32)) < 64
    assert image.getpixel((32, 10)) == 255


def test_a_dot_leaves_ink() -> None:
    """A stroke of one point is a dot."""
    image = rasterize(Strokes(100, 100, (Stroke(((50, 50),)),)), 64)
    assert min(image.tobytes()) < 128


def test_the_longer_side_has_the_asked_length() -> None:
    """An oblong canvas keeps its shape."""
    assert rasterize(Strokes(200, 100, (Stroke(((0, 0),)),)), 128).size == (128, 64)


def test_encoded_strokes_are_an_image_file() -> None:
    """The encoder can read what search sends it."""
    content = encode(Strokes(10, 10, (Stroke(((1, 1), (9, 9))),)), 32)
    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.size) == ("PPM", (32, 32))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"canvas_width": 0}, "canvas_width"),
        ({"canvas_height": 70_000}, "canvas_height"),
        ({"strokes": ()}, "strokes"),
        ({"width": -1}, "width"),
        ({"strokes": (Stroke(((0, 0),) * (MAX_POINTS + 1)),)}, "points"),
    ],
)
def test_nonsense_is_refused_by_name(values: dict[str, object], named: str) -> None:
    """A drawing outside the limits is refused, and the message names the field."""
    fields: dict[str, object] = {
        "canvas_width": 10, "canvas_height": 10, "strokes": (Stroke(((0, 0),)),), **values,
    }  # fmt: skip
    with pytest.raises(ValueError, match=named):
        Strokes(**fields)  # type: ignore[arg-type] # wrong on purpose


def test_points_that_are_no_numbers_are_refused() -> None:
    """NaN never reaches the pen."""
    with pytest.raises(ValueError, match="finite"):
        Stroke(((float("nan"), 0),))


@pytest.mark.parametrize(
    "points", ["abc", (1, 2), None, 7, [("a", "b")], [(1, 2, 3)], [None], iter([(1, 2)])]
)
def test_points_of_another_kind_are_refused(points: Any) -> None:
    """The message says what they are made of."""
    with pytest.raises(TypeError, match=r"points must be pairs of numbers"):
        Stroke(points)


@pytest.mark.parametrize("strokes", [((1, 2), (3, 4)), Stroke(((1, 2),)), None, "abc"])
def test_a_drawing_is_made_of_strokes(strokes: Any) -> None:
    """Not of points, nor of one stroke by itself."""
    with pytest.raises(TypeError, match="strokes must be a tuple of Stroke"):
        Strokes(10, 10, strokes)


@pytest.mark.parametrize("name", ["canvas_width", "canvas_height", "width"])
def test_sizes_are_numbers(name: str) -> None:
    """A string is named as none."""
    fields: dict[str, Any] = {"canvas_width": 10, "canvas_height": 10, "width": 1, name: "10"}
    with pytest.raises(TypeError, match=f"{name} must be a number, not str"):
        Strokes(strokes=(Stroke(((1, 2),)),), **fields)


def test_points_may_be_an_array() -> None:
    """As they come from a tablet or a plot: one row a point."""
    line = np.array([[10, 50], [90, 50]])
    drawing = Strokes(100, 100, (Stroke(line),))  # type: ignore[arg-type] # that is the test
    assert rasterize(drawing, 64) == rasterize(
        Strokes(100, 100, (Stroke(((10, 50), (90, 50))),)), 64
    )


points = st.tuples(st.integers(0, 65_535), st.integers(0, 65_535))


@given(
    st.lists(st.lists(points, min_size=1, max_size=8), min_size=1, max_size=5),
    st.integers(1, 65_535),
    st.integers(1, 65_535),
    st.floats(0, 65_535),
)
def test_any_drawing_within_the_limits_has_a_raster(
    strokes: list[list[tuple[int, int]]], width: int, height: int, pen: float
) -> None:
    """No drawing within the limits fails, wherever its points and however wide its pen."""
    drawing = Strokes(width, height, tuple(Stroke(tuple(points)) for points in strokes), pen)
    assert max(rasterize(drawing, 64).size) == 64

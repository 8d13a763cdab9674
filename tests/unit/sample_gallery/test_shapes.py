"""The geometry and the surfaces that drawing rests on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sample_gallery.drawn import relief, textures
from sample_gallery.drawn.canvas import View
from sample_gallery.drawn.curves import along, ellipse, mirror, path, points, smooth, tube, turn
from sample_gallery.drawn.figure import Shape


def test_smooth_passes_through_its_points() -> None:
    """A smooth curve touches each of its control points."""
    control = path("0,0 1,0.2 1.4,1 0.2,1.3")
    curve = smooth(control, steps=8)
    for point in control:
        assert np.hypot(*(curve - point).T).min() < 1e-9


def test_along_is_even() -> None:
    """Points along a curve are equally far apart."""
    line = along(points((0, 0), (1, 0), (1, 3)), 9)
    assert np.allclose(np.hypot(*np.diff(line, axis=0).T), 0.5)


def test_tube_is_as_wide_as_told() -> None:
    """A straight tube keeps its radius from its spine, and its ribs lie across it."""
    outline, ribs = tube(points((0, 0), (1, 0), (2, 0)), (0.2, 0.2), count=12)
    assert np.isclose(outline[:, 1].max(), 0.2)
    assert np.isclose(outline[:, 1].min(), -0.2)
    assert np.allclose(np.hypot(*(ribs[:, 0] - ribs[:, 1]).T), 0.4)


@given(st.floats(-6, 6), st.floats(-2, 2), st.floats(-2, 2))
def test_turn_keeps_distances(angle: float, x: float, y: float) -> None:
    """Turning a curve moves no point nearer to the centre or farther from it."""
    curve = path("1,0 0,2 -1,-1")
    turned = turn(curve, angle, (x, y))
    assert np.allclose(np.hypot(*(turned - (x, y)).T), np.hypot(*(curve - (x, y)).T))


def test_mirror_twice_is_the_same() -> None:
    """A curve mirrored twice is the curve."""
    curve = path("1,0 0.5,2 0.25,-1")
    assert np.array_equal(mirror(mirror(curve)), curve)


@given(st.integers(1, 9), st.integers(3, 14), st.integers(3, 14))
def test_box_is_a_mean(radius: int, height: int, width: int) -> None:
    """The box blur is the mean over its window, with nothing beyond the border."""
    field = np.random.default_rng(height).random((height, width)).astype(np.float32)
    padded = np.pad(field, radius)
    size = 2 * radius + 1
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size))
    assert np.allclose(relief.box(field, radius), windows.mean(axis=(2, 3)), atol=1e-5)


def test_cover_counts_the_area() -> None:
    """The coverage of a circle adds up to its area."""
    cover = relief.cover([ellipse(30, 30, 20, 20, steps=90)], 60, 60)
    assert abs(cover.sum() / (np.pi * 400) - 1) < 0.03


def test_inflate_is_highest_inside() -> None:
    """A shape's surface rises from its edge to its middle, and is flat outside."""
    mask = relief.cover([ellipse(30, 30, 22, 22)], 60, 60)
    height, depth = relief.inflate(mask, 20)
    assert height[30, 30] == height.max() > 10
    assert depth[30, 30] > 0.9
    assert height[mask == 0].max() == 0


@pytest.mark.parametrize("name", sorted(textures.bank()))
def test_textures_tile(name: str) -> None:
    """A texture goes on over its border as it does inside: the seam is no edge."""
    texture = textures.bank()[name].astype(np.float64)
    assert texture.shape == (textures.SIDE, textures.SIDE)
    inside = np.abs(np.diff(texture, axis=1)).mean()
    assert np.abs(texture[:, 0] - texture[:, -1]).mean() < 3 * inside + 0.05


def test_lookup_wraps() -> None:
    """Coordinates beyond a tile, below zero too, are taken in the next tile."""
    u = np.array([0.25, 1.25, -0.75], dtype=np.float32)
    found = textures.lookup("cloud", u, np.full(3, 0.5, dtype=np.float32))
    assert found[0] == found[1] == found[2]


@given(st.floats(0.5, 200), st.floats(-3, 3), st.booleans())
def test_view_scales(scale: float, angle: float, flip: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
    """A view changes all lengths by its scale, turned or flipped as may be."""
    view = View(scale, angle, flip, 10, 20)
    ends = view.pixels(points((0, 0), (3, 4)))
    assert np.isclose(np.hypot(*(ends[1] - ends[0])), 5 * scale)
    assert np.allclose(ends[0], (10, 20))


def test_shape_refuses_nonsense() -> None:
    """A shape needs an outline of three points and a thickness."""
    with pytest.raises(ValueError, match="outline"):
        Shape(points((0, 0), (1, 1)), 0.1)
    with pytest.raises(ValueError, match="puff"):
        Shape(path("0,0 1,0 1,1"), 0)

"""Morphology in C and in NumPy: the same pixels, for any mask."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from hatch_build import SOURCE, compile_library
from sketchzoo import compiled, morphology
from sketchzoo.ink import lines, redraw

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module", autouse=True)
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compile the source as it is now, whatever an installation has left beside it."""
    file = tmp_path_factory.mktemp("compiled") / "libmorphology.so"
    if problem := compile_library(ROOT / SOURCE, file):
        pytest.skip(problem)
    found = compiled.load(file)
    assert found is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(morphology, "LIBRARY", found)
        yield


def in_numpy(function: Callable[[], np.ndarray]) -> np.ndarray:
    """Return what a function answers without the library."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(morphology, "LIBRARY", None)
        return function()


@st.composite
def strokes(draw: st.DrawFn) -> np.ndarray:
    """Draw a mask of lines, each as wide as it comes, over one another and over the edges."""
    width, height = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    image = Image.new("L", (width, height))
    points = st.tuples(st.integers(-10, 100), st.integers(-10, 100))
    for _ in range(draw(st.integers(0, 6))):
        ends = draw(st.lists(points, min_size=2, max_size=4))
        ImageDraw.Draw(image).line(ends, 255, draw(st.integers(1, 25)))
    return np.asarray(image) > 0


MASKS = st.one_of(strokes(), arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=24)))


@settings(max_examples=300, deadline=None)
@given(mask=MASKS)
def test_thinning_leaves_the_same_lines(mask: np.ndarray) -> None:
    """Every pixel is what the definition in NumPy says, and the mask itself stays."""
    before = mask.copy()
    thinned = morphology.thin(mask)
    assert np.array_equal(thinned, in_numpy(partial(morphology.thin, mask)))
    assert np.array_equal(mask, before)


@settings(max_examples=300, deadline=None)
@given(mask=MASKS, reach=st.integers(0, 60))
def test_erosion_and_dilation_are_the_same(mask: np.ndarray, reach: int) -> None:
    """For squares of every size, also ones larger than the mask."""
    for operation in (morphology.erode, morphology.dilate):
        assert np.array_equal(operation(mask, reach), in_numpy(partial(operation, mask, reach)))


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0), (1, 1)])
def test_a_mask_without_pixels_stays_one(shape: tuple[int, int]) -> None:
    """Nothing is written where nothing is."""
    mask = np.ones(shape, np.bool_)
    assert morphology.thin(mask).shape == shape
    assert morphology.dilate(mask, 3).shape == shape
    assert morphology.erode(mask, 3).shape == shape


def test_a_mask_may_lie_in_memory_as_it_likes() -> None:
    """Turned, mirrored and cut out of a larger one, or of bytes instead of truths."""
    large = np.random.default_rng(0).random((60, 80)) < 0.7
    for mask in (large.T, large[::-1, ::2], large[5:20, 7:33]):
        plain = np.array(mask, order="C")
        assert np.array_equal(morphology.thin(mask), morphology.thin(plain))
        assert np.array_equal(morphology.erode(mask, 1), morphology.erode(plain, 1))
    assert np.array_equal(morphology.thin(large.astype(np.uint8) * 255), morphology.thin(large))


def test_a_drawing_is_redrawn_with_the_same_pixels() -> None:
    """Pens of any width, chalk, photographed paper: all that goes through thinning."""
    for width in (1, 4, 12, 30):
        image = Image.new("L", (400, 300), 255)
        ImageDraw.Draw(image).ellipse((60, 40, 340, 260), outline=0, width=width)
        ImageDraw.Draw(image).line([(0, 0), (200, 150), (390, 20)], 0, width)
        grain = np.random.default_rng(width).normal(0, 5, (300, 400))
        paper = np.clip(np.asarray(image) * 0.6 + 40 + grain, 0, 255).astype(np.uint8)
        for picture in (
            image,
            ImageOps.invert(image),
            image.filter(ImageFilter.GaussianBlur(2)),
            Image.fromarray(paper),
        ):

            def drawn(shown: Image.Image = picture) -> np.ndarray:
                return np.asarray(redraw(lines(shown, 0.8), 224, 5))

            assert np.array_equal(drawn(), in_numpy(drawn))


def test_a_library_that_is_missing_or_of_another_machine_is_none(tmp_path: Path) -> None:
    """NumPy answers then; nothing is raised."""
    assert compiled.load(tmp_path / "libmorphology.so") is None
    other = tmp_path / "other.so"
    other.write_bytes(b"\x7fELF of some other machine")
    assert compiled.load(other) is None


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_a_library_of_another_source_is_none(tmp_path: Path) -> None:
    """An older one lacks a function that is called today."""
    source = tmp_path / "old.c"
    source.write_text("int sketchzoo_thin(void) { return 1; }\n")
    file = tmp_path / "old.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", file, source], check=True)
    assert compiled.load(file) is None

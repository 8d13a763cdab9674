import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from sketchzoo.ink import WORK, lines, redraw
from sketchzoo.morphology import thin


def drawing(*, width: int = 3, side: int = 256, scale: float = 1.0) -> Image.Image:
    """Draw a house with a door, black on white."""
    image = Image.new("L", (side, side), 255)
    pen = ImageDraw.Draw(image)

    def at(x: float, y: float) -> tuple[float, float]:
        return x * scale * side, y * scale * side

    pen.line([at(0.2, 0.9), at(0.2, 0.4), at(0.5, 0.1), at(0.8, 0.4), at(0.8, 0.9)], 0, width)
    pen.line([at(0.2, 0.9), at(0.8, 0.9)], 0, width)
    pen.line([at(0.45, 0.9), at(0.45, 0.6), at(0.6, 0.6), at(0.6, 0.9)], 0, width)
    return image


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Return the share of lines that lie within a pen's width of the other's."""
    broad = [np.asarray(redraw(mask, WORK, 9)) == 0 for mask in (one, other)]
    return min(float(broad[1][one].mean()), float(broad[0][other].mean()))


def patches(found: np.ndarray) -> np.ndarray:
    """Return where ink has ink all around it, which a line one pixel wide never has."""
    around = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1)]
    return np.logical_and.reduce([np.roll(found, shift, (0, 1)) for shift in around])


@pytest.mark.parametrize("width", [1, 2, 6, 9])
def test_pens_of_any_width_leave_the_same_lines(width: int) -> None:
    """A drawing's lines do not tell how wide its pen was."""
    assert likeness(lines(drawing()), lines(drawing(width=width))) > 0.97


@pytest.mark.parametrize("scale", [0.25, 0.5])
def test_drawings_of_any_size_and_place_leave_the_same_lines(scale: float) -> None:
    """A small drawing in a corner of the canvas is cut out and enlarged."""
    assert likeness(lines(drawing(side=512)), lines(drawing(side=512, scale=scale))) > 0.97


def test_chalk_leaves_the_same_lines_as_ink() -> None:
    """White on black is read as black on white."""
    assert np.array_equal(lines(drawing()), lines(ImageOps.invert(drawing())))


def test_a_photo_of_paper_leaves_the_drawings_lines() -> None:
    """A shadow across the paper, its grain and pale ink are no drawing."""
    grey = np.asarray(drawing().filter(ImageFilter.GaussianBlur(1)), np.float32)
    shadow = np.linspace(120, 200, 256, dtype=np.float32)[None]
    grain = np.random.default_rng(0).normal(0, 4, grey.shape)
    paper = shadow * (0.4 + 0.6 * grey / 255) + grain
    photo = Image.fromarray(np.clip(paper, 0, 255).astype(np.uint8))
    assert likeness(lines(drawing()), lines(photo)) > 0.95


def test_strokes_that_run_together_leave_a_patch() -> None:
    """What a wide pen has filled stays filled: it does not turn into a line along its middle."""
    image = drawing(width=4)
    ImageDraw.Draw(image).rectangle((70, 120, 110, 160), fill=0)
    rows, columns = np.nonzero(patches(lines(image)))
    assert len(rows) > 30 * 30
    assert rows.max() - rows.min() < 50
    assert columns.max() - columns.min() < 50


def test_strokes_alone_leave_no_patch() -> None:
    """Lines, corners and crossings of one pen stay lines."""
    assert patches(lines(drawing(width=7))).sum() < 20


@pytest.mark.parametrize("width", [50, 60])
def test_ink_may_cover_most_of_a_picture(width: int) -> None:
    """Black ink on white stays ink where there is more of it than paper, if the edges are paper."""
    image = Image.new("L", (256, 256), 255)
    ImageDraw.Draw(image).rectangle((20, 20, 236, 236), outline=0, width=width)
    found = lines(image)
    assert (np.asarray(image) < 128).mean() > 0.5
    # The paper in the middle is no ink, and the lines go around it.
    assert not found[WORK // 2, WORK // 2]
    assert found[WORK // 2, : WORK // 2].any()
    assert found[: WORK // 2, WORK // 2].any()


def test_a_dim_photo_of_paper_is_no_chalk() -> None:
    """Paper that is dark as a whole is still lighter than its ink."""
    dim = drawing(width=5).point([30 + value * 70 // 255 for value in range(256)])
    assert likeness(lines(drawing()), lines(dim)) > 0.97


def test_an_empty_page_has_no_lines() -> None:
    """Paper without ink gives no lines and a white image."""
    empty = lines(Image.new("L", (300, 200), 255))
    assert not empty.any()
    assert np.asarray(redraw(empty, 128, 5)).min() == 255


def test_a_large_canvas_keeps_its_thin_lines_whole() -> None:
    """A hairline on a canvas of 2000 pixels is not lost when the drawing is reduced."""
    assert likeness(lines(drawing()), lines(drawing(side=2000, width=3))) > 0.97


def test_a_large_drawing_may_take_the_whole_square() -> None:
    """`keep` is at most 1, and at 1 nothing is left around."""
    found = lines(drawing(side=600), keep=1.0)
    rows = np.flatnonzero(found.any(1))
    assert (rows[0], rows[-1]) == (pytest.approx(0, abs=2), pytest.approx(WORK - 1, abs=2))


def test_thinning_keeps_a_line_whole_and_one_pixel_wide() -> None:
    """A bar becomes one line of about its length, without gaps."""
    mask = np.zeros((40, 60), np.bool_)
    mask[15:24, 5:55] = True
    thinned = thin(mask)
    assert thinned.sum(0).max() == 1
    inked = np.flatnonzero(thinned.any(0))
    assert len(inked) > 40
    assert len(inked) == inked[-1] - inked[0] + 1


def test_a_ring_stays_a_ring() -> None:
    """Thinning closes no hole and opens no ring."""
    image = Image.new("L", (64, 64), 0)
    ImageDraw.Draw(image).ellipse((8, 8, 56, 56), outline=255, width=7)
    # A copy: Pillow fills nothing in an image that shares an array's memory.
    thinned = Image.fromarray(thin(np.asarray(image) > 0).astype(np.uint8) * 255).copy()
    ImageDraw.floodfill(thinned, (32, 32), 128)
    assert thinned.getpixel((32, 32)) == 128
    assert thinned.getpixel((0, 0)) == 0


def test_the_pen_draws_its_width() -> None:
    """A line redrawn with a pen of five pixels is five pixels wide."""
    mask = np.zeros((WORK, WORK), np.bool_)
    mask[100, 20:200] = True
    drawn = np.asarray(redraw(mask, WORK, 5)) == 0
    assert drawn[:, 100].sum() == 5
    assert drawn[98:103, 100].all()

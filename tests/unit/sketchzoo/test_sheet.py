"""Sheets of paper on desks, as phones photograph them."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from sketchzoo.ink import lines
from sketchzoo.sheet import cut_out
from tests.unit.sketchzoo.test_ink import drawing, likeness

WIDTH, HEIGHT = 480, 400


def desk(kind: str) -> np.ndarray:
    """Return a desk's greys: dark and even, wood, a grey table, a checked cloth."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    grain = np.random.default_rng(1).normal(0, 5, (HEIGHT, WIDTH))
    if kind == "dark":
        return 45 + grain
    if kind == "wood":
        return 80 + 22 * np.sin(rows / 5 + 3 * np.sin(columns / 60)) + grain
    if kind == "table":
        return 125 + grain
    return 55 + 40 * ((rows // 8 + columns // 8) % 2) + grain


def photo(kind: str, angle: float = 0, shadow: float = 0) -> Image.Image:
    """Photograph the drawing on a sheet on a desk, lit from the right."""
    paper = Image.new("L", (300, 240), 245)
    paper.paste(drawing(width=4, side=210), (45, 15))
    lying = paper.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    shape = Image.new("L", paper.size, 255).rotate(angle, Image.Resampling.BICUBIC, expand=True)
    place = ((WIDTH - lying.width) // 2 + 12, (HEIGHT - lying.height) // 2 - 6)
    picture, where = (Image.new("L", (WIDTH, HEIGHT)) for _ in range(2))
    picture.paste(lying, place)
    where.paste(shape, place)
    share = np.asarray(where) / 255
    light = np.linspace(1 - shadow, 1, WIDTH)[None]
    greys = (np.asarray(picture) * 0.9 * share + desk(kind) * (1 - share)) * light
    taken = Image.fromarray(np.clip(greys, 0, 255).astype(np.uint8))
    return taken.filter(ImageFilter.GaussianBlur(0.8))


@pytest.mark.parametrize("kind", ["dark", "wood", "table", "cloth"])
@pytest.mark.parametrize(("angle", "shadow"), [(0, 0), (7, 0.35), (-14, 0.5)])
def test_the_drawing_on_a_sheet_is_found(kind: str, angle: float, shadow: float) -> None:
    """Whatever the desk, the light, and how the sheet lies a little askew."""
    sheet = cut_out(photo(kind, angle, shadow))
    assert sheet is not None
    assert sheet.size == pytest.approx((300, 240), rel=0.12)
    assert likeness(lines(drawing(width=4)), lines(photo(kind, angle, shadow))) > 0.85


def test_a_sheet_may_reach_beyond_the_picture() -> None:
    """Half of the picture's edge is enough desk."""
    taken = photo("wood").crop((60, 0, WIDTH - 60, HEIGHT - 90))
    assert likeness(lines(drawing(width=4)), lines(taken)) > 0.85


def test_of_two_sheets_the_larger_one_counts() -> None:
    """A corner of another one lies about."""
    taken = photo("dark", 5)
    ImageDraw.Draw(taken).polygon([(0, 0), (90, 0), (70, 70), (0, 90)], fill=215)
    assert cut_out(taken) is not None


@pytest.mark.parametrize("width", [2, 6, 14])
def test_a_drawing_is_no_sheet(width: int) -> None:
    """Neither ink to the edges nor chalk, nor its frame, is mistaken for one."""
    image = drawing(width=width)
    framed = image.copy()
    ImageDraw.Draw(framed).rectangle((12, 12, 243, 243), outline=0, width=width)
    for shown in (image, framed):
        assert cut_out(shown) is None
        assert cut_out(ImageOps.invert(shown)) is None


def test_a_white_card_on_black_is_a_drawing() -> None:
    """What has no ink on it is not the paper but what is drawn."""
    image = Image.new("L", (256, 256), 0)
    ImageDraw.Draw(image).rectangle((60, 80, 200, 180), fill=255)
    assert cut_out(image) is not None
    assert lines(image).any()

"""Pictures: whatever people hold becomes an image file that the service decodes the same."""

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sketchzoo.client import Query, TooLarge
from sketchzoo.client.picture import content
from sketchzoo.images import decode
from tests.artefacts import picture

MOST = 1 << 20


def sent(value: Any) -> Image.Image:
    """Return the picture as the service sees it."""
    return decode(content("sketch", value, MOST))


def coloured(mode: str = "RGB", side: int = 8) -> Image.Image:
    """Return red beside light blue, by way of RGB."""
    image = Image.new("RGB", (side, side), (200, 30, 40))
    image.paste((150, 180, 250), (side // 2, 0, side, side))
    return image if mode == "RGB" else image.convert(mode)


def difference(one: Image.Image, other: Image.Image) -> int:
    """Return the largest difference of a channel of a pixel."""
    assert one.size == other.size
    gap = np.asarray(one.convert("RGB"), np.int16) - np.asarray(other.convert("RGB"), np.int16)
    return int(np.abs(gap).max())


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "HSV", "LAB"])
def test_a_coloured_image_of_any_mode_keeps_its_colours(mode: str) -> None:
    """What PNG has no place for is converted; only rounding may tell."""
    image = coloured("RGBA").convert(mode) if mode == "RGBa" else coloured(mode)
    assert difference(sent(image), coloured()) <= 4


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "I;16L", "I;16B", "I;16N"])
def test_a_grey_image_of_any_mode_keeps_its_greys(mode: str) -> None:
    """One bit, eight and sixteen."""
    if mode.startswith("I;16"):
        image = Image.new(mode, (8, 8), 65_535)
        image.paste(77 * 257, (0, 0, 4, 8))
        wanted = Image.new("L", (8, 8), 255)
        wanted.paste(77, (0, 0, 4, 8))
    else:
        wanted = Image.new("L", (8, 8), 255)
        wanted.paste(0, (0, 0, 4, 8))
        image = wanted.convert(mode)
    assert difference(sent(image), wanted) <= 1


@pytest.mark.parametrize("mode", ["LA", "La", "RGBA", "RGBa", "PA"])
def test_what_is_transparent_arrives_as_paper(mode: str) -> None:
    """Alpha goes along: a black line on nothing is a black line on white."""
    image = Image.new("LA", (8, 8), (0, 0))
    image.paste((0, 255), (2, 2, 4, 6))
    image = image.convert("RGBA") if mode not in ("LA", "La") else image
    if mode == "PA":
        image = image.convert("RGB").convert("P").convert("PA")
        alpha = Image.new("L", (8, 8), 0)
        alpha.paste(255, (2, 2, 4, 6))
        image.putalpha(alpha)
    elif image.mode != mode:
        image = image.convert(mode)
    assert image.mode == mode
    wanted = Image.new("L", (8, 8), 255)
    wanted.paste(0, (2, 2, 4, 6))
    assert difference(sent(image), wanted) == 0


def test_a_palette_keeps_its_transparent_colour() -> None:
    """As a GIF has it."""
    image = Image.new("P", (8, 8), 0)
    image.putpalette([10, 20, 30, 0, 0, 0])
    image.paste(1, (2, 2, 4, 6))
    image.info["transparency"] = 0
    wanted = Image.new("L", (8, 8), 255)
    wanted.paste(0, (2, 2, 4, 6))
    assert difference(sent(image), wanted) == 0


@pytest.mark.parametrize("mode", ["F", "I"])
def test_an_image_whose_white_is_unknown_is_refused(mode: str) -> None:
    """Values of 32 bits may mean anything; the error says what to do."""
    with pytest.raises(ValueError, match=rf'photo is an image of mode {mode}.*convert\("L"\)'):
        Query(photo=Image.new(mode, (4, 4))).message()


def test_an_opened_file_is_turned_as_the_file_itself() -> None:
    """EXIF's orientation counts for a Pillow image as it does for its path."""
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    coloured(side=64).save(file, "JPEG", exif=exif, quality=95)
    with Image.open(file) as image:
        assert difference(sent(image), decode(file.getvalue())) == 0


def test_no_profile_of_another_mode_goes_along() -> None:
    """A CMYK profile would tell a reader of the PNG lies."""
    image = coloured("CMYK")
    image.info["icc_profile"] = b"of CMYK"
    with Image.open(io.BytesIO(content("sketch", image, MOST))) as again:
        assert "icc_profile" not in again.info


def test_an_image_that_cannot_be_read_is_a_value_error(tmp_path: Path) -> None:
    """Cut, closed or without pixels: one error that names the argument."""
    path = tmp_path / "cut.jpg"
    path.write_bytes(picture(size=(640, 480))[:2_000])
    with Image.open(path) as cut, pytest.raises(ValueError, match="sketch is an image that cannot"):
        content("sketch", cut, MOST)
    closed = coloured()
    closed.close()
    with pytest.raises(ValueError, match="sketch is an image that cannot"):
        content("sketch", closed, MOST)
    with pytest.raises(ValueError, match="sketch is an image without pixels"):
        content("sketch", Image.new("RGB", (0, 4)), MOST)


GREY = np.arange(48, dtype=np.uint8).reshape(6, 8)
RGB = np.stack([GREY, GREY + 50, 255 - GREY], axis=2)


@pytest.mark.parametrize(
    ("array", "wanted"),
    [
        (GREY, GREY),
        (GREY[:, :, None], GREY),
        (RGB, RGB),
        (np.dstack([RGB, np.full_like(GREY, 255)]), RGB),
        (RGB[..., ::-1], RGB[..., ::-1]),
        (np.asfortranarray(RGB), RGB),
        (GREY[::2, ::-2], GREY[::2, ::-2]),
        (GREY.T, GREY.T),
    ],
    ids=["plane", "one channel", "RGB", "RGBA", "BGR turned", "Fortran", "every other", "turned"],
)
def test_an_array_of_pixels_arrives_unchanged(array: Any, wanted: Any) -> None:
    """Height x width, with 1, 3 or 4 channels, however it lies in memory."""
    if wanted.ndim == 2:
        wanted = np.repeat(wanted[:, :, None], 3, axis=2)
    assert np.array_equal(np.asarray(sent(array)), wanted)


@pytest.mark.parametrize(
    ("array", "error", "words"),
    [
        (GREY.astype(np.float32) / 255, TypeError, "sketch must be an array of uint8.*float32"),
        (GREY > 9, TypeError, "uint8.*bool"),
        (GREY.astype(np.int64), TypeError, "uint8.*int64"),
        (GREY.astype(object), TypeError, "uint8.*object"),
        (np.array(["cat"]), TypeError, "uint8.*<U3"),
        (RGB.transpose(2, 0, 1), ValueError, "height x width.*not 3 x 6 x 8"),
        (RGB[None], ValueError, "not 1 x 6 x 8 x 3"),
        (GREY[0], ValueError, "not 8"),
        (np.array(7, np.uint8), ValueError, "not a single value"),
        (RGB[:, :, :2], ValueError, "not 6 x 8 x 2"),
        (GREY[:0], ValueError, "without pixels"),
        (RGB[:, :0], ValueError, "without pixels"),
    ],
)
def test_any_other_array_is_refused(array: Any, error: type[Exception], words: str) -> None:
    """The message says which kind and shape would be right."""
    with pytest.raises(error, match=words):
        content("sketch", array, MOST)


class Trickle(io.RawIOBase):
    """Gives a byte or two at a time, as a pipe or a socket may."""

    def __init__(self, given: bytes) -> None:
        self._file = io.BytesIO(given)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._file.read(min(size, 2))


class Endless:
    """Never ends; counts what was taken."""

    taken = 0

    def read(self, size: int) -> bytes:
        given = min(size, 65_536)
        self.taken += given
        return bytes(given)


def test_an_open_file_is_read_from_where_it_stands(tmp_path: Path) -> None:
    """A file, bytes in memory, a temporary file, anything that reads."""
    image = picture(form="PNG")
    path = tmp_path / "a.png"
    path.write_bytes(image)
    with path.open("rb") as file, path.open("rb", buffering=0) as raw:
        assert content("sketch", file, MOST) == image
        assert content("sketch", raw, MOST) == image
    assert content("sketch", io.BytesIO(image), MOST) == image
    assert content("sketch", Trickle(image), MOST) == image
    with tempfile.SpooledTemporaryFile() as spooled:
        spooled.write(b"head" + image)
        spooled.seek(4)
        assert content("sketch", spooled, MOST) == image


def test_no_file_is_read_without_end(tmp_path: Path) -> None:
    """A large file, or one without an end, is given up where no part would take it."""
    endless = Endless()
    with pytest.raises(TooLarge, match=r"sketch has more than the 134217728 bytes"):
        content("sketch", endless, 100_000)
    assert endless.taken < 2 * 134_217_728
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(TooLarge):
        Query(large).message()
    with pytest.raises(TooLarge):
        content("sketch", bytes(11), 10)
    with pytest.raises(TooLarge):
        content("sketch", np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8), 100)


async def _read() -> bytes:
    return b""


class Asynchronous:
    """A file of an asyncio library."""

    def read(self, size: int) -> Any:
        return _read()


def test_a_file_that_gives_no_bytes_is_refused(tmp_path: Path) -> None:
    """Text, nothing left, closed, for writing, asynchronous: the message says what would do."""
    path = tmp_path / "a.txt"
    path.write_text("a drawing")
    with path.open() as file, pytest.raises(TypeError, match=r'sketch .*binary.*"rb"'):
        content("sketch", file, MOST)
    with pytest.raises(TypeError, match='"rb"'):
        content("sketch", io.StringIO("a drawing"), MOST)
    with path.open("rb") as file:
        file.read()
        with pytest.raises(ValueError, match=r"sketch has nothing left.*seek\(0\)"):
            content("sketch", file, MOST)
    with pytest.raises(ValueError, match=r"sketch cannot be read.*closed"):
        content("sketch", file, MOST)
    with path.open("wb") as file, pytest.raises(ValueError, match="sketch cannot be read"):
        content("sketch", file, MOST)
    asynchronous: Any = Asynchronous()
    with pytest.raises(TypeError, match="awaited"):
        content("sketch", asynchronous, MOST)


@pytest.mark.parametrize("value", [7, 1.5, True, [1, 2], ("a.png",), {"path": "a.png"}, object])
def test_something_else_is_no_picture(value: Any) -> None:
    """The message names the argument and all that would be one."""
    with pytest.raises(TypeError, match=r"photo must be a path, the bytes.*a NumPy array"):
        Query(photo=value).message()


def test_a_path_may_be_any_that_python_has(tmp_path: Path) -> None:
    """Bytes of a path's own, and no null bytes."""

    class Entry:
        def __fspath__(self) -> bytes:
            return bytes(tmp_path / "a.png")

    (tmp_path / "a.png").write_bytes(b"x")
    assert content("sketch", Entry(), MOST) == b"x"
    with pytest.raises(ValueError, match="sketch is no path"):
        content("sketch", "a\0b.png", MOST)
    with pytest.raises(OSError, match="directory"):
        content("sketch", tmp_path, MOST)


def test_every_mode_of_pillow_is_decided() -> None:
    """Converted or refused by name: none ends in an error of Pillow's."""
    for mode in Image.MODES:
        try:
            content("sketch", Image.new(mode, (4, 4)), MOST)
        except ValueError as error:
            assert mode in ("F", "I"), mode
            assert mode in str(error)  # noqa: PT017 - which modes are refused is the point
    assert "PIL" in sys.modules

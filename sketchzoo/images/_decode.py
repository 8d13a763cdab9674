"""Decoding: an image file to RGB, within limits and only as long as it is wanted.

Pillow decodes piece by piece: at each piece it asks for, the watch is asked whether the
decode may go on. So files that are made to take minutes are given up in the thread that
decodes them (docs/adr/0045-giving-up-a-decode.md says what one piece may cost). WebP has no
pieces: what may take long of it is decoded in a process of its own.
"""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import IO, cast

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageChops,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    WebPImagePlugin,
)

from sketchzoo.image_limits import ImageLimits
from sketchzoo.images._apart import goes_apart, load_apart
from sketchzoo.images._container import Container, Form
from sketchzoo.images._jpeg import END_OF_JPEG, SCAN
from sketchzoo.images._layout import over_paper, transparency
from sketchzoo.images._limits import GivenUpError, ImageError, Watch
from sketchzoo.images._memory import BUDGET, needed
from sketchzoo.images._pieces import Pieces
from sketchzoo.images._take_apart import NOT_AN_IMAGE, take_apart

# Pillow warns of each odd image on stderr; here its sender is told, by an ImageError.
warnings.filterwarnings("ignore", module=r"PIL\b")

_OPENERS: dict[Form, Callable[[IO[bytes]], ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
}
_TURNED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_ITS_SIDE = (5, 6, 7, 8)
_PPM_PIECE = 32 * 1024
"""Bytes of a PPM in plain numbers at a time; Pillow would take a MiB and its comments apart."""
_SHORT_HEAD = 4096
"""Bytes of a JPEG's header that cannot take long."""
_BLOCK, _BLEED = 16, 2
"""Pixels a side of a JPEG's largest block, and how far its colours reach beyond."""
_SCALES = {8: 2, 4: 1, 2: 1}
"""What a JPEG's blocks of 8 x 8 can be decoded at, one over it, and how many times what is
enough must stay: at an eighth a pixel is the mean of a block."""
_NO_IMAGE = bytes(range(1, 128))
"""What is decoded to nothing sensible, and holds no marker."""


def decode(
    content: bytes,
    limits: ImageLimits | None = None,
    unwanted: Callable[[], bool] | None = None,
    *,
    enough: int | None = None,
) -> Image.Image:
    """Decode an image file to RGB: turned as its EXIF says, alpha laid over white.

    Where all that is opaque is nearly white, it is laid over black instead. A JPEG that
    lacks its end mark, and at most its very last block, is taken as whole.

    Sizes are read from the header and refused before any pixel is unpacked. `unwanted` is
    asked now and then, in this thread, whether nobody waits for the image any more.
    With `enough` the image may come smaller, by a whole number, as long as its short side
    has so many pixels: a JPEG is then decoded at a reduced scale, in little time and memory.

    Raises:
        ImageError: not an image, damaged, or over the limits.
        GivenUpError: by `unwanted`.

    """
    limits = limits or ImageLimits()
    watch = Watch(limits.max_seconds, unwanted)
    container = _container(content, limits, watch)
    opened = None
    if (size := container.size) is None:
        opened = _open(container, limits, watch)
        size = opened.size
    if apart := goes_apart(container, size):
        opened = None
        container = replace(container, area=max(container.area, size[0] * size[1]))
    # By plain means: each pixel the mean of a square. That blurs more than JPEG's own
    # smaller scales, and twice as many pixels must stay (docs/adr/0068-reduced-scale.md).
    factor = max(1, min(size) // (2 * enough)) if enough else 1
    # What a decoder reduces itself; what is left is reduced of its pixels.
    if container.form == "JPEG":
        scale = _scale(size, enough) if enough else 1
    else:
        scale = factor if opened is None else 1
    if opened is not None:
        _set_scale(opened, scale)
    memory = needed(container, size, scale, apart=apart)
    with BUDGET.hold(memory, limits, watch), _blaming_the_file():
        plain = _plain(opened, container, scale, limits, watch)
        del opened  # its pixels, while others are made of them
        left = max(1, factor // scale)
        plain = _evened(plain.reduce(left) if left > 1 else plain, size, scale * left)
        turned = _TURNED.get(container.turn)
        return plain if turned is None else plain.transpose(turned)


def _evened(image: Image.Image, size: tuple[int, int], scale: int) -> Image.Image:
    """Cut off a last row or column that stands for less than half of one: it stretches all."""
    width, height = (max(1, round(side / scale)) for side in size)
    return image if image.size == (width, height) else image.crop((0, 0, width, height))


def _plain(
    opened: ImageFile.ImageFile | None,
    container: Container,
    scale: int,
    limits: ImageLimits,
    watch: Watch,
) -> Image.Image:
    """Return a file's pixels as they lie in it, decoded apart where it was not opened."""
    painted = opened.tile[0].extents if opened is not None and opened.tile else None
    image: Image.Image
    if opened is None:
        image = load_apart(container, scale, limits, watch)
    elif container.form == "JPEG":
        image = _loaded_to_the_end(opened, container, scale, limits, watch)
    else:
        image = opened
        image.load()

    def low_bytes() -> Image.Image:
        again = _open(container, limits, watch)
        again.tile = [tile._replace(args="RGB;16L") for tile in again.tile]
        again.load()
        return again

    watch.check()
    alpha = transparency(image, container, low_bytes)
    watch.check()
    plain = over_paper(image, alpha)
    if painted not in (None, (0, 0, *image.size)):
        # A GIF may paint less than its canvas; the rest is nothing, as browsers show it.
        ground = Image.new("RGB", image.size, "white")
        ground.paste(plain.crop(painted), painted)
        plain = ground
    return plain


def measure(content: bytes, limits: ImageLimits | None = None) -> tuple[int, int]:
    """Return an image file's width and height as it is shown, from its header alone.

    It passes what `decode` would pass, but for damaged or slow pixels: none is unpacked.

    Raises:
        ImageError: not an image, or over the limits.

    """
    limits = limits or ImageLimits()
    watch = Watch(limits.max_seconds)
    container = _container(content, limits, watch)
    if container.size is not None:
        return container.size
    image = _open(container, limits, watch)
    return (image.height, image.width) if container.turn in _ON_ITS_SIDE else image.size


class _Source(Pieces):
    """An image file that Pillow reads from only while its watch allows."""

    def __init__(self, container: Container, watch: Watch) -> None:
        super().__init__(container.pieces)
        self._container = container
        self._watch = watch

    def read(self, size: int | None = -1, /) -> bytes:
        self._watch.check()
        if size == ImageFile.SAFEBLOCK and self._container.form == "PPM":
            size = _PPM_PIECE
        found = super().read(size)
        if size == ImageFile.MAXBLOCK and self._container.scans > 1:
            # One scan at a time: a file may hold thousands, each a pass over all pixels.
            scan = found.find(SCAN, 1)
            if scan > 0:
                self.seek(scan - len(found), io.SEEK_CUR)
                found = found[:scan]
        return found


def _container(content: bytes, limits: ImageLimits, watch: Watch) -> Container:
    if not content:
        raise ImageError("is empty; send an image file", "empty")
    if len(content) > limits.max_bytes:
        raise ImageError(
            f"has {len(content)} bytes; max_bytes allows {limits.max_bytes}", "too_large"
        )
    container = take_apart(content, watch)
    if container.size is not None:
        _check_pixels(container.size, limits)
        if container.area > limits.max_pixels:
            raise ImageError(
                f"has {container.area} pixels coded; max_pixels allows {limits.max_pixels}",
                "too_large",
            )
    return container


def _open(container: Container, limits: ImageLimits, watch: Watch) -> ImageFile.ImageFile:
    source = cast("IO[bytes]", _Source(container, watch))
    # To watch each of the forty reads of an ordinary JPEG's header would cost a tenth of all.
    short = 0 < container.head <= _SHORT_HEAD
    try:
        image = _OPENERS[container.form](io.BytesIO(_head(container)) if short else source)
    except (ImageError, GivenUpError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"is over {limits.max_pixels} pixels", "too_large") from error
    except Exception as error:
        # Hostile bytes make decoders fail in any way.
        raise ImageError(NOT_AN_IMAGE, "not_an_image") from error
    _check_pixels(image.size, limits)
    if short:
        image.fp = source
    return image


def _check_pixels(size: tuple[int, int], limits: ImageLimits) -> None:
    if size[0] * size[1] > limits.max_pixels:
        raise ImageError(
            f"is {size[0]}x{size[1]} pixels; max_pixels allows {limits.max_pixels}", "too_large"
        )


def _head(container: Container) -> bytes:
    """Return a JPEG to the start of its scans, which is all that opening it reads."""
    return b"".join((container.pieces[0], container.pieces[1][:_SHORT_HEAD]))


def _scale(size: tuple[int, int], enough: int) -> int:
    """Return one over the smallest scale of a JPEG that has so many pixels a side."""
    wanted = (scale for scale, least in _SCALES.items() if min(size) >= scale * least * enough)
    return next(wanted, 1)


def _set_scale(image: ImageFile.ImageFile, scale: int) -> None:
    if scale > 1:
        image.draft(None, (max(1, image.width // scale), max(1, image.height // scale)))


def _loaded_to_the_end(
    image: ImageFile.ImageFile,
    container: Container,
    scale: int,
    limits: ImageLimits,
    watch: Watch,
) -> ImageFile.ImageFile:
    """Load a JPEG, also one that lacks its end mark and at most its very last block."""
    try:
        image.load()
    except OSError:
        # With the end mark added the decoder fills up what is missing. What it makes of
        # bytes that are no image shows what that is: nothing, if the file has all pixels.
        *before, last = container.pieces
        last = last[:-1] if bytes(last[-1:]) == END_OF_JPEG[:1] else last

        def filled_with(filling: bytes) -> ImageFile.ImageFile:
            pieces = (*before, last, filling + END_OF_JPEG)
            opened = _open(replace(container, pieces=pieces), limits, watch)
            _set_scale(opened, scale)
            return opened

        filled, other = filled_with(b""), filled_with(_NO_IMAGE)
        missing = ImageChops.difference(filled, other).getbbox()
        block, bleed = _BLOCK // scale, _BLEED if scale == 1 else 1
        corner = [(side - 1) // block * block - bleed for side in filled.size]
        if missing and (missing[0] < corner[0] or missing[1] < corner[1]):
            raise
        return filled
    return image


@contextmanager
def _blaming_the_file() -> Iterator[None]:
    try:
        yield
    except (ImageError, GivenUpError, MemoryError):
        raise
    except Exception as error:
        # Hostile bytes make decoders fail in any way.
        raise ImageError(f"is damaged or truncated: {error}", "truncated") from error

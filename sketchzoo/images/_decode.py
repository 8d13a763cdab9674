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

from sketchzoo.images._apart import LEAST_PIXELS, load_apart
from sketchzoo.images._container import END_OF_JPEG, FORMATS, SCAN, Container, Form, take_apart
from sketchzoo.images._layout import over_paper, transparency
from sketchzoo.images._limits import GivenUpError, ImageError, ImageLimits, Watch

# Pillow warns of each odd image on stderr; here its sender is told, by an ImageError.
warnings.filterwarnings("ignore", module=r"PIL\b")

_OPENERS: dict[Form, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
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
_NO_IMAGE = bytes(range(1, 128))
"""What is decoded to nothing sensible, and holds no marker."""


def decode(
    content: bytes,
    limits: ImageLimits | None = None,
    unwanted: Callable[[], bool] | None = None,
) -> Image.Image:
    """Decode an image file to RGB: turned as its EXIF says, alpha laid over white.

    Where all that is opaque is nearly white, it is laid over black instead. A JPEG that
    lacks its end mark, and at most its very last block, is taken as whole.

    Sizes are read from the header and refused before any pixel is unpacked. `unwanted` is
    asked now and then, in this thread, whether nobody waits for the image any more.

    Raises:
        ImageError: not an image, damaged, or over the limits.
        GivenUpError: by `unwanted`.

    """
    limits = limits or ImageLimits()
    watch = Watch(limits.max_seconds, unwanted)
    container = _container(content, limits, watch)
    image: Image.Image
    image = opened = _open(container, limits, watch)
    with _blaming_the_file():
        painted = opened.tile[0].extents if opened.tile else None
        if container.form == "JPEG":
            image = _loaded_to_the_end(opened, container, limits, watch)
        elif container.lossless and image.width * image.height > LEAST_PIXELS:
            image = load_apart(container.pixels, image.size, limits, watch)
        else:
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
        turned = _TURNED.get(container.turn)
        return plain if turned is None else plain.transpose(turned)


def measure(content: bytes, limits: ImageLimits | None = None) -> tuple[int, int]:
    """Return an image file's width and height as it is shown, from its header alone.

    It passes what `decode` would pass, but for damaged or slow pixels: none is unpacked.

    Raises:
        ImageError: not an image, or over the limits.

    """
    limits = limits or ImageLimits()
    watch = Watch(limits.max_seconds)
    container = _container(content, limits, watch)
    image = _open(container, limits, watch)
    return (image.height, image.width) if container.turn in _ON_ITS_SIDE else image.size


class _Source(io.BytesIO):
    """An image file that Pillow reads from only while its watch allows."""

    def __init__(self, container: Container, watch: Watch) -> None:
        super().__init__(container.pixels)
        self._container = container
        self._watch = watch

    def read(self, size: int | None = -1, /) -> bytes:
        self._watch.check()
        if size == ImageFile.MAXBLOCK and self._container.scans > 1:
            # One scan at a time: a file may hold thousands, each a pass over all pixels.
            at = self.tell()
            scan = self._container.pixels.find(SCAN, at + 1, at + size)
            size = scan - at if scan >= 0 else size
        elif size == ImageFile.SAFEBLOCK and self._container.form == "PPM":
            size = _PPM_PIECE
        return super().read(size)


def _container(content: bytes, limits: ImageLimits, watch: Watch) -> Container:
    if not content:
        raise ImageError("is empty; send an image file", "empty")
    if len(content) > limits.max_bytes:
        raise ImageError(
            f"has {len(content)} bytes; at most {limits.max_bytes} are taken", "too_large"
        )
    return take_apart(content, watch)


def _open(container: Container, limits: ImageLimits, watch: Watch) -> ImageFile.ImageFile:
    source = _Source(container, watch)
    # To watch each of the forty reads of an ordinary JPEG's header would cost a tenth of all.
    short = 0 < container.head <= _SHORT_HEAD
    try:
        image = _OPENERS[container.form](io.BytesIO(container.pixels) if short else source)
    except (ImageError, GivenUpError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"is over {limits.max_side} pixels a side", "too_large") from error
    except Exception as error:
        # Hostile bytes make decoders fail in any way.
        raise ImageError(f"is not a {', '.join(FORMATS)} image", "not_an_image") from error
    if max(image.size) > limits.max_side:
        raise ImageError(
            f"is {image.width}x{image.height} pixels; at most {limits.max_side} a side are taken",
            "too_large",
        )
    if short:
        image.fp = source
    return image


def _loaded_to_the_end(
    image: ImageFile.ImageFile, container: Container, limits: ImageLimits, watch: Watch
) -> ImageFile.ImageFile:
    """Load a JPEG, also one that lacks its end mark and at most its very last block."""
    try:
        image.load()
    except OSError:
        # With the end mark added the decoder fills up what is missing. What it makes of
        # bytes that are no image shows what that is: nothing, if the file has all pixels.
        pixels = container.pixels.removesuffix(END_OF_JPEG[:1])
        filled, other = (
            _open(replace(container, pixels=pixels + filling + END_OF_JPEG), limits, watch)
            for filling in (b"", _NO_IMAGE)
        )
        missing = ImageChops.difference(filled, other).getbbox()
        last = [(side - 1) // _BLOCK * _BLOCK - _BLEED for side in image.size]
        if missing and (missing[0] < last[0] or missing[1] < last[1]):
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

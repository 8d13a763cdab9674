"""The decoder of files whose decoding is one call of C: a program, run in a process of its own.

`python _decoder.py FORM SECONDS MEMORY PIXELS FACTOR < file`: the time on a core and the address
space that it may take, how many pixels its outline told, and by how much the picture is reduced.
It writes one line of mode, width and height, and then the pixels. What is imported takes longer
than most images: Pillow's one plug-in alone, and nothing of this package.
"""

import io
import sys
from collections.abc import Callable
from typing import TypeAlias

from PIL import Image

NO_RANGE = 3
"""The status where nobody knows which of a picture's values are black and white."""
_STRIP_BYTES = 4 * 1024 * 1024
_Strips: TypeAlias = Callable[[int, int], Image.Image]
_DEPTHS = ("I;16", "I;16L", "I;16B", "I;16N")
_TAKEN = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", *_DEPTHS)


def main(form: str, seconds: str, memory: str, pixels: str, factor: str) -> None:
    """Decode what stands on standard input."""
    _limit(int(seconds), int(memory))
    content = sys.stdin.buffer.read()
    most, reduced = int(pixels), int(factor)
    if form == "JPEG":
        size, strips = _strips(_jpeg(content, reduced), most)
        reduced = 1  # its decoder has done so
    elif form == "HEIF":
        size, strips = _heif(content, most)
    else:
        size, strips = _strips(_OPENERS[form](content), most)
    rows = max(1, _STRIP_BYTES // (4 * size[0] * reduced)) * reduced
    out = sys.stdout.buffer
    for top in range(0, size[1], rows):
        plain = _plain(strips(top, min(top + rows, size[1])))
        if top == 0:
            width, height = (-(-side // reduced) for side in size)
            out.write(f"{plain.mode} {width} {height}\n".encode())
        out.write((plain.reduce(reduced) if reduced > 1 else plain).tobytes())


def _limit(seconds: int, memory: int) -> None:
    try:
        import resource  # noqa: PLC0415 - not every system has it

        for kind, limit in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, memory)):
            resource.setrlimit(kind, (limit, limit))
    except (ImportError, OSError, ValueError):
        pass


def _plain(image: Image.Image) -> Image.Image:
    """Return pixels that can be reduced, and sent on: grey or colours, with alpha or without."""
    if image.mode in _DEPTHS:
        return image.point(lambda value: value * (1 / 256)).convert("L")
    if image.mode not in _TAKEN:
        sys.exit(NO_RANGE)
    if image.mode in ("L", "RGB", "RGBA"):
        return image
    clear = image.mode in ("LA", "PA") or "transparency" in image.info
    return image.convert("RGBA" if clear else "L" if image.mode == "1" else "RGB")


def _strips(image: Image.Image, most: int) -> tuple[tuple[int, int], _Strips]:
    _check(image.size, most)
    image.load()
    return image.size, lambda top, end: image.crop((0, top, image.width, end))


def _check(size: tuple[int, int], most: int) -> None:
    """End where a file tells its decoder of more pixels than whoever keeps the limits."""
    if size[0] * size[1] > most:
        sys.exit(f"is {size[0]}x{size[1]} pixels, and no more than {most} were told")


def _jpeg(content: bytes, scale: int) -> Image.Image:
    from PIL.JpegImagePlugin import JpegImageFile  # noqa: PLC0415 - chosen here

    image = JpegImageFile(io.BytesIO(content))
    if scale > 1:
        image.draft(None, (max(1, image.width // scale), max(1, image.height // scale)))
    return image


def _webp(content: bytes) -> Image.Image:
    from PIL.WebPImagePlugin import WebPImageFile  # noqa: PLC0415 - chosen here

    return WebPImageFile(io.BytesIO(content))


def _png(content: bytes) -> Image.Image:
    from PIL.PngImagePlugin import PngImageFile  # noqa: PLC0415 - chosen here

    return PngImageFile(io.BytesIO(content))


def _tiff(content: bytes) -> Image.Image:
    from PIL.TiffImagePlugin import TiffImageFile  # noqa: PLC0415 - chosen here

    return TiffImageFile(io.BytesIO(content))


def _avif(content: bytes) -> Image.Image:
    from PIL import AvifImagePlugin, ImageOps  # noqa: PLC0415 - chosen here

    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    image = AvifImagePlugin.AvifImageFile(io.BytesIO(content))
    ImageOps.exif_transpose(image, in_place=True)
    return image


def _heif(content: bytes, most: int) -> tuple[tuple[int, int], _Strips]:
    from pillow_heif import open_heif, options  # noqa: PLC0415 - chosen here

    options.DECODE_THREADS = 1
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    file = open_heif(content)
    image = file[file.primary_index]
    _check(image.size, most)
    # Not as one of Pillow's images, which would be a second copy of all pixels.
    pixels, stride, mode = memoryview(image.data), image.stride, image.mode
    width, height = image.size

    def strip(top: int, end: int) -> Image.Image:
        rows = pixels[top * stride : end * stride]
        return Image.frombytes(mode, (width, end - top), rows, "raw", mode, stride)

    return (width, height), strip


_OPENERS: dict[str, Callable[[bytes], Image.Image]] = {
    "PNG": _png,
    "WEBP": _webp,
    "TIFF": _tiff,
    "AVIF": _avif,
}

if __name__ == "__main__":
    main(*sys.argv[1:])

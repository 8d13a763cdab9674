"""Taking apart: an image file's format, and its outline by that format's reader."""

from collections.abc import Callable

from sketchzoo.images._chunks import PNG, read_png, read_webp
from sketchzoo.images._container import Container, Form
from sketchzoo.images._isobmff import is_media, read_media
from sketchzoo.images._jpeg import read_jpeg
from sketchzoo.images._limits import ImageError, Watch
from sketchzoo.images._raw import is_raw, read_preview
from sketchzoo.images._tiff import TIFFS, read_tiff

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "PPM", "TIFF", "HEIF", "AVIF")
_READERS: dict[bytes, Callable[[bytes, Watch], Container]] = {
    b"\xff\xd8\xff": read_jpeg,
    PNG: read_png,
    b"RIFF": read_webp,
}
NOT_AN_IMAGE = f"is not a {', '.join(FORMATS)} or RAW image"

_AS_THEY_ARE: tuple[tuple[bytes, Form], ...] = (
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"P", "PPM"),
)


def take_apart(content: bytes, watch: Watch) -> Container:
    """Read an image file's outline; of a camera's RAW file that of the preview in it.

    Raises:
        ImageError: it is of no format that is read, or damaged, or has too many scans.
        GivenUpError: by `watch`.

    """
    for start, read in _READERS.items():
        if content.startswith(start):
            return read(content, watch)
    if is_raw(content, watch):
        return read_preview(content, watch)
    if content.startswith(TIFFS):
        return read_tiff(content)
    if is_media(content):
        media = read_media(content, watch)
        # They say themselves how they are turned, and their decoders do so: EXIF is not asked.
        return Container(
            media.form, (content,), media.exif, media.xmp, area=media.area, size=media.size
        )
    form = next((form for start, form in _AS_THEY_ARE if content.startswith(start)), None)
    if form is None:
        raise ImageError(NOT_AN_IMAGE, "not_an_image")
    return Container(form, (content,))

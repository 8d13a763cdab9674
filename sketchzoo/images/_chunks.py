"""PNG and WebP taken apart: files of chunks, of which some hold pixels."""

from sketchzoo.images._container import Container, turn_of
from sketchzoo.images._exif import MOST_TOLD
from sketchzoo.images._limits import ImageError, Watch

PNG = b"\x89PNG\r\n\x1a\n"
_PNG_PIXELS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
_PALETTE = 256
_MOST_RUNS = 65_536
"""Runs of chunks that hold pixels, with others between; tools write one or two."""
_LOSSLESS = (b"VP8L", b"ALPH", b"ANMF")
_XMP_IN_PNG = b"XML:com.adobe.xmp\x00"


def read_png(content: bytes, watch: Watch) -> Container:
    """Read a PNG's outline; of an APNG what is shown where nothing moves.

    Raises:
        ImageError: its pixels lie in more pieces than anybody writes.
        GivenUpError: by `watch`.

    """
    runs: list[bytes | memoryview] = [PNG]
    view = memoryview(content)
    start = at = len(PNG)
    transparent = exif = xmp = b""
    header = content[at + 8 : at + 21]
    while at < len(content):
        watch.check()
        length = int.from_bytes(content[at : at + 4], "big")
        kind = content[at + 4 : at + 8]
        end = at + 12 + length
        told = slice(at + 8, min(end - 4, at + 8 + MOST_TOLD))
        if kind not in _PNG_PIXELS:
            if at > start:
                runs.append(view[start:at])
            start = end
            if len(runs) > _MOST_RUNS:
                raise ImageError("is damaged: its PNG chunks make no sense", "truncated")
        if kind == b"tRNS":
            transparent = content[at + 8 : min(end - 4, at + 8 + _PALETTE)]
        elif kind == b"eXIf":
            exif = exif or content[told].removeprefix(b"Exif\0\0")
        elif kind == b"iTXt" and content.startswith(_XMP_IN_PNG, at + 8):
            xmp = xmp or content[told]
        at = end
        if kind == b"IEND":
            break
    runs.append(view[start:at])
    layout = (header[8], header[9]) if len(header) == 13 else (0, 0)  # noqa: PLR2004 - IHDR's
    return Container(
        "PNG",
        tuple(runs),
        exif,
        xmp,
        turn_of(exif, xmp),
        transparent=transparent,
        layout=layout,
    )


def read_webp(content: bytes, watch: Watch) -> Container:
    """Read a WebP's outline.

    Raises:
        ImageError: bytes are missing.
        GivenUpError: by `watch`.

    """
    if content[8:12] != b"WEBP":
        raise ImageError("is a RIFF file and no WebP: it holds sound or a video", "not_an_image")
    lacking = 8 + int.from_bytes(content[4:8], "little") - len(content)
    if lacking > 1:
        raise ImageError(f"is damaged or truncated: {lacking} bytes are missing", "truncated")
    if lacking == 1:
        content += b"\0"  # the last chunk's padding
    exif = xmp = b""
    lossless = False
    at = 12
    while at + 8 <= len(content):
        watch.check()
        kind = content[at : at + 4]
        end = at + 8 + int.from_bytes(content[at + 4 : at + 8], "little")
        told = slice(at + 8, min(end, at + 8 + MOST_TOLD))
        lossless = lossless or kind in _LOSSLESS
        if kind == b"EXIF":
            exif = exif or content[told].removeprefix(b"Exif\0\0")
        elif kind == b"XMP ":
            xmp = xmp or content[told]
        at = end + end % 2
    return Container("WEBP", (content,), exif, xmp, turn_of(exif, xmp), lossless=lossless)

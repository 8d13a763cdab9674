"""Containers: an image file taken apart, without decoding a pixel.

Pillow gets what the pixels are decoded from and no more: notes, colour profiles, thumbnails
and other programs' data would be unpacked, searched or warned about for nothing, and some
files are made to have it take hours. Of the rest only how the camera was held is read.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

from sketchzoo.images._limits import ImageError, Watch

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "PPM")
Form = Literal["JPEG", "PNG", "WEBP", "GIF", "BMP", "PPM"]

MAX_SCANS = 100
"""Scans of a JPEG; tools write 1 to 20. Each costs a pass over all pixels, however short it is."""
SCAN = b"\xff\xda"
END_OF_JPEG = b"\xff\xd9"

_PNG = b"\x89PNG\r\n\x1a\n"
_SIGNATURES: tuple[tuple[bytes, Form], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (_PNG, "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"P", "PPM"),
)
_MARKER = re.compile(rb"\xff[^\x00\xff]", re.DOTALL)
_SCAN_OR_END = re.compile(rb"\xff[\xd9\xda]")
_BARE_MARKERS = frozenset((*range(0xD0, 0xDA), *range(0xF0, 0xFE), 0xC8))
_FIRST_MARKER = 0xC0
_SOS, _APP1 = 0xDA, 0xE1
_FRAMES = frozenset((0xC0, 0xC1, 0xC2))
_PROGRESSIVE = 0xC2
_NOTES = frozenset((*range(0xE0, 0xF0), 0xFE))
_COLOUR_CODES = (b"JFIF\0", b"Adobe")
"""Notes that say how the colours are coded."""
_PNG_PIXELS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
_LOSSLESS = (b"VP8L", b"ALPH", b"ANMF")
_XMP_IN_JPEG = b"http://ns.adobe.com/xap/1.0/\x00"
_XMP_IN_PNG = b"XML:com.adobe.xmp\x00"
_XMP_TURN = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')
_EXIF_TURN = 0x0112
_NUMBER_BYTES = {1: 1, 3: 2, 4: 4}
"""EXIF's types of whole numbers and their bytes."""


@dataclass(frozen=True, slots=True)
class Container:
    """An image file taken apart.

    `pieces` are, in order, a file of the same format that holds what the pixels are decoded
    from; `exif` and `xmp` are what is told of them, in TIFF's form and as a packet.
    `turn` is EXIF's number for how the camera was held, 1 to 8. `head` is how many
    bytes a JPEG has before its scans, which `scans` counts; `coefficients` is how many
    bytes its decoder holds beside the pixels, 0 where a single scan brings them in order.
    `transparent` is the body of a PNG's tRNS chunk, `layout` its bits a sample and its
    colour type. `lossless` says that a WebP, or its alpha, may be coded without loss.
    """

    form: Form
    pieces: tuple[bytes | memoryview, ...] = field(repr=False)
    exif: bytes = field(default=b"", repr=False)
    xmp: bytes = field(default=b"", repr=False)
    turn: int = 1
    head: int = 0
    scans: int = 0
    coefficients: int = 0
    transparent: bytes = b""
    layout: tuple[int, int] = (0, 0)
    lossless: bool = False


def take_apart(content: bytes, watch: Watch) -> Container:
    """Read an image file's outline.

    Raises:
        ImageError: it is of no format that is read, or damaged, or has too many scans.
        GivenUpError: by `watch`.

    """
    form = next((form for start, form in _SIGNATURES if content.startswith(start)), None)
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return _webp(content, watch)
    if form is None:
        raise ImageError(f"is not a {', '.join(FORMATS)} image", "not_an_image")
    if form == "JPEG":
        return _jpeg(content, watch)
    if form == "PNG":
        return _png(content, watch)
    return Container(form, (content,))


def _jpeg(content: bytes, watch: Watch) -> Container:
    kept: list[bytes | memoryview] = [content[:2]]
    exif = xmp = b""
    scans = head = coefficients = 0
    progressive = False
    at = 2
    while (marker := _MARKER.search(content, at)) is not None:
        watch.check()
        at = marker.start()
        code = content[at + 1]
        if code == _SOS:
            end, scans = _scanned(content, at)
            head = sum(map(len, kept))
            kept.append(memoryview(content)[at:end])
            break
        if code in _BARE_MARKERS:
            at += 2
            continue
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        if code < _FIRST_MARKER or length < 2:  # noqa: PLR2004 - it counts its own two bytes
            raise ImageError("is damaged: its JPEG header makes no sense", "truncated")
        segment = content[at : at + 2 + length]
        at += 2 + length
        if code == _APP1:
            exif = exif or (segment[10:] if segment[4:10] == b"Exif\0\0" else b"")
            xmp = xmp or (segment[4:] if segment[4:].startswith(_XMP_IN_JPEG) else b"")
        elif code in _FRAMES:
            kept.append(segment)
            coefficients = _coefficients(segment)
            progressive = code == _PROGRESSIVE
        elif code not in _NOTES or segment[4:9] in _COLOUR_CODES:
            kept.append(segment)
    if scans > MAX_SCANS:
        raise ImageError(
            f"is a JPEG of {scans} scans; at most {MAX_SCANS} are taken: save it anew", "too_slow"
        )
    return Container(
        "JPEG",
        (b"".join(kept[:-1]), kept[-1]) if scans else tuple(kept),
        exif,
        xmp,
        _turn(exif, xmp),
        head,
        scans,
        coefficients if progressive or scans > 1 else 0,
    )


def _coefficients(frame: bytes) -> int:
    """Return how many bytes all coefficients of a JPEG take: two a sample, of whole blocks."""
    height, width = (int.from_bytes(frame[at : at + 2], "big") for at in (5, 7))
    factors = [divmod(factor, 16) for factor in frame[11::3]]
    across, down = (max([1, *side]) for side in zip(*factors, strict=True)) if factors else (1, 1)
    columns, rows = -(-width // (8 * across)), -(-height // (8 * down))
    return 2 * 64 * columns * rows * sum(across * down for across, down in factors)


def _scanned(content: bytes, at: int) -> tuple[int, int]:
    """Return where a JPEG's scans end, with its end mark if it has one, and how many they are.

    Within a scan's data 0xFF is followed by 0 or a restart's number: what looks like a
    mark is one.
    """
    mark = _SCAN_OR_END.search(content, at + 2)
    if mark is not None and mark[0] == END_OF_JPEG:
        return mark.end(), 1
    end = content.find(END_OF_JPEG, at) + 2
    end = end if end > at else len(content)
    return end, content.count(SCAN, at, end)


def _png(content: bytes, watch: Watch) -> Container:
    runs: list[bytes | memoryview] = [_PNG]
    view = memoryview(content)
    start = at = len(_PNG)
    transparent = exif = xmp = b""
    header = content[at + 8 : at + 21]
    while at < len(content):
        watch.check()
        length = int.from_bytes(content[at : at + 4], "big")
        kind = content[at + 4 : at + 8]
        end = at + 12 + length
        if kind not in _PNG_PIXELS:
            runs.append(view[start:at])
            start = end
        if kind == b"tRNS":
            transparent = content[at + 8 : end - 4]
        elif kind == b"eXIf":
            exif = exif or content[at + 8 : end - 4].removeprefix(b"Exif\0\0")
        elif kind == b"iTXt" and content.startswith(_XMP_IN_PNG, at + 8):
            xmp = xmp or content[at + 8 : end - 4]
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
        _turn(exif, xmp),
        transparent=transparent,
        layout=layout,
    )


def _webp(content: bytes, watch: Watch) -> Container:
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
        lossless = lossless or kind in _LOSSLESS
        if kind == b"EXIF":
            exif = exif or content[at + 8 : end].removeprefix(b"Exif\0\0")
        elif kind == b"XMP ":
            xmp = xmp or content[at + 8 : end]
        at = end + end % 2
    return Container("WEBP", (content,), exif, xmp, _turn(exif, xmp), lossless=lossless)


def _turn(exif: bytes, xmp: bytes) -> int:
    """Return how the camera was held, from EXIF's first directory or else from XMP; 1 upright."""
    order: Literal["big", "little"] = "big" if exif[:2] == b"MM" else "little"
    at = int.from_bytes(exif[4:8], order)
    entries = int.from_bytes(exif[at : at + 2], order)
    for entry in range(at + 2, min(at + 2 + 12 * entries, len(exif) - 11), 12):
        tag, kind = (int.from_bytes(exif[entry + i : entry + i + 2], order) for i in (0, 2))
        if tag == _EXIF_TURN:
            value = exif[entry + 8 : entry + 8 + _NUMBER_BYTES.get(kind, 0)]
            turn = int.from_bytes(value, order)
            return turn if 1 <= turn <= 8 else 1  # noqa: PLR2004 - EXIF's values
    found = _XMP_TURN.search(xmp)
    return int(found[1]) if found else 1

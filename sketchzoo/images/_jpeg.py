"""JPEG taken apart: its scans, what they need, and what is told of them.

What follows its end is left alone: a phone's film, a second picture.
"""

import re

from sketchzoo.images._container import Container, turn_of
from sketchzoo.images._limits import ImageError, Watch

MAX_SCANS = 100
"""Scans of a JPEG; tools write 1 to 20. Each costs a pass over all pixels, however short it is."""
SCAN = b"\xff\xda"
END_OF_JPEG = b"\xff\xd9"

_MARKER = re.compile(rb"\xff[^\x00\xff]", re.DOTALL)
_SCAN_OR_END = re.compile(rb"\xff[\xd9\xda]")
_BARE_MARKERS = frozenset((*range(0xD0, 0xDA), *range(0xF0, 0xFE), 0xC8))
_FIRST_MARKER = 0xC0
_SOS, _APP1 = 0xDA, 0xE1
_FRAMES = frozenset((0xC0, 0xC1, 0xC2, 0xC9, 0xCA))
_PROGRESSIVE = (0xC2, 0xCA)
"""By Huffman's codes, and by arithmetic ones."""
_MOST_SEGMENTS = 4096
"""Tables before the first scan; a JPEG has a dozen."""
_NOTES = frozenset((*range(0xE0, 0xF0), 0xFE))
_COLOUR_CODES = (b"JFIF\0", b"Adobe")
"""Notes that say how the colours are coded."""
_XMP_IN_JPEG = b"http://ns.adobe.com/xap/1.0/\x00"


def read_jpeg(content: bytes, watch: Watch, at: int = 0) -> Container:
    """Read the outline of a JPEG that begins at a place of a file.

    Raises:
        ImageError: it is damaged, or has too many scans.
        GivenUpError: by `watch`.

    """
    kept: list[bytes | memoryview] = [content[at : at + 2]]
    exif = xmp = b""
    scans = head = coefficients = area = components = 0
    buffered = False
    at += 2
    while (marker := _MARKER.search(content, at)) is not None:
        watch.check()
        at = marker.start()
        code = content[at + 1]
        if code == _SOS:
            end, scans = _scanned(content, at)
            # A scan of some of the colours is one of several, whether others come or not.
            buffered = buffered or scans > 1 or content[at + 4 : at + 5] < bytes((components,))
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
            coefficients, area = _coefficients(segment), _area(segment)
            components = int.from_bytes(segment[9:10], "big")
            buffered = code in _PROGRESSIVE
        elif code not in _NOTES or segment[4:9] in _COLOUR_CODES:
            kept.append(segment)
        if len(kept) > _MOST_SEGMENTS:
            raise ImageError("is damaged: its JPEG header makes no sense", "truncated")
    if scans > MAX_SCANS:
        raise ImageError(
            f"is a JPEG of {scans} scans; at most {MAX_SCANS} are taken: save it anew", "too_slow"
        )
    return Container(
        "JPEG",
        (b"".join(kept[:-1]), kept[-1]) if scans else tuple(kept),
        exif,
        xmp,
        turn_of(exif, xmp),
        head,
        scans,
        coefficients if buffered else 0,
        area,
    )


def _area(frame: bytes) -> int:
    return int.from_bytes(frame[5:7], "big") * int.from_bytes(frame[7:9], "big")


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

"""ISO base media files (ISO/IEC 14496-12, 23008-12): HEIC and AVIF taken apart.

Of their boxes only those are read that tell which picture is the primary one, how large it
is and how it is turned, and where its EXIF and XMP lie.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from sketchzoo.images._exif import MOST_TOLD
from sketchzoo.images._limits import ImageError, Watch

_MOST_BOXES, _MOST_EXTENTS = 65_536, 65_536
"""Boxes in one other, and pieces of all items; a picture of tiles has some hundreds."""
_AVIF, _HEIF = (b"avif", b"avis"), (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1")
_VIDEOS = (b"isom", b"iso2", b"mp41", b"mp42", b"qt  ", b"M4V ", b"3gp4", b"3gp5")
_XMP = b"application/rdf+xml\0"
_Box = tuple[bytes, memoryview]


@dataclass(frozen=True, slots=True)
class Media:
    """A still picture: its size as shown, how many pixels are coded, and what is told of it."""

    form: Literal["HEIF", "AVIF"]
    size: tuple[int, int]
    area: int
    exif: bytes = field(default=b"", repr=False)
    xmp: bytes = field(default=b"", repr=False)


def is_media(content: bytes) -> bool:
    """Tell whether a file is one of ISO's: a picture or a video."""
    return content[4:8] == b"ftyp"


def brands(content: bytes) -> list[bytes]:
    """Return what a file says that it is, the first of them foremost."""
    size = min(int.from_bytes(content[:4], "big"), 1024)
    return [content[8:12], *(content[at : at + 4] for at in range(16, size - 3, 4))]


def read_media(content: bytes, watch: Watch) -> Media:
    """Read a picture's outline.

    Raises:
        ImageError: it is a video or another kind, or its boxes make no sense.
        GivenUpError: by `watch`.

    """
    kinds = brands(content)
    form: Literal["HEIF", "AVIF"]
    if kinds[0] in _AVIF or (kinds[0] not in _HEIF[:-1] and set(kinds) & set(_AVIF)):
        form = "AVIF"
    elif set(kinds) & set(_HEIF):
        form = "HEIF"
    elif kinds[0] in _VIDEOS:
        raise ImageError("is a video; send an image file", "not_an_image")
    else:
        raise ImageError(
            f"is of a kind that is not read ({kinds[0].decode('ascii', 'replace')})", "not_an_image"
        )
    try:
        return _meta(form, content, watch)
    except (struct.error, IndexError, KeyError) as error:
        raise ImageError(f"is damaged: its {form} boxes make no sense", "truncated") from error


def _meta(form: Literal["HEIF", "AVIF"], content: bytes, watch: Watch) -> Media:
    meta = _first(_boxes(memoryview(content), watch), b"meta")[4:]
    parts = dict(reversed([*_boxes(meta, watch)]))
    pitm = parts[b"pitm"]
    primary = int.from_bytes(pitm[4 : 6 if pitm[0] == 0 else 8], "big")
    properties = dict(reversed([*_boxes(parts[b"iprp"], watch)]))
    listed = [*_boxes(properties[b"ipco"], watch)]
    size, area, turned = (0, 0), 0, False
    for index in filter(None, _associated(properties[b"ipma"], primary, watch)):  # 0 is none
        kind, body = listed[index - 1]
        if kind == b"ispe":
            size = struct.unpack_from(">II", body, 4)
            area = max(area, size[0] * size[1])
        elif kind == b"clap":
            wide, of_wide, high, of_high = struct.unpack_from(">4I", body)
            size = (wide // max(1, of_wide) or 1, high // max(1, of_high) or 1)
        elif kind == b"irot":
            turned = bool(body[0] & 1)
    if not all(size):
        raise KeyError("ispe")
    exif = xmp = b""
    places = _places(parts.get(b"iloc", memoryview(b"")), watch)
    for item, kind, described in _items(parts.get(b"iinf", memoryview(b"")), watch):
        if kind not in (b"Exif", b"mime") or item not in places:
            continue
        told = _told(content, parts.get(b"idat", memoryview(b"")), places[item], watch)
        if kind == b"Exif" and not exif:
            start = 4 + int.from_bytes(told[:4], "big")
            exif = told[start:].removeprefix(b"Exif\0\0")
        elif kind == b"mime" and _XMP in described:
            xmp = xmp or told
    return Media(form, size[::-1] if turned else size, max(area, size[0] * size[1]), exif, xmp)


def _boxes(data: memoryview, watch: Watch) -> Iterator[_Box]:
    at = 0
    # A box may be of 8 bytes, and what stands for it here takes many times that.
    for _ in range(_MOST_BOXES):
        if at + 8 > len(data):
            return
        watch.check()
        size, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start)
            start += 8
        end = at + size if size else len(data)
        if end < start:
            return
        yield kind, data[start:end]
        at = end
    raise IndexError("boxes")


def _first(boxes: Iterator[_Box], wanted: bytes) -> memoryview:
    for kind, body in boxes:
        if kind == wanted:
            return body
    raise KeyError(wanted)


def _associated(ipma: memoryview, item: int, watch: Watch) -> Iterator[int]:
    """Return the properties of an item by their numbers, from 1 on, in order."""
    wide_ids, wide_numbers = ipma[0] > 0, ipma[3] & 1
    (entries,) = struct.unpack_from(">I", ipma, 4)
    at = 8
    for _ in range(entries):
        watch.check()
        (found,) = struct.unpack_from(">I" if wide_ids else ">H", ipma, at)
        at += 4 if wide_ids else 2
        count = ipma[at]
        numbers = struct.unpack_from(f">{count}{'H' if wide_numbers else 'B'}", ipma, at + 1)
        at += 1 + count * (2 if wide_numbers else 1)
        if found == item:
            yield from (number & (0x7FFF if wide_numbers else 0x7F) for number in numbers)
            return


def _items(iinf: memoryview, watch: Watch) -> Iterator[tuple[int, bytes, bytes]]:
    """Return each item's number, its kind, and what else is said of it."""
    if not iinf:
        return
    for kind, body in _boxes(iinf[6 if iinf[0] == 0 else 8 :], watch):
        if kind == b"infe" and body[0] in (2, 3):
            start = 6 if body[0] == 2 else 8  # noqa: PLR2004 - the box's version
            item = int.from_bytes(body[4:start], "big")
            yield item, bytes(body[start + 2 : start + 6]), bytes(body[start + 6 :][:256])


def _places(iloc: memoryview, watch: Watch) -> dict[int, tuple[int, list[tuple[int, int]]]]:
    """Return where items lie: 0 in the file or 1 in `idat`, and their extents."""
    found: dict[int, tuple[int, list[tuple[int, int]]]] = {}
    if not iloc:
        return found
    version = iloc[0]
    widths = iloc[4] >> 4, iloc[4] & 15, iloc[5] >> 4, iloc[5] & 15 if version else 0
    at = 6

    def number(width: int) -> int:
        nonlocal at
        if at + width > len(iloc):
            raise IndexError("iloc")
        at += width
        return int.from_bytes(iloc[at - width : at], "big")

    offset_width, length_width, base_width, index_width = widths
    left = _MOST_EXTENTS  # each may take no byte of the file
    for _ in range(number(2 if version < 2 else 4)):  # noqa: PLR2004 - the box's version
        watch.check()
        item = number(2 if version < 2 else 4)  # noqa: PLR2004 - the same
        method = number(2) & 15 if version else 0
        number(2)
        base = number(base_width)
        extents = []
        count = number(2)
        left -= 1 + count
        if left < 0:
            raise IndexError("iloc")
        for _ in range(count):
            watch.check()
            number(index_width)
            extents.append((base + number(offset_width), number(length_width)))
        found[item] = method, extents
    return found


def _told(
    content: bytes, idat: memoryview, place: tuple[int, list[tuple[int, int]]], watch: Watch
) -> bytes:
    method, extents = place
    data = memoryview(content) if method == 0 else idat
    found = bytearray()
    for start, length in extents:
        watch.check()
        # A length of 0 means all that follows.
        end = min(len(data), start + length) if length else len(data)
        found += data[start : min(end, start + MOST_TOLD - len(found))]
        if len(found) == MOST_TOLD:
            break
    return bytes(found)

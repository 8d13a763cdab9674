"""EXIF: the few tags that are read, from data in TIFF's form, whatever else it holds.

Numbers by the EXIF standard (CIPA DC-008); rating by Microsoft's tags, which cameras write too.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

_MOST_ENTRIES = 1024
"""Entries of a directory that are looked at; cameras write some dozens."""
_MOST_BYTES = 1024
"""Bytes of a value that are read."""
_EXIF_AT, _GPS_AT = 0x8769, 0x8825
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 13: 4}
_WHOLE = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I"}
_RATIOS = {5: "I", 10: "i"}

Value = str | tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Exif:
    """Tags by number: of the picture, of how it was taken, of where."""

    image: Mapping[int, Value] = field(default_factory=dict)
    photo: Mapping[int, Value] = field(default_factory=dict)
    gps: Mapping[int, Value] = field(default_factory=dict)


def read_exif(data: bytes) -> Exif:
    """Read the first directory of EXIF data and the two that it names; nonsense has no tags."""
    order: Literal[">", "<"] = ">" if data[:2] == b"MM" else "<"
    if len(data) < 8 or data[:2] not in (b"MM", b"II"):  # noqa: PLR2004 - TIFF's header
        return Exif()
    image = dict(_directory(data, order, struct.unpack_from(f"{order}I", data, 4)[0]))
    return Exif(
        image,
        dict(_directory(data, order, _offset(image, _EXIF_AT))),
        dict(_directory(data, order, _offset(image, _GPS_AT))),
    )


def _offset(tags: Mapping[int, Value], tag: int) -> int:
    match tags.get(tag):
        case (float() | int() as at,):
            return int(at)
    return 0


def _directory(data: bytes, order: str, at: int) -> Iterator[tuple[int, Value]]:
    if not 0 < at <= len(data) - 2:
        return
    (entries,) = struct.unpack_from(f"{order}H", data, at)
    last = min(at + 2 + 12 * min(entries, _MOST_ENTRIES), len(data) - 11)
    for entry in range(at + 2, last, 12):
        tag, kind, count = struct.unpack_from(f"{order}HHI", data, entry)
        width = _WIDTHS.get(kind)
        if width is None:
            continue
        size = width * count
        start = entry + 8
        if size > 4:  # noqa: PLR2004 - what an entry itself holds
            (start,) = struct.unpack_from(f"{order}I", data, start)
        raw = data[start : start + min(size, _MOST_BYTES)]
        value = _value(raw, kind, width, order)
        if value is not None:
            yield tag, value


def _value(raw: bytes, kind: int, width: int, order: str) -> Value | None:
    if kind in (2, 7):
        return raw.split(b"\0", 1)[0].decode("utf-8", "replace").strip()
    count = len(raw) // width
    if not count:
        return None
    raw = raw[: count * width]
    if kind in _WHOLE:
        return struct.unpack(f"{order}{count}{_WHOLE[kind]}", raw)
    numbers = struct.unpack(f"{order}{2 * count}{_RATIOS[kind]}", raw)
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return tuple(above / below if below else float("nan") for above, below in pairs)

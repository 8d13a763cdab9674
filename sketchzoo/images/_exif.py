"""EXIF: the few tags that are read, from data in TIFF's form, whatever else it holds.

Numbers by the EXIF standard (CIPA DC-008); rating by Microsoft's tags, which cameras write too.
"""

import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sketchzoo.images._limits import Watch

MOST_TOLD = 4 * 1024 * 1024
"""Bytes of EXIF or XMP that are copied out of a file; cameras write some thousands."""
_MOST_ENTRIES = 1024
"""Entries of a directory that are looked at; cameras write some dozens."""
_MOST_BYTES = 1024
"""Bytes of a value that are read."""
_MOST_DIRECTORIES = 32
_EXIF_AT, _GPS_AT, _WITHIN = 0x8769, 0x8825, 0x014A
_ORDERS: dict[str, Literal["big", "little"]] = {">": "big", "<": "little"}
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
    image = dict(_directory(data, _first(data)))
    return Exif(
        image,
        dict(_directory(data, _offset(image, _EXIF_AT))),
        dict(_directory(data, _offset(image, _GPS_AT))),
    )


def first_value(data: bytes, tag: int) -> Value | None:
    """Return the value of a tag of the first directory."""
    order = _order(data)
    for found, kind, _, raw in _entries(data, _first(data)):
        if found == tag:
            return _value(raw[:_MOST_BYTES], kind, _WIDTHS[kind], order)
    return None


def first_bytes(data: bytes, tag: int) -> bytes:
    """Return the bytes of a tag of the first directory, `MOST_TOLD` at most."""
    return next(
        (
            bytes(raw[:MOST_TOLD])
            for found, _, _, raw in _entries(data, _first(data))
            if found == tag
        ),
        b"",
    )


def directories(data: bytes, tags: Collection[int], watch: Watch) -> Iterator[dict[int, int]]:
    """Return some tags' whole numbers of each directory, of those within others as well."""
    order = _order(data)
    ahead = [_first(data)]
    for _ in range(_MOST_DIRECTORIES):
        if not ahead:
            return
        at = ahead.pop()
        numbers: dict[int, int] = {}
        for tag, kind, _, raw in _entries(data, at):
            watch.check()
            if tag != _WITHIN and tag not in tags:
                continue
            match _value(raw[:_MOST_BYTES], kind, _WIDTHS[kind], order):
                case (int(), *_) as values if tag == _WITHIN:
                    ahead.extend(int(value) for value in values[:_MOST_DIRECTORIES])
                case (int() as number, *_):
                    numbers[tag] = number
        yield numbers
        if 0 < at <= len(data) - 2:
            following = at + 2 + 12 * int.from_bytes(data[at : at + 2], _ORDERS[order])
            ahead.append(int.from_bytes(data[following : following + 4], _ORDERS[order]))


def _order(data: bytes) -> str:
    return ">" if data[:2] == b"MM" else "<"


def _first(data: bytes) -> int:
    """Return where the first directory begins, 0 where there is none."""
    if data[:2] not in (b"MM", b"II"):
        return 0
    return int.from_bytes(data[4:8], _ORDERS[_order(data)])


def _offset(tags: Mapping[int, Value], tag: int) -> int:
    match tags.get(tag):
        case (int() as at,):
            return at
    return 0


def _directory(data: bytes, at: int) -> Iterator[tuple[int, Value]]:
    order = _order(data)
    for tag, kind, width, raw in _entries(data, at):
        value = _value(raw[:_MOST_BYTES], kind, width, order)
        if value is not None:
            yield tag, value


def _entries(data: bytes, at: int) -> Iterator[tuple[int, int, int, memoryview]]:
    """Return each entry of a directory: its tag, its type, that one's bytes, and all its bytes."""
    if not 0 < at <= len(data) - 2:
        return
    view, order = memoryview(data), _order(data)
    (entries,) = struct.unpack_from(f"{order}H", data, at)
    last = min(at + 2 + 12 * min(entries, _MOST_ENTRIES), len(data) - 11)
    for entry in range(at + 2, last, 12):
        tag, kind, count = struct.unpack_from(f"{order}HHI", data, entry)
        width = _WIDTHS.get(kind)
        if width is None:
            continue
        start = entry + 8
        if width * count > 4:  # noqa: PLR2004 - what an entry itself holds
            (start,) = struct.unpack_from(f"{order}I", data, start)
        yield tag, kind, width, view[start : start + width * count]


def _value(raw: memoryview, kind: int, width: int, order: str) -> Value | None:
    if kind in (2, 7):
        return bytes(raw).split(b"\0", 1)[0].decode("utf-8", "replace").strip()
    count = len(raw) // width
    if not count:
        return None
    raw = raw[: count * width]
    if kind in _WHOLE:
        return struct.unpack(f"{order}{count}{_WHOLE[kind]}", raw)
    numbers = struct.unpack(f"{order}{2 * count}{_RATIOS[kind]}", raw)
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return tuple(above / below if below else float("nan") for above, below in pairs)

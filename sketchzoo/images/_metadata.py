"""Metadata: when, where and with what a photo was taken, and how many stars it has.

From EXIF, else from XMP. What is malformed is unknown: nobody's photo is refused for it.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from sketchzoo.images._exif import Exif, Value, read_exif
from sketchzoo.images._limits import ImageError, Watch
from sketchzoo.images._take_apart import take_apart

_MAKE, _MODEL, _CHANGED, _RATING, _RATING_PERCENT = 0x010F, 0x0110, 0x0132, 0x4746, 0x4749
_TAKEN, _DIGITISED = (0x9003, 0x9011, 0x9291), (0x9004, 0x9012, 0x9292)
"""Tags of a time, its offset from UTC and its fractions of a second."""
_NORTH, _LATITUDE, _EAST, _LONGITUDE = 1, 2, 3, 4
_SECONDS = 2.0
_MOST_XMP = 1024 * 1024
_MOST_CAMERA = 128
_TIME = re.compile(
    r"(\d{4})[:\-/.](\d{1,2})[:\-/.](\d{1,2})[ T]+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d+))?)?"
    r"\s*(Z|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})", re.ASCII)
_DEGREES = re.compile(
    r"(\d+(?:\.\d+)?)(?:,(\d+(?:\.\d+)?)(?:,(\d+(?:\.\d+)?))?)?\s*([NSEW])", re.ASCII
)
_PERCENTS = {0: 0, 1: 1, 25: 2, 50: 3, 75: 4, 99: 5, 100: 5}
"""Microsoft's percents of one to five stars."""
_STARS = (-1, 1, 2, 3, 4, 5)
"""XMP's values, of which 0 says that nobody has rated yet."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a photo's file tells of it; None is unknown.

    `taken_at` has a zone, UTC where the file says none. `location` is latitude and
    longitude in degrees, WGS 84. `rating` is 1 to 5 stars, or -1 for rejected.
    """

    taken_at: datetime | None = None
    camera: str | None = None
    location: tuple[float, float] | None = None
    rating: int | None = None


def read_metadata(content: bytes) -> Metadata:
    """Read an image file's metadata; without any, or where it is no image, all is unknown."""
    try:
        container = take_apart(content, Watch(_SECONDS))
    except ImageError:
        return Metadata()
    exif = read_exif(container.exif)
    xmp = _Xmp(container.xmp)
    return Metadata(
        _taken_at(exif, xmp), _camera(exif, xmp), _location(exif, xmp), _rating(exif, xmp)
    )


class _Xmp:
    """An XMP packet whose simple properties are looked up, as attributes or as elements."""

    def __init__(self, packet: bytes) -> None:
        self._text = packet[:_MOST_XMP].decode("utf-8", "replace")

    def get(self, name: str) -> str:
        """Return a property's text, empty where there is none."""
        found = re.search(
            rf"""{name}(?:\s*=\s*["']([^"'<]{{1,256}})|>([^<]{{1,256}})<)""", self._text
        )
        return (found[1] or found[2]).strip() if found else ""


def _taken_at(exif: Exif, xmp: _Xmp) -> datetime | None:
    for when, offset, fraction in (_TAKEN, _DIGITISED):
        found = _time(*(_text(exif.photo, tag) for tag in (when, offset, fraction)))
        if found is not None:
            return found
    names = ("exif:DateTimeOriginal", "photoshop:DateCreated", "xmp:CreateDate")
    texts = (*map(xmp.get, names), _text(exif.image, _CHANGED))
    return next((found for text in texts if (found := _time(text)) is not None), None)


def _time(text: str, offset: str = "", fraction: str = "") -> datetime | None:
    found = _TIME.match(text)
    if found is None:
        return None
    *parts, own_fraction, own_zone = found.groups()
    digits = (own_fraction or (fraction if fraction.isdecimal() else "")).strip()[:6]
    try:
        year, month, day, hour, minute, second = (int(part or 0) for part in parts)
        taken = datetime(
            year,
            month,
            day,
            hour,
            minute,
            second,
            int(digits.ljust(6, "0")),
            _zone(own_zone or offset),
        )
        taken.astimezone(UTC)  # a time before the calendar's begin is none
    except (ValueError, OverflowError):
        return None
    return taken


def _zone(text: str) -> timezone:
    found = _OFFSET.fullmatch(text.strip())
    if found is None:
        return UTC
    apart = timedelta(hours=int(found[2]), minutes=int(found[3]))
    try:
        return timezone(-apart if found[1] == "-" else apart)
    except ValueError:  # a day or more
        return UTC


def _camera(exif: Exif, xmp: _Xmp) -> str | None:
    make, model = (
        " ".join((_text(exif.image, tag) or xmp.get(name)).split())
        for tag, name in ((_MAKE, "tiff:Make"), (_MODEL, "tiff:Model"))
    )
    # Many makers begin a model's name with their own: "Canon" and "Canon EOS 5D".
    first = make.split(" ")[0].lower()
    joined = model if model.lower().startswith(first) else f"{make} {model}"
    joined = "".join(filter(str.isprintable, joined or make)).strip()
    return joined[:_MOST_CAMERA] or None


def _location(exif: Exif, xmp: _Xmp) -> tuple[float, float] | None:
    latitude = _degrees(exif.gps.get(_LATITUDE), _text(exif.gps, _NORTH), "S")
    longitude = _degrees(exif.gps.get(_LONGITUDE), _text(exif.gps, _EAST), "W")
    if latitude is None or longitude is None:
        latitude = _told_degrees(xmp.get("exif:GPSLatitude"), "NS")
        longitude = _told_degrees(xmp.get("exif:GPSLongitude"), "EW")
    if latitude is None or longitude is None:
        return None
    if abs(latitude) > 90 or abs(longitude) > 180:  # noqa: PLR2004 - degrees
        return None
    # What a camera writes that knows no place.
    return (latitude, longitude) if (latitude, longitude) != (0.0, 0.0) else None


def _degrees(value: Value | None, side: str, negative: str) -> float | None:
    """Return degrees of up to three numbers: degrees, minutes, seconds."""
    if not isinstance(value, tuple) or not value:
        return None
    # Zero over zero stands for minutes or seconds that are not told.
    parts = [0.0 if math.isnan(part) and at else part for at, part in enumerate(value[:3])]
    degrees = sum(part / 60.0**at for at, part in enumerate(parts))
    if not math.isfinite(degrees):
        return None
    return -degrees if side.upper().startswith(negative) else float(degrees)


def _told_degrees(text: str, sides: str) -> float | None:
    """Return degrees as XMP has them: 52,30.5N, or 52,30,15N."""
    found = _DEGREES.fullmatch(text)
    if found is None or found[4] not in sides:
        return None
    degrees = sum(float(part or 0) / 60.0**at for at, part in enumerate(found.groups()[:3]))
    return -degrees if found[4] == sides[1] else degrees


def _rating(exif: Exif, xmp: _Xmp) -> int | None:
    told = xmp.get("xmp:Rating") or xmp.get("xap:Rating")
    stars = _number(told)
    if stars is None:
        stars = _whole(exif.image, _RATING)
    if stars is None:
        percent = _whole(exif.image, _RATING_PERCENT)
        stars = None if percent is None else _PERCENTS.get(percent)
    return stars if stars in _STARS else None


def _number(text: str) -> int | None:
    try:
        return round(float(text))
    except (ValueError, OverflowError):
        return None


def _whole(tags: Mapping[int, Value], tag: int) -> int | None:
    match tags.get(tag):
        case (int() as value, *_):
            return value
    return None


def _text(tags: Mapping[int, Value], tag: int) -> str:
    value = tags.get(tag, "")
    return value if isinstance(value, str) else ""

"""Named columns: those that say of a photo what its file may say, too."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sketchzoo.class_names import composed
from sketchzoo_ingest.outcome import Reason, RefusedError
from sketchzoo_ingest.sources.local import printable
from sketchzoo_ingest.sources.source import check_class

_MAX_CHARACTERS = 1000
_RATINGS = range(-1, 6)


def named(values: Mapping[str, Any], *, strict: bool = True) -> dict[str, Any]:
    """Return a candidate's fields, from what its row says of them as text or typed.

    Unless `strict`, what is no value of its field is left out, but for a class.

    Raises:
        RefusedError: a value is none of its field; the message names the column.

    """
    fields: dict[str, Any] = {}
    for name, (field, read) in _FIELDS.items():
        value = values.get(name)
        if value is None or value == "":
            continue
        try:
            fields[field] = read(value)
        except (ValueError, TypeError, OverflowError) as error:
            if not strict:
                continue
            wanted = f"its {name} must be {_WANTED[name]}, not {str(value)[:80]!a}"
            raise RefusedError(Reason.BAD_ROW, wanted) from error
    return fields


def folder_name(text: str) -> str:
    """Return a folder in the one form that it is kept in: composed, `/` between names."""
    parts = printable(composed(text.replace("\\", "/"))).split("/")
    return "/".join(part for part in parts if part not in ("", ".", ".."))


def file_name(text: str) -> str:
    """Return a file's name as it is kept: composed, and whatever bytes it has, text."""
    return printable(composed(text))


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _MAX_CHARACTERS:
        raise ValueError(value)
    return printable(composed(value.strip()))


def _class(value: Any) -> str:
    return check_class(str(value)) if isinstance(value, str | int) else _text(value)


def _time(value: Any) -> datetime:
    """Return a moment; a camera's clock knows no zone, and is taken as it stands."""
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    when = value if isinstance(value, datetime) else datetime.fromisoformat(_text(value))
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    when.astimezone(UTC)  # which none before the calendar's begin can be
    return when


def _place(value: Any) -> tuple[float, float]:
    if isinstance(value, str):
        value = value.split(",")
    elif isinstance(value, Mapping):
        value = value.get("lat"), value.get("lon")
    if isinstance(value, Sequence) and len(value) == len(("lat", "lon")):
        lat, lon = (float(number) for number in value)
        if abs(lat) <= 90 and abs(lon) <= 180 and not math.isnan(lat + lon):  # noqa: PLR2004 - degrees
            return lat, lon
    raise ValueError(value)


def _rating(value: Any) -> int:
    if isinstance(value, bool) or float(value) not in _RATINGS:
        raise ValueError(value)
    return int(float(value))


_FIELDS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "class": ("class_name", _class),
    "folder": ("folder", lambda value: folder_name(_text(value))),
    "file_name": ("file_name", lambda value: file_name(_text(value))),
    "taken_at": ("taken_at", _time),
    "camera": ("camera", _text),
    "location": ("place", _place),
    "rating": ("rating", _rating),
}
_WANTED = {
    "class": "a name",
    "folder": "a folder's name",
    "file_name": "a file's name",
    "taken_at": "a time as 2024-07-01T12:30:00",
    "camera": "a camera's name",
    "location": "degrees as 48.2,16.37",
    "rating": "a whole number from -1 to 5",
}
NAMES = tuple(_FIELDS)

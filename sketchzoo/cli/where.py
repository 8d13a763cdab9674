"""Conditions as they are written on a command line: `rating>=4`, `taken_at=2024-07..2024-08`.

A date stands for all of its day, month or year: `>2024-07` begins in August, `<=2024-07` ends with
July; a time of day stands for its second. Times are the camera's; one without a zone counts as UTC.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sketchzoo.client import GeoPoint, GeoRadius, Range

_FORM = re.compile(r"(?P<field>[A-Za-z0-9_][\w.\[\]-]*?)\s*(?P<test>>=|<=|>|<|=)\s*(?P<value>.+)")
_MONTH = re.compile(r"(\d{4})(?:-(\d{2}))?")
_LONGEST_DAY = len("2024-07-31")
_WHOLE = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")
_QUOTED = re.compile(r"(['\"])(.*)\1", re.DOTALL)
# What is a time whatever its value looks like: 2024 is no number there.
TIMES = ("taken_at", "ingested_at", "modified_at")
_TESTS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
_EXAMPLES = "for instance rating>=4, camera='ACME X100', taken_at=2024-07..2024-08"
_KM = 1000


def parse_where(texts: Iterable[str]) -> dict[str, Any]:
    """Return conditions as the SDK's `where` takes them.

    Bounds of one field make one range; several values of one are any of them.

    Raises:
        ValueError: one is none, or two of a field cannot both be said; the message says which.

    """
    where: dict[str, Any] = {}
    for text in texts:
        field, wanted = _condition(text)
        where[field] = wanted if field not in where else _both(text, where[field], wanted)
    return where


def parse_span(since: str | None, until: str | None) -> Range | None:
    """Return when photos were taken: from a date on, and until another's end.

    Raises:
        ValueError: one is no date; the message names the option.

    """
    bounds: dict[str, datetime] = {}
    for option, name, text in (("--since", "gte", since), ("--until", "lt", until)):
        if text is None:
            continue
        span = _span(text)
        if span is None:
            raise ValueError(f"{option}: {text!r} is no date; write 2024, 2024-07 or 2024-07-31")
        bounds[name] = span[0] if name == "gte" else span[1]
    if len(bounds) > 1 and bounds["gte"] >= bounds["lt"]:
        raise ValueError(f"--until: {until} lies before --since {since}")
    return Range(**bounds) if bounds else None


def parse_near(text: str) -> GeoRadius:
    """Return the area within some kilometres of a place.

    Raises:
        ValueError: it is no `LAT,LON,KM`.

    """
    parts = text.split(",")
    try:
        lat, lon, kilometres = map(float, parts)
    except ValueError as error:
        raise ValueError(
            f"{text!r} must be LAT,LON,KM: degrees north, degrees east and kilometres, "
            "for instance 47.65,9.45,20"
        ) from error
    try:
        return GeoRadius(GeoPoint(lat, lon), kilometres * _KM)
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from error


def _condition(text: str) -> tuple[str, Any]:
    found = _FORM.fullmatch(text.strip())
    if found is None:
        if ".." in text and (wanted := _between(text, is_time=True)) is not None:
            return "taken_at", wanted
        raise ValueError(
            f"{text!r} must be a field, one of = > >= < <= and a value, {_EXAMPLES}; "
            "or a span of dates, as 2024-07..2024-08"
        )
    field, test, value = found["field"], found["test"], found["value"].strip()
    is_time = field in TIMES or (_WHOLE.fullmatch(value) is None and _span(value) is not None)
    if test == "=":
        return field, _equal(text, value, is_time=is_time)
    name = _TESTS[test]
    if is_time:
        begins, ends = _date(text, value)
        # What comes after a month comes after its end.
        if test in (">", "<="):
            name, begins = ("gte", ends) if test == ">" else ("lt", ends)
        return field, Range(**{name: begins})
    if _NUMBER.fullmatch(value) is None:
        raise ValueError(f"{text!r}: {value!r} is no number and no date, {_EXAMPLES}")
    return field, Range(**{name: float(value)})


def _equal(text: str, value: str, *, is_time: bool) -> Any:
    if (quoted := _QUOTED.fullmatch(value)) is not None:
        return quoted[2]
    if ".." in value and (wanted := _between(value, is_time=is_time)) is not None:
        return wanted
    if is_time:
        begins, ends = _date(text, value)
        return Range(gte=begins, lt=ends)
    return _value(value)


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if _WHOLE.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return Range(gte=float(text), lte=float(text))
    return text


def _between(text: str, *, is_time: bool) -> Range | None:
    """Return `A..B`, either of which may be left out; None where they are neither."""
    first, _, last = (part.strip() for part in text.strip().partition(".."))
    if not first and not last:
        return None
    given = [part for part in (first, last) if part]
    if not is_time and all(_NUMBER.fullmatch(part) for part in given):
        if first and last and float(first) > float(last):
            raise ValueError(f"{text!r} ends before it begins")
        return Range(gte=float(first) if first else None, lte=float(last) if last else None)
    spans = [_span(part) for part in given]
    if None in spans:
        return None
    begins, ends = _span(first), _span(last)
    if begins and ends and begins[0] >= ends[1]:
        raise ValueError(f"{text!r} ends before it begins")
    return Range(gte=begins and begins[0], lt=ends and ends[1])


def _date(text: str, value: str) -> tuple[datetime, datetime]:
    found = _span(value)
    if found is None:
        raise ValueError(
            f"{text!r}: {value!r} is no date; write 2024, 2024-07, 2024-07-31 or 2024-07-31T18:30"
        )
    return found


def _span(text: str) -> tuple[datetime, datetime] | None:
    """Return when a date begins, and when the next one does; None where it is no date."""
    found = _MONTH.fullmatch(text)
    try:
        if found is None:
            if "W" in text:  # a week, of which its first day alone would be taken
                return None
            when = datetime.fromisoformat(text)
            begins = when if when.tzinfo else when.replace(tzinfo=UTC)
            is_day = len(text) <= _LONGEST_DAY
            return begins, begins + (timedelta(days=1) if is_day else timedelta(seconds=1))
        begins = datetime(int(found[1]), int(found[2] or 1), 1, tzinfo=UTC)
        if found[2] is None:
            return begins, begins.replace(year=begins.year + 1)
        return begins, (begins + timedelta(days=31)).replace(day=1)
    except (ValueError, OverflowError):
        return None


def _both(text: str, one: Any, other: Any) -> Any:
    if isinstance(one, Range) and isinstance(other, Range):
        twice = one.bounds.keys() & other.bounds.keys()
        if not twice:
            return replace(one, **other.bounds)
    elif not isinstance(one, Range) and not isinstance(other, Range):
        values = (*one, other) if isinstance(one, tuple) else (one, other)
        if len({type(value) for value in values}) == 1 and not isinstance(other, bool):
            return values
    raise ValueError(f"{text!r} says otherwise of its field than another condition: give one")

"""Conditions as they are written on a command line."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from sketchzoo.cli.where import parse_near, parse_span, parse_where
from sketchzoo.client import GeoPoint, GeoRadius, Query, Range


def day(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc] # year, month, day


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("rating>=4", {"rating": Range(gte=4)}),
        ("rating > 4", {"rating": Range(gt=4)}),
        ("aperture<2.8", {"aperture": Range(lt=2.8)}),
        ("aperture<=.95", {"aperture": Range(lte=0.95)}),
        ("aperture=2.8", {"aperture": Range(gte=2.8, lte=2.8)}),
        ("rating=3..5", {"rating": Range(gte=3, lte=5)}),
        ("rating=..2", {"rating": Range(lte=2)}),
        ("rating=-1", {"rating": -1}),
        ("year=1999", {"year": 1999}),
        ("tame=true", {"tame": True}),
        ("camera=ACME X100", {"camera": "ACME X100"}),
        ("camera='ACME X100'", {"camera": "ACME X100"}),
        ('code="007"', {"code": "007"}),
        ("note=a=b..c", {"note": "a=b..c"}),
        ("lens.maker=Acme", {"lens.maker": "Acme"}),
        ("taken_at>=2024-07", {"taken_at": Range(gte=day(2024, 7, 1))}),
        ("taken_at>2024-07", {"taken_at": Range(gte=day(2024, 8, 1))}),
        ("taken_at<2024", {"taken_at": Range(lt=day(2024, 1, 1))}),
        ("taken_at<=2024-12", {"taken_at": Range(lt=day(2025, 1, 1))}),
        ("taken_at=2024", {"taken_at": Range(gte=day(2024, 1, 1), lt=day(2025, 1, 1))}),
        ("taken_at=2024-02-29", {"taken_at": Range(gte=day(2024, 2, 29), lt=day(2024, 3, 1))}),
        (
            "taken_at>=2024-07-31T18:30+02:00",
            {"taken_at": Range(gte=day(2024, 7, 31).replace(hour=16, minute=30))},
        ),
        (
            "taken_at=2024-07-31T18",
            {
                "taken_at": Range(
                    gte=datetime(2024, 7, 31, 18, tzinfo=UTC),
                    lt=datetime(2024, 7, 31, 18, 0, 1, tzinfo=UTC),
                )
            },
        ),
        (
            "taken_at=2024-07..2024-08",
            {"taken_at": Range(gte=day(2024, 7, 1), lt=day(2024, 9, 1))},
        ),
        ("2024-07..2024-08", {"taken_at": Range(gte=day(2024, 7, 1), lt=day(2024, 9, 1))}),
        ("2024-07..", {"taken_at": Range(gte=day(2024, 7, 1))}),
        ("shown=2024-07-01", {"shown": Range(gte=day(2024, 7, 1), lt=day(2024, 7, 2))}),
    ],
)
def test_a_condition_is_read_as_it_is_meant(text: str, wanted: dict[str, Any]) -> None:
    """Numbers, dates, booleans and text, with each test; the SDK takes what comes out."""
    assert parse_where([text]) == wanted
    assert Query(b"x", where=parse_where([text])).message().filter.fields


def test_conditions_on_one_field_add_up() -> None:
    """Bounds make one range, values any of them."""
    assert parse_where(["rating>=2", "rating<5"]) == {"rating": Range(gte=2, lt=5)}
    assert parse_where(["a=x", "a=y", "a=z"]) == {"a": ("x", "y", "z")}


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (["rating"], "must be a field, one of = > >= < <= and a value"),
        (["=4"], "must be a field"),
        (["rating!=4"], "must be a field"),
        (["rating>=many"], "'many' is no number and no date"),
        (["taken_at>=yesterday"], "is no date; write 2024"),
        (["taken_at=2024-13"], "is no date"),
        (["taken_at=2024-W30"], "is no date"),
        (["taken_at=2024-08..2024-07"], "ends before it begins"),
        (["rating=5..3"], "ends before it begins"),
        (["a=x", "a=1"], "says otherwise of its field"),
        (["a>1", "a>2"], "says otherwise of its field"),
        (["a>1", "a=2"], "says otherwise of its field"),
    ],
)
def test_what_is_no_condition_is_refused(texts: list[str], problem: str) -> None:
    """The message says which, and what would be right."""
    with pytest.raises(ValueError, match=problem):
        parse_where(texts)


def test_a_span_holds_its_last_day() -> None:
    """--until ends with its date."""
    assert parse_span("2024-07", "2024-08-15") == Range(gte=day(2024, 7, 1), lt=day(2024, 8, 16))
    assert parse_span(None, "2024") == Range(lt=day(2025, 1, 1))
    assert parse_span(None, None) is None
    zone = timezone(timedelta(hours=2))
    assert parse_span("2024-07-01T00:00+02:00", None) == Range(
        gte=datetime(2024, 7, 1, tzinfo=zone)
    )
    for since, until, problem in (
        ("july", None, "--since: 'july' is no date"),
        (None, "31.7.2024", "--until: "),
        ("2024-08", "2024-07", "--until: 2024-07 lies before"),
    ):
        with pytest.raises(ValueError, match=problem):
            parse_span(since, until)


def test_a_place_is_degrees_and_kilometres() -> None:
    """What is neither is refused with an example."""
    assert parse_near("47.65, -9.45,20") == GeoRadius(GeoPoint(47.65, -9.45), 20_000)
    for text, problem in (
        ("47.65,9.45", "must be LAT,LON,KM"),
        ("north,9,1", "for instance 47.65,9.45,20"),
        ("97,9,1", "lat must be -90 to 90"),
        ("47,9,0", "radius must be above 0"),
        ("nan,9,1", "must be a number"),
    ):
        with pytest.raises(ValueError, match=problem):
            parse_near(text)

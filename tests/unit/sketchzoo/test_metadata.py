"""Metadata: what files tell of time, place, camera and stars, and what they tell wrongly."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from PIL import Image

from sketchzoo.images import Metadata, read_metadata
from tests.unit.sketchzoo.pictures import saved

BASE, PHOTO, GPS = 0, 0x8769, 0x8825


def exif(tags: dict[int, dict[int, Any]]) -> bytes:
    """Write EXIF data of tags by directory."""
    data = Image.Exif()
    for where, values in tags.items():
        directory = data if where == BASE else data.get_ifd(where)
        directory.update(values)
    return data.tobytes()


def taken(text: str, offset: str = "", fraction: str = "") -> datetime | None:
    """Return when a photo was taken, as its EXIF tells it."""
    tags = {0x9003: text, 0x9011: offset, 0x9291: fraction}
    return read_metadata(saved("JPEG", exif=exif({PHOTO: tags}))).taken_at


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_photo_tells_when_where_with_what_and_how_good(form: str) -> None:
    """The same of each format, each in its own place for it."""
    tags = {
        BASE: {0x010F: "Canon", 0x0110: "Canon EOS R5", 0x4746: 4},
        PHOTO: {0x9003: "2024:07:03 18:22:10", 0x9011: "+02:00", 0x9291: "25"},
        GPS: {1: "S", 2: (33.0, 51.0, 30.0), 3: "E", 4: (151.0, 12.0, 54.0)},
    }
    assert read_metadata(saved(form, exif=exif(tags))) == Metadata(
        datetime(2024, 7, 3, 18, 22, 10, 250_000, timezone(timedelta(hours=2))),
        "Canon EOS R5",
        (pytest.approx(-33.858333, abs=1e-6), pytest.approx(151.215, abs=1e-6)),
        4,
    )


def test_a_time_without_a_zone_counts_as_utc() -> None:
    """A camera's clock knows none."""
    assert taken("2024:07:03 18:22:10") == datetime(2024, 7, 3, 18, 22, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "0000:00:00 00:00:00", "    :  :     :  :  ", "2024:13:01 00:00:00", "yesterday", "\0"],
)
def test_a_time_that_is_none_is_unknown(text: str) -> None:
    """As cameras write it whose clock was never set."""
    assert taken(text) is None


def test_a_time_before_the_calendars_begin_is_unknown() -> None:
    """In UTC it has no date: whoever compares it would fail."""
    assert taken("0001:01:01 00:00:00", "+14:00") is None
    assert taken("0001:01:01 00:00:00", "-14:00") is not None


@pytest.mark.parametrize("offset", ["+99:99", "nonsense", "+2", "   :  "])
def test_an_offset_that_is_none_counts_as_utc(offset: str) -> None:
    """The time itself is good."""
    assert taken("2024:07:03 18:22:10", offset) == datetime(2024, 7, 3, 18, 22, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS R5", "Canon EOS R5"),
        ("NIKON CORPORATION", "NIKON D850", "NIKON D850"),
        ("Apple", "iPhone 15 Pro", "Apple iPhone 15 Pro"),
        ("Apple", "", "Apple"),
        ("", "iPhone 15", "iPhone 15"),
        ("  FUJIFILM \0\0", " X-T5 ", "FUJIFILM X-T5"),
        ("", "", None),
    ],
)
def test_a_camera_is_its_makers_name_and_its_own(make: str, model: str, camera: str | None) -> None:
    """Without saying the maker's twice."""
    tags = {BASE: {0x010F: make, 0x0110: model}}
    assert read_metadata(saved("JPEG", exif=exif(tags))).camera == camera


PLACES: dict[str, tuple[dict[int, Any], tuple[float, float] | None]] = {
    "minutes only": ({1: "N", 2: (52.0, 30.5), 3: "W", 4: (13.0, 24.6)}, (52.508333, -13.41)),
    "degrees only": ({1: "N", 2: (52.5,), 3: "E", 4: (13.41,)}, (52.5, 13.41)),
    "small letters": ({1: "s", 2: (1.0, 0.0, 0.0), 3: "w", 4: (2.0, 0.0, 0.0)}, (-1.0, -2.0)),
    "no sides": ({2: (52.5, 0.0, 0.0), 4: (13.5, 0.0, 0.0)}, (52.5, 13.5)),
    "no longitude": ({1: "N", 2: (52.5, 0.0, 0.0)}, None),
    "nowhere": ({1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)}, None),
    "beyond the pole": ({1: "N", 2: (99.0, 0.0, 0.0), 3: "E", 4: (13.0, 0.0, 0.0)}, None),
    "empty": ({1: "", 3: ""}, None),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_place_is_told_in_many_forms(place: str) -> None:
    """Degrees, minutes and seconds, as many as are there; what cannot be is unknown."""
    tags, expected = PLACES[place]
    found = read_metadata(saved("JPEG", exif=exif({GPS: tags}))).location
    assert found == (expected and pytest.approx(expected, abs=1e-5))


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        ('xmp:Rating="3"', Metadata(rating=3)),
        ("><xmp:Rating>5</xmp:Rating", Metadata(rating=5)),
        ('xmp:Rating="-1"', Metadata(rating=-1)),
        ('xmp:Rating="0"', Metadata()),
        ('xmp:Rating="nan"', Metadata()),
        ('xmp:Rating="77"', Metadata()),
        (
            'photoshop:DateCreated="2023-05-06T07:08:09+01:00"',
            Metadata(datetime(2023, 5, 6, 6, 8, 9, tzinfo=UTC)),
        ),
        (
            'exif:DateTimeOriginal="2023-05-06T07:08:09.5"',
            Metadata(datetime(2023, 5, 6, 7, 8, 9, 500_000, tzinfo=UTC)),
        ),
        (
            'exif:GPSLatitude="52,30.5N" exif:GPSLongitude="13,24.6W"',
            Metadata(location=(pytest.approx(52.508333, abs=1e-5), pytest.approx(-13.41))),
        ),
        ('exif:GPSLatitude="52,30.5W" exif:GPSLongitude="13"', Metadata()),
        ('tiff:Make="SONY" tiff:Model="ILCE-7M4"', Metadata(camera="SONY ILCE-7M4")),
    ],
)
def test_what_exif_does_not_tell_xmp_may(packet: str, expected: Metadata) -> None:
    """As editors write it, as attributes or as elements."""
    content = saved("JPEG", xmp=f"<rdf:Description {packet}/>".encode())
    assert read_metadata(content) == expected


@pytest.mark.parametrize(("percent", "stars"), [(1, 1), (50, 3), (99, 5), (7, None)])
def test_stars_may_be_told_in_percent(percent: int, stars: int | None) -> None:
    """Microsoft's other tag, where the first is not there."""
    tags = {BASE: {0x4749: percent}}
    assert read_metadata(saved("JPEG", exif=exif(tags))).rating == stars


def test_broken_metadata_is_unknown_and_never_an_error() -> None:
    """Every byte of good EXIF, one after the other, replaced by several others."""
    tags = {
        BASE: {0x010F: "Canon", 0x4746: 4},
        PHOTO: {0x9003: "2024:07:03 18:22:10", 0x9011: "+02:00"},
        GPS: {1: "N", 2: (33.0, 51.0, 30.0), 3: "E", 4: (151.0, 12.0, 54.0)},
    }
    good = saved("JPEG", exif=exif(tags))
    start, end = good.index(b"Exif"), good.index(b"\xff\xdb")
    for at in range(start, end):
        for value in (0, 1, 0x7F, 0xFF):
            broken = bytearray(good)
            broken[at] = value
            read_metadata(bytes(broken))
    for end in range(0, len(good), 7):
        read_metadata(good[:end])

"""Both clients in a library without classes, and in several galleries, over real sockets."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from sketchzoo.client import (
    ClassCounts,
    Denied,
    Gallery,
    GeoBoundingBox,
    GeoPoint,
    GeoRadius,
    NotFound,
    Query,
    Range,
)
from sketchzoo.qdrant import photo_id
from tests.contract.search_service.test_library import BEGINNING, with_library
from tests.unit.search_service.fake_reader import photo, taken
from tests.unit.search_service.fakes import bench, unknown_id


def numbers(result: Any) -> list[int]:
    return sorted(int(hit.file_name[4:8]) for hit in result.hits)


async def test_hits_say_what_is_known(connect: Any) -> None:
    """Values of Python's own, and nothing where nothing is known."""
    async with bench() as server, connect(server.target) as client:
        with_library(server)
        result = await client.call("search", b"x", limit=100)
        (hit,) = [hit for hit in result.hits if hit.file_name == "DSC_0005.JPG"]
        assert (hit.folder, hit.camera, hit.rating) == ("2024/summer", "ACME X100", 4)
        assert (hit.class_name, hit.seen_class, hit.seen_confidence) == ("", "heron", 0.75)
        assert hit.taken_at == BEGINNING + timedelta(days=5, microseconds=7)
        assert hit.location == GeoPoint(50.5, 10.5)
        server.reader.photos.clear()
        server.reader.add(taken(1))
        (hit,) = (await client.call("search", b"x")).hits
        assert (hit.taken_at, hit.location, hit.near_duplicates) == (None, None, 0)


async def test_filters_by_time_place_folder_and_what_is_seen(connect: Any) -> None:
    """Each condition holds, alone and together; a time without a zone is UTC."""
    day = datetime(2024, 6, 4)  # noqa: DTZ001 - a camera's
    elsewhere = timezone(timedelta(hours=2))
    async with bench() as server, connect(server.target) as client:
        with_library(server)
        for options, found in (
            ({"where": {"taken_at": Range(gte=day, lt=day + timedelta(days=2))}}, [3, 4]),
            ({"where": {"taken_at": Range(lt=day.replace(hour=2, tzinfo=elsewhere))}}, [0, 1, 2]),
            ({"where": {"location": GeoRadius(GeoPoint(51, 10.5), 12_000)}}, [9, 10, 11]),
            (
                {"where": {"location": GeoBoundingBox(GeoPoint(50.25, 10), GeoPoint(49, 11))}},
                [0, 1, 2],
            ),
            ({"folders": ["2024/summer/lake"], "where": {"rating": Range(gte=5)}}, [6, 34]),
            ({"folders": ["2024"], "seen_classes": ["heron"], "where": {"rating": 5}}, [13]),
        ):
            asked = options | {"limit": 100}
            assert numbers(await client.call("search", b"x", **asked)) == found, options
            assert numbers(await client.call("search", Query(b"x", **asked))) == found
            counted = await client.call("list_classes", **options)
            assert counted.total == len(found)


async def test_lists_classes_folders_and_what_a_gallery_holds(connect: Any) -> None:
    """What people named and what is seen apart; folders by their parent."""
    async with bench(classes_cache_seconds=0) as server, connect(server.target) as client:
        with_library(server)
        assert await client.call("list_classes") == ClassCounts({}, {"heron": 20}, 40)
        assert await client.call("classes") == {}
        assert await client.call("list_folders") == {"2024": 30}
        below = await client.call("list_folders", "2024", seen_classes=["heron"])
        assert below == {"2024/summer": 10}
        assert await client.call("get_gallery") == Gallery(
            "photos",
            "model-a",
            40,
            datetime(2024, 6, 1, 0, 0, 0, 7, UTC),
            datetime(2024, 7, 10, 0, 0, 0, 7, UTC),
            {"class": "keyword", "taken_at": "datetime"},
        )


async def test_bursts_fold_unless_told_otherwise(connect: Any) -> None:
    """One hit with a count, or each photo."""
    async with bench() as server, connect(server.target) as client:
        server.reader.photos.clear()
        for number in range(3):
            server.reader.add(taken(number, burst=photo_id(taken(0).sha256)))
        (hit,) = (await client.call("search", b"x")).hits
        assert hit.near_duplicates == 2
        assert len((await client.call("search", b"x", no_collapse=True)).hits) == 3
        pages = await client.collect("pages", b"x", limit=2, no_collapse=True)
        assert [len(page.hits) for page in pages] == [2, 1]


async def test_every_call_names_its_gallery(connect: Any) -> None:
    """The gallery is searched, listed and looked into; what is not there is NotFound."""
    async with bench() as server, connect(server.target) as client:
        server.reader.beside("zoo").add(photo(100, "gnu"))
        (hit,) = (await client.call("search", b"x", gallery="zoo")).hits
        assert hit.class_name == "gnu"
        (answer,) = await client.call("batch", [Query(b"x", gallery="zoo")])
        assert len(answer.hits) == 1
        assert await client.call("classes", gallery="zoo") == {"gnu": 1}
        assert await client.call("list_folders", gallery="zoo") == {}
        assert (await client.call("get_gallery", "zoo")).photos == 1
        assert await client.call("list_galleries") == ["photos", "zoo"]
        for method, values in (
            ("search", [b"x"]),
            ("classes", []),
            ("list_classes", []),
            ("list_folders", []),
            ("get_gallery", []),
            ("photo", [unknown_id()]),
        ):
            with pytest.raises(NotFound, match="nowhere"):
                await client.call(method, *values, gallery="nowhere")


async def test_a_gallery_that_is_not_the_callers_is_denied(connect: Any) -> None:
    """The token is good, and not for this one."""
    async with bench(tokens="own zoo") as server:
        server.reader.beside("zoo")
        async with connect(server.target, token="own") as client:  # noqa: S106 - of a test
            with pytest.raises(Denied, match="photos"):
                await client.call("search", b"x")
            assert await client.call("list_galleries") == ["zoo"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"gallery": "a b"}, "gallery must be"),
        ({"folders": "2024"}, "folders must be a list"),
        ({"seen_classes": [1]}, r"seen_classes\[0\] must be a string"),
        ({"no_collapse": 1}, "no_collapse must be True or False"),
        ({"where": {"taken_at": datetime(2024, 1, 1, tzinfo=UTC)}}, "a Range for"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_name(
    connect: Any, options: dict[str, Any], problem: str
) -> None:
    """Nothing is sent."""
    async with connect("127.0.0.1:1") as client:
        with pytest.raises((TypeError, ValueError), match=problem):
            await client.call("search", b"x", **options)


def test_values_that_make_no_sense_are_refused() -> None:
    """Ranges of mixed kinds, places off the globe, areas of nothing."""
    now = datetime.now(UTC)
    for make, problem in (
        (lambda: Range(gte=now, lt=4), "all numbers or all datetimes"),
        (lambda: GeoPoint(91, 0), "lat must be -90 to 90"),
        (lambda: GeoPoint(0, float("inf")), "lon must be -180 to 180"),
        (lambda: GeoPoint("a", 0), "lat must be a number"),  # type: ignore[arg-type] # a mistake
        (lambda: GeoRadius(GeoPoint(0, 0), 0), "radius must be above 0"),
        (lambda: GeoRadius((0, 0), 1), "center must be a GeoPoint"),  # type: ignore[arg-type] # a mistake
        (lambda: GeoBoundingBox(GeoPoint(1, 0), GeoPoint(2, 0)), "must lie north"),
    ):
        with pytest.raises((TypeError, ValueError), match=problem):
            make()


def test_a_place_off_africa_is_sent() -> None:
    """0 degrees north and east are a place like any other."""
    message = Query(b"x", where={"location": GeoRadius(GeoPoint(0, 0), 5)}).message()
    assert message.filter.fields[0].geo_radius.HasField("center")

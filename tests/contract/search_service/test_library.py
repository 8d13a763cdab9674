"""A library without classes, over real sockets: folders, times, places, what the model sees."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from sketchzoo.qdrant import GeoPoint, SeenClass
from sketchzoo.search.v1 import search_pb2 as pb
from tests.contract.search_service.calls import refused, sketch
from tests.unit.search_service.fake_reader import taken
from tests.unit.search_service.fakes import Bench, bench

BEGINNING = datetime(2024, 6, 1, tzinfo=UTC)
FOLDERS = ("2024/spring", "2024/summer", "2024/summer/lake", "")


def with_library(server: Bench) -> None:
    """Put forty unsorted photos in the place of the gallery's, one a day."""
    server.reader.photos.clear()
    for number in range(40):
        server.reader.add(
            taken(
                number,
                folder=FOLDERS[number % 4],
                file_name=f"DSC_{number:04}.JPG",
                taken_at=BEGINNING + timedelta(days=number, microseconds=7),
                camera="ACME X100",
                location=GeoPoint(50 + number / 10, 10.5),
                rating=number % 7 - 1,
                seen=SeenClass("heron", 0.75) if number % 2 else None,
            )
        )


def stamp(day: int) -> Timestamp:
    return Timestamp(seconds=int((BEGINNING + timedelta(days=day)).timestamp()))


def condition(field: str, **test: Any) -> pb.Filter:
    return pb.Filter(fields=[pb.FieldCondition(field=field, **test)])


async def names(server: Bench, wanted: pb.Filter) -> list[int]:
    answer = await server.stub.Search(sketch(filter=wanted, limit=100), timeout=5)
    return sorted(int(hit.file_name[4:8]) for hit in answer.hits)


async def test_hits_say_what_file_and_model_know() -> None:
    """Folder, name, time, camera, place, stars and what is seen; nothing where nothing is known."""
    async with bench() as server:
        with_library(server)
        answer = await server.stub.Search(sketch(limit=100), timeout=5)
        (hit,) = [hit for hit in answer.hits if hit.file_name == "DSC_0005.JPG"]
        assert (hit.class_name, hit.folder, hit.camera) == ("", "2024/summer", "ACME X100")
        assert (hit.seen_class, hit.seen_confidence, hit.rating) == ("heron", 0.75, 4)
        assert hit.taken_at.ToDatetime(UTC) == BEGINNING + timedelta(days=5, microseconds=7)
        assert (hit.location.lat, hit.location.lon) == (50.5, 10.5)
        (hit,) = [hit for hit in answer.hits if hit.file_name == "DSC_0014.JPG"]
        assert (hit.seen_class, hit.rating) == ("", -1)
        server.reader.photos.clear()
        server.reader.add(taken(1))
        (hit,) = (await server.stub.Search(sketch(), timeout=5)).hits
        assert not hit.HasField("taken_at")
        assert not hit.HasField("location")


async def test_a_time_before_1970_is_itself() -> None:
    """Scanned photos are older than the clocks of computers."""
    when = datetime(1931, 5, 4, 3, 2, 1, 250_000, tzinfo=UTC)
    async with bench() as server:
        server.reader.photos.clear()
        server.reader.add(taken(1, taken_at=when))
        (hit,) = (await server.stub.Search(sketch(), timeout=5)).hits
        assert hit.taken_at.ToDatetime(UTC) == when


async def test_filters_by_time() -> None:
    """From a moment on, to before another."""
    async with bench() as server:
        with_library(server)
        span = pb.DatetimeRange(gte=stamp(3), lt=stamp(6))
        assert await names(server, condition("taken_at", datetime_range=span)) == [3, 4, 5]


async def test_filters_by_folder_and_by_what_is_seen() -> None:
    """A folder holds what is below it; both conditions hold at once."""
    async with bench() as server:
        with_library(server)
        summer = await names(server, pb.Filter(folders=["/2024/summer/"]))
        assert summer == [number for number in range(40) if number % 4 in (1, 2)]
        seen = await names(server, pb.Filter(folders=["2024/summer"], seen_classes=["heron"]))
        assert seen == [number for number in range(40) if number % 4 == 1]
        assert await names(server, pb.Filter(folders=["2024/sum"])) == []


async def test_filters_by_place() -> None:
    """Within a distance of a place, and in a box."""
    async with bench() as server:
        with_library(server)
        near = pb.GeoRadius(center=pb.GeoPoint(lat=51, lon=10.5), radius=12_000)
        assert await names(server, condition("location", geo_radius=near)) == [9, 10, 11]
        box = pb.GeoBoundingBox(
            top_left=pb.GeoPoint(lat=50.25, lon=170), bottom_right=pb.GeoPoint(lat=50, lon=11)
        )
        assert await names(server, condition("location", geo_bounding_box=box)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (condition("t", datetime_range=pb.DatetimeRange()), "filter.fields[0].datetime_range"),
        (
            condition("t", datetime_range=pb.DatetimeRange(gt=Timestamp(seconds=2**60))),
            "filter.fields[0].datetime_range.gt",
        ),
        (
            condition("p", geo_radius=pb.GeoRadius(center=pb.GeoPoint(lat=91), radius=1)),
            "filter.fields[0].geo_radius.center",
        ),
        (condition("p", geo_radius=pb.GeoRadius(radius=0)), "filter.fields[0].geo_radius.radius"),
        (
            condition("p", geo_radius=pb.GeoRadius(radius=math.inf)),
            "filter.fields[0].geo_radius.radius",
        ),
        (
            condition(
                "p",
                geo_bounding_box=pb.GeoBoundingBox(
                    top_left=pb.GeoPoint(lat=1), bottom_right=pb.GeoPoint(lat=2)
                ),
            ),
            "filter.fields[0].geo_bounding_box.top_left",
        ),
        (pb.Filter(folders=["a", "//"]), "filter.folders[1]"),
        (pb.Filter(folders=["a"] * 1001), "filter.folders"),
        (pb.Filter(seen_classes=[""]), "filter.seen_classes[0]"),
    ],
)
async def test_a_condition_that_makes_no_sense_is_named(wanted: pb.Filter, field: str) -> None:
    """INVALID_ARGUMENT with the path, of every method that takes a filter."""
    async with bench() as server:
        for call in (
            server.stub.Search(sketch(filter=wanted), timeout=5),
            server.stub.ListClasses(pb.ListClassesRequest(filter=wanted), timeout=5),
            server.stub.ListFolders(pb.ListFoldersRequest(filter=wanted), timeout=5),
        ):
            error = await refused(call)
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert (error.details() or "").startswith(f"{field} "), error.details()


async def test_lists_what_the_model_sees_apart_from_what_people_named() -> None:
    """Classes of both kinds, and all photos in the total, those without any among them."""
    async with bench() as server:
        with_library(server)
        server.reader.add(taken(100, class_name="gnu", seen=SeenClass("heron", 0.5)))
        answer = await server.stub.ListClasses(pb.ListClassesRequest(), timeout=5)
        assert [(c.class_name, c.count) for c in answer.classes] == [("gnu", 1)]
        assert [(c.class_name, c.count) for c in answer.seen_classes] == [("heron", 21)]
        assert answer.total == 41


async def test_lists_the_folders_right_below_one() -> None:
    """With all photos in and below each, under a filter."""
    async with bench() as server:
        with_library(server)
        for parent, counts in (
            ("", {"2024": 30}),
            ("2024", {"2024/spring": 10, "2024/summer": 20}),
            ("/2024/summer/", {"2024/summer/lake": 10}),
            ("2024/spring", {}),
            ("nowhere", {}),
        ):
            request = pb.ListFoldersRequest(parent=parent)
            answer = await server.stub.ListFolders(request, timeout=5)
            assert {each.folder: each.count for each in answer.folders} == counts, parent
        request = pb.ListFoldersRequest(filter=pb.Filter(seen_classes=["heron"]))
        (folder,) = (await server.stub.ListFolders(request, timeout=5)).folders
        assert (folder.folder, folder.count) == ("2024", 10)
        request = pb.ListFoldersRequest(parent="a" * 1025)
        error = await refused(server.stub.ListFolders(request, timeout=5))
        assert (error.details() or "").startswith("parent ")


async def test_tells_what_a_gallery_holds() -> None:
    """Name, model, photos, first and last day, and what to filter by."""
    async with bench(classes_cache_seconds=0) as server:
        with_library(server)
        answer = await server.stub.GetGallery(pb.GetGalleryRequest(), timeout=5)
        assert (answer.gallery, answer.model_fingerprint) == ("photos", "model-a")
        assert answer.photos == 40
        first, last = answer.earliest.ToDatetime(UTC), answer.latest.ToDatetime(UTC)
        assert (first.date(), last.date()) == (BEGINNING.date(), datetime(2024, 7, 10).date())  # noqa: DTZ001 - days
        fields = [(each.name, each.type) for each in answer.fields]
        assert fields == [("class", "keyword"), ("taken_at", "datetime")]
        server.reader.photos.clear()
        answer = await server.stub.GetGallery(pb.GetGalleryRequest(), timeout=5)
        assert answer.photos == 0
        assert not answer.HasField("earliest")

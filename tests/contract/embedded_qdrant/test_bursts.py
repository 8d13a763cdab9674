"""Collapsed bursts and what a gallery holds, by the adapter, on either kind of server."""

import hashlib
import uuid
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import grpc
import pytest
from prometheus_client import CollectorRegistry
from qdrant_client import AsyncQdrantClient, models
from qdrant_client import grpc as api

from sketchzoo.qdrant import (
    CollectionNotFoundError,
    FieldCondition,
    Filter,
    GeoBoundingBox,
    GeoPoint,
    GeoRadius,
    Nearest,
    Photo,
    PhotoNotFoundError,
    PhotoWriter,
    QdrantConnection,
    Range,
    ScoredPhoto,
    SearchParams,
    SeenClass,
    connect,
    list_galleries,
)
from sketchzoo.rpc import CallError
from tests.contract.embedded_qdrant.conftest import Address

START = datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=2)))


@pytest.fixture
async def writer(
    connection: QdrantConnection, client: AsyncQdrantClient
) -> AsyncIterator[PhotoWriter]:
    """Return the writer of an alias of its own; the test's collection is removed afterwards."""
    writer = PhotoWriter(connection, f"test-{uuid.uuid4().hex}")
    yield writer
    await client.delete_collection(writer.name("model"))


def photo(number: int, burst: int | None, class_name: str = "cat", **fields: Any) -> Photo:
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    named = "" if burst is None else f"burst-{burst}"
    return Photo(class_name, f"file:///{number}.jpg", digest, 4, 3, START, burst=named, **fields)


def at(number: int) -> list[float]:
    """Return an embedding; the higher the number, the farther from the query's."""
    return [100.0, float(number)]


QUERY = Nearest(vector=(1.0, 0.0), collapse=True)


async def _filled(writer: PhotoWriter, photos: Iterable[tuple[int, int | None]]) -> str:
    collection = await writer.open("model", 2)
    await writer.upsert(collection, [(photo(*each), at(each[0])) for each in photos])
    return collection


async def _found(
    writer: PhotoWriter, collection: str, query: Nearest = QUERY, **asked: Any
) -> list[tuple[str, int]]:
    (hits,) = await writer.nearest(collection, [replace(query, **asked)])
    return [told(hit) for hit in hits]


def told(hit: ScoredPhoto) -> tuple[str, int]:
    return hit.photo.uri.removeprefix("file:///").removesuffix(".jpg"), hit.near_duplicates


async def test_a_burst_is_one_hit(writer: PhotoWriter) -> None:
    """Its nearest photo, with the number of the others; photos alone have none."""
    collection = await _filled(writer, [(1, 1), (2, 2), (3, 1), (4, 1), (5, 2), (6, 3)])
    assert await _found(writer, collection) == [("1", 2), ("2", 1), ("6", 0)]
    assert await _found(writer, collection, collapse=False) == [(str(n), 0) for n in range(1, 7)]


async def test_pages_of_bursts_follow_each_other(writer: PhotoWriter) -> None:
    """By offset and limit every burst comes once, as without pages."""
    collection = await _filled(writer, [(number, number // 3) for number in range(30)])
    whole = await _found(writer, collection)
    assert whole == [(str(3 * burst), 2) for burst in range(10)]
    pages = [await _found(writer, collection, limit=4, offset=offset) for offset in (0, 4, 8, 12)]
    assert [each for page in pages for each in page] == whole


async def test_long_bursts_do_not_hide_what_lies_behind(writer: PhotoWriter) -> None:
    """A page is full however many photos the nearest bursts have."""
    collection = await _filled(writer, [(number, number // 40) for number in range(480)])
    assert await _found(writer, collection) == [(str(40 * burst), 39) for burst in range(12)]


async def test_a_collapsed_query_holds_to_the_rest_of_it(writer: PhotoWriter) -> None:
    """Filter, score, exactness, likes and the photos named count as without collapsing."""
    collection = await _filled(writer, [(1, 1), (2, 2), (3, 1), (4, 2), (60, 3)])
    dog = photo(5, 1, "dog")
    await writer.upsert(collection, [(dog, at(5))])
    assert (await _found(writer, collection, filter=Filter(classes=("cat",))))[0] == ("1", 1)
    assert await _found(writer, collection, filter=Filter(classes=("dog",))) == [("5", 0)]
    near = await _found(
        writer, collection, min_score=0.99, exact=True, params=SearchParams(hnsw_ef=64)
    )
    assert near == [("1", 2), ("2", 1)]
    like = replace(QUERY, vector=None, photo_id=photo(1, 1).id)
    assert (await _found(writer, collection, like))[:2] == [("2", 1), ("3", 1)]
    liked = replace(like, liked=(photo(2, 2).id,), disliked=(photo(60, 3).id,))
    assert await _found(writer, collection, liked) == [("3", 1), ("4", 0)]


async def test_a_batch_may_mix(writer: PhotoWriter) -> None:
    """Collapsed and plain queries are answered in their order; one that fails fails all."""
    collection = await _filled(writer, [(1, 1), (2, 1), (3, 2)])
    plain, dogs = replace(QUERY, collapse=False), Filter(classes=("dog",))
    answers = await writer.nearest(collection, [QUERY, plain, replace(QUERY, filter=dogs), QUERY])
    assert [[told(hit) for hit in hits] for hits in answers] == [
        [("1", 1), ("3", 0)],
        [("1", 0), ("2", 0), ("3", 0)],
        [],
        [("1", 1), ("3", 0)],
    ]
    many = await writer.nearest(collection, [QUERY] * 20)
    assert many == [answers[0]] * 20
    missing = replace(QUERY, vector=None, photo_id=photo(9, 9).id)
    for queries in ([plain, missing], [replace(missing, collapse=False), QUERY]):
        with pytest.raises(PhotoNotFoundError):
            await writer.nearest(collection, queries)
    assert await writer.nearest(collection, []) == []


async def test_photos_without_a_burst_are_hits(writer: PhotoWriter) -> None:
    """Those of an older ingest stand among the bursts, by their scores."""
    collection = await _filled(writer, [(1, 1), (2, None), (3, 1), (4, None), (5, 2)])
    assert await _found(writer, collection) == [("1", 1), ("2", 0), ("4", 0), ("5", 0)]
    assert await _found(writer, collection, limit=2, offset=1) == [("2", 0), ("4", 0)]
    await writer.upsert(collection, [(photo(0, None), at(0))])
    assert await _found(writer, collection, limit=2, offset=1) == [("1", 1), ("2", 0)]


async def test_a_collection_of_before_there_were_bursts_is_searched_plainly(
    writer: PhotoWriter, client: AsyncQdrantClient
) -> None:
    """It has no seen classes, no folders and no span either, until an ingest has indexed it."""
    collection = writer.name("model")
    params = models.VectorParams(size=2, distance=models.Distance.COSINE)
    await client.create_collection(collection, vectors_config=params)
    await writer.upsert(
        collection, [(photo(n, 1, taken_at=START, folder="a"), at(n)) for n in (1, 2)]
    )
    await writer.publish(collection)
    assert (await writer.current()).fields == {}
    assert await _found(writer, collection) == [("1", 0), ("2", 0)]
    assert await writer.classes(collection, Filter(), field="seen_class") == {}
    assert await writer.folders(collection, "", Filter()) == {}
    assert await writer.span(collection) is None
    await writer.open("model", 2)
    await writer.current()
    assert await _found(writer, collection) == [("1", 1)]
    assert await writer.folders(collection, "", Filter()) == {"a": 2}
    assert await writer.span(collection) == (START, START)


async def test_nothing_is_grouped_where_nothing_folds(address: Address) -> None:
    """Photos that are all alone are found by a plain query; one that is not is folded again."""
    registry = CollectorRegistry()
    connection = connect(address.settings(), registry)
    writer = PhotoWriter(connection, f"test-{uuid.uuid4().hex}")
    alone = [photo(number, None) for number in range(3)]
    alone = [replace(each, burst=each.id) for each in alone]
    collection = await writer.open("model", 2)
    await writer.upsert(collection, [(each, at(n)) for n, each in enumerate(alone)])
    assert await _found(writer, collection) == [("0", 0), ("1", 0), ("2", 0)]
    groups = {"method": "Points/QueryGroups", "code": "OK"}
    assert registry.get_sample_value("sketchzoo_qdrant_call_seconds_count", groups) is None
    other = replace(photo(3, None), burst=alone[0].id)
    await writer.upsert(collection, [(other, at(3))])
    later = PhotoWriter(connection, "another")
    assert await _found(later, collection) == [("0", 1), ("1", 0), ("2", 0)]
    await connection.ask("Collections/Delete", api.DeleteCollection(collection_name=collection))
    await connection.close()


async def test_a_missing_collection_is_told_by_type(writer: PhotoWriter) -> None:
    """A collapsed query says which one, as a plain one does."""
    with pytest.raises(CollectionNotFoundError):
        await writer.nearest("nowhere", [QUERY])


async def test_a_collapsed_query_ends_in_time(writer: PhotoWriter) -> None:
    """What is left of the caller's time holds for all of its calls together."""
    collection = await _filled(writer, [(1, 1)])
    await _found(writer, collection)
    with pytest.raises(CallError) as caught:
        await writer.nearest(collection, [QUERY], 0.0)
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_gallery_tells_what_it_holds(
    writer: PhotoWriter, connection: QdrantConnection, client: AsyncQdrantClient
) -> None:
    """Its fields with their types, folders by level, seen classes, the span of time."""
    collection = await writer.open("model", 2)
    assert await writer.span(collection) is None
    photos = [
        photo(1, 1, folder="2024/summer", taken_at=START, seen=SeenClass("fox", 0.9)),
        photo(2, 2, folder="2024/summer/lake", taken_at=START + timedelta(days=2)),
        photo(3, 3, folder="2024", taken_at=START + timedelta(hours=1)),
        photo(4, 4, "dog", folder="2023", seen=SeenClass("fox", 0.8)),
        photo(5, 5, "dog"),
    ]
    await writer.upsert(collection, [(each, [1.0, 0.0]) for each in photos])
    await writer.publish(collection)
    fields = (await writer.current()).fields
    assert fields["taken_at"] == "datetime"
    assert fields["location"] == "geo"
    assert fields["rating"] == "integer"
    assert fields["folders"] == fields["class"] == "keyword"
    assert await writer.folders(collection, "", Filter()) == {"2023": 1, "2024": 3}
    assert await writer.folders(collection, "2024", Filter()) == {"2024/summer": 2}
    assert await writer.folders(collection, "2024/summer", Filter(("cat",))) == {
        "2024/summer/lake": 1
    }
    assert await writer.folders(collection, "20", Filter()) == {}
    assert await writer.classes(collection, Filter(), field="seen_class") == {"fox": 2}
    assert await writer.span(collection) == (START, START + timedelta(days=2))
    galleries = await list_galleries(connection)
    alias = collection.removesuffix("-model")
    assert galleries[alias] == collection
    foreign = models.CreateAlias(collection_name=collection, alias_name=f"other-{alias}")
    await client.update_collection_aliases([models.CreateAliasOperation(create_alias=foreign)])
    assert await list_galleries(connection) == galleries


async def test_filters_know_times_and_places(writer: PhotoWriter) -> None:
    """A span of time, a distance, a box, also over the 180th meridian."""
    collection = await writer.open("model", 2)
    places = [GeoPoint(47.0, 8.5), GeoPoint(47.4, 8.5), GeoPoint(-17.0, 179.5), GeoPoint(-17, -179)]
    photos = [
        photo(n, n, taken_at=START + timedelta(days=n), location=place)
        for n, place in enumerate(places)
    ]
    await writer.upsert(collection, [(each, at(n)) for n, each in enumerate(photos)])

    async def selected(field: str, test: Any) -> list[str]:
        condition = Filter(fields=(FieldCondition(field, test),))
        return [name for name, _ in await _found(writer, collection, filter=condition)]

    day = timedelta(days=1)
    assert await selected("taken_at", Range(gte=START + day, lt=START + 3 * day)) == ["1", "2"]
    assert await selected("taken_at", Range(gt=(START + day).astimezone(UTC))) == ["2", "3"]
    assert await selected("location", GeoRadius(places[0], 10_000)) == ["0"]
    assert await selected("location", GeoRadius(places[0], 50_000)) == ["0", "1"]
    assert await selected("location", GeoRadius(places[2], 200_000)) == ["2", "3"]
    fiji = GeoBoundingBox(GeoPoint(-10, 179), GeoPoint(-20, -178))
    assert await selected("location", fiji) == ["2", "3"]
    alps = GeoBoundingBox(GeoPoint(48, 5), GeoPoint(47.2, 10))
    assert await selected("location", alps) == ["1"]

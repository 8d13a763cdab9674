"""Writing and reading points, as a Qdrant client sees it."""

from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from qdrant_client import AsyncQdrantClient, models

UUID5 = "00000000-0000-0000-0000-000000000005"


async def _ids(client: AsyncQdrantClient, name: str) -> list[int | str]:
    records, _ = await client.scroll(name, limit=100)
    return [record.id for record in records]  # type: ignore[misc] # ids are numbers or texts


async def _payload(client: AsyncQdrantClient, name: str, point: int | str) -> Any:
    return (await client.retrieve(name, [point]))[0].payload


async def test_points_come_back_as_they_were_written(
    client: AsyncQdrantClient, filled: str
) -> None:
    """Ids, nested payloads and (normalised) vectors survive the round trip."""
    records = await client.retrieve(filled, [UUID5, 2, 99], with_vectors=True)
    by_id = {record.id: record for record in records}
    assert set(by_id) == {UUID5, 2}
    assert by_id[UUID5].payload == {"class": "fox", "nothing": None, "deep": {"count": 1}}
    assert by_id[UUID5].vector == [0, 0, 1, 0]
    assert by_id[2].vector == pytest.approx([0.99388, 0.110432, 0, 0], abs=1e-5)


async def test_writing_a_point_again_replaces_it(client: AsyncQdrantClient, filled: str) -> None:
    """An upsert of a known id replaces vector and payload and adds no point."""
    result = await client.upsert(
        filled, [models.PointStruct(id=1, vector=[0, 0, 0, 2], payload={"new": True})], wait=True
    )
    assert result.status == models.UpdateStatus.COMPLETED
    assert (await client.count(filled)).count == 6
    (record,) = await client.retrieve(filled, [1], with_vectors=True)
    assert (record.payload, record.vector) == ({"new": True}, [0, 0, 0, 1])


async def test_a_write_without_wait_is_acknowledged_and_seen(
    client: AsyncQdrantClient, collection: str
) -> None:
    """`wait=False` answers ACKNOWLEDGED; the points are there once a waiting write is."""
    point = models.PointStruct(id=1, vector=[1, 0, 0, 0])
    result = await client.upsert(collection, [point], wait=False)
    assert result.status == models.UpdateStatus.ACKNOWLEDGED
    await client.upsert(collection, [point], wait=True)
    assert (await client.count(collection)).count == 1


async def test_upload_points_writes_batches(client: AsyncQdrantClient, collection: str) -> None:
    """The client's own uploader writes every point."""
    client.upload_points(
        collection,
        (models.PointStruct(id=i, vector=[1, i, 0, 0]) for i in range(500)),
        batch_size=64,
        wait=True,
    )
    assert (await client.count(collection)).count == 500


async def test_points_go_by_id_and_by_filter(client: AsyncQdrantClient, filled: str) -> None:
    """Deleting by ids ignores unknown ones; deleting by filter deletes what matches."""
    await client.delete(filled, [1, 99], wait=True)
    assert await _ids(client, filled) == [2, 3, 4, 6, UUID5]
    dogs = models.Filter(
        must=[models.FieldCondition(key="class", match=models.MatchValue(value="dog"))]
    )
    await client.delete(filled, models.FilterSelector(filter=dogs), wait=True)
    assert await _ids(client, filled) == [2, 6, UUID5]


async def test_payloads_are_set_and_overwritten(client: AsyncQdrantClient, filled: str) -> None:
    """Set merges, overwrite replaces, delete takes fields away."""
    await client.set_payload(filled, {"width": 11, "note": "x"}, points=[1], wait=True)
    assert await _payload(client, filled, 1) == {"class": "cat", "width": 11, "note": "x"}
    await client.delete_payload(filled, ["note", "none"], points=[1], wait=True)
    assert await _payload(client, filled, 1) == {"class": "cat", "width": 11}
    await client.overwrite_payload(filled, {"class": "owl"}, points=[1], wait=True)
    assert await _payload(client, filled, 1) == {"class": "owl"}


async def test_scroll_goes_through_every_point_once(client: AsyncQdrantClient, filled: str) -> None:
    """Pages follow each other by offset in the order of ids: numbers first, then UUIDs."""
    seen: list[Any] = []
    offset: Any = None
    while True:
        records, offset = await client.scroll(filled, limit=4, offset=offset)
        seen += [record.id for record in records]
        if offset is None:
            break
    assert seen == [1, 2, 3, 4, 6, UUID5]


async def test_a_scroll_may_follow_an_index(client: AsyncQdrantClient, collection: str) -> None:
    """By a time or a number, either way; points without one are left out.

    Pages follow by the last value and a filter that leaves out what was seen of it.
    """
    await client.create_payload_index(collection, "at", models.PayloadSchemaType.DATETIME)
    await client.create_payload_index(collection, "size", models.PayloadSchemaType.FLOAT)
    days = {1: "2024-03-01T00:00:00+02:00", 2: "2024-02-29T23:00:00Z", 3: "2023-01-01", 5: "soon"}
    points = [
        models.PointStruct(id=n, vector=[1, n, 0, 0], payload={"at": days.get(n), "size": n / 2})
        for n in range(1, 7)
    ]
    await client.upsert(collection, points, wait=True)
    found, following = await client.scroll(collection, order_by="at")
    assert ([record.id for record in found], following) == ([3, 1, 2], None)
    latest = models.OrderBy(key="at", direction=models.Direction.DESC)
    found, _ = await client.scroll(collection, order_by=latest, limit=1, with_vectors=True)
    assert (found[0].id, len(found[0].vector or [])) == (2, 4)
    assert found[0].order_value == 1709247600000000
    seen: list[Any] = []
    start: float | None = None
    while len(seen) < 6:
        order = models.OrderBy(key="size", start_from=start)
        unseen = models.Filter(must_not=[models.HasIdCondition(has_id=seen)])
        page, _ = await client.scroll(collection, unseen, order_by=order, limit=4)
        seen += [record.id for record in page]
        start = page[-1].order_value  # type: ignore[assignment] # numbers here
    assert seen == [1, 2, 3, 4, 5, 6]
    since = models.OrderBy(key="at", start_from=datetime(2024, 2, 29, 22, 30, tzinfo=UTC))
    assert [record.id for record in (await client.scroll(collection, order_by=since))[0]] == [2]


async def test_a_scroll_needs_an_index_to_follow(client: AsyncQdrantClient, filled: str) -> None:
    """By a field without one, or one of texts, or with an offset: INVALID_ARGUMENT says what."""
    for asked, words in (
        ({"order_by": "width"}, "No range index for `order_by` key: `width`"),
        ({"order_by": "class"}, "No range index for `order_by` key: `class`"),
        ({"order_by": "width", "offset": 1}, "Cannot use an `offset` when using `order_by`"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.scroll(filled, **asked)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert words in (caught.value.details() or "")


async def test_scroll_gives_the_fields_asked_for(client: AsyncQdrantClient, filled: str) -> None:
    """with_payload takes a list, an exclusion or False; with_vectors gives vectors."""
    cats = models.Filter(
        must=[models.FieldCondition(key="class", match=models.MatchValue(value="cat"))]
    )
    records, _ = await client.scroll(filled, cats, with_payload=["width"], with_vectors=True)
    assert [record.payload for record in records] == [{"width": 10}, {"width": 20}]
    assert records[0].vector == [1, 0, 0, 0]
    records, _ = await client.scroll(
        filled, cats, with_payload=models.PayloadSelectorExclude(exclude=["width"])
    )
    assert [record.payload for record in records] == [{"class": "cat"}] * 2
    records, _ = await client.scroll(filled, cats, with_payload=False)
    assert [(record.payload, record.vector) for record in records] == [({}, None)] * 2


@pytest.mark.parametrize(
    ("vector", "words", "written"),
    [
        ([1, 0, 0], "Wrong input: Vector dimension error: expected dim: 4, got 3", []),
        (
            {"nowhere": [1, 0, 0, 0]},
            "Wrong input: Not existing vector name error: nowhere",
            [100, 101],
        ),
    ],
)
async def test_a_vector_that_does_not_fit_is_refused(
    client: AsyncQdrantClient, filled: str, vector: Any, words: str, written: list[int]
) -> None:
    """INVALID_ARGUMENT in the server's words.

    A wrong dimension writes nothing, a wrong name what comes before it.
    """
    points = [
        models.PointStruct(id=100, vector=[1, 0, 0, 0]),
        models.PointStruct(id=101, vector=[1, 0, 0, 0]),
        models.PointStruct(id=102, vector=vector),
        models.PointStruct(id=103, vector=[1, 0, 0, 0]),
    ]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.upsert(filled, points, wait=True)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == words
    found = await client.retrieve(filled, [100, 101, 102, 103])
    assert sorted(record.id for record in found) == written


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
async def test_numbers_that_are_not_finite_are_refused(
    client: AsyncQdrantClient, filled: str, address: Any, number: float
) -> None:
    """NaN and infinity are INVALID_ARGUMENT in a stored vector, a query and a payload."""
    if not address.embedded:
        pytest.skip("the server takes some of them")
    vector = [1, 0, 0, number]
    for call in (
        client.upsert(filled, [models.PointStruct(id=9, vector=vector)]),
        client.query_points(filled, query=vector),
        client.set_payload(filled, {"width": number}, points=[1]),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_an_id_that_is_no_uuid_is_refused(client: AsyncQdrantClient, filled: str) -> None:
    """A text id must be a UUID: INVALID_ARGUMENT."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.retrieve(filled, ["not-a-uuid"])
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "Unable to parse UUID: not-a-uuid" in (caught.value.details() or "")

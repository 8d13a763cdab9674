"""Queries, filters, recommendations, facets and counts, as a Qdrant client sees them."""

import asyncio
from typing import Any

import grpc
import pytest
from qdrant_client import AsyncQdrantClient, models

UUID5 = "00000000-0000-0000-0000-000000000005"


def _match(key: str, match: Any) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=match)


CAT = _match("class", models.MatchValue(value="cat"))
DOG = _match("class", models.MatchValue(value="dog"))


async def _hits(client: AsyncQdrantClient, name: str, query: Any, **asked: Any) -> list[Any]:
    return [point.id for point in (await client.query_points(name, query=query, **asked)).points]


async def test_hits_come_nearest_first_with_score_and_payload(
    client: AsyncQdrantClient, filled: str
) -> None:
    """Hits are ordered by cosine, with the payload asked for and no vector."""
    points = (await client.query_points(filled, query=[1, 0, 0, 0], limit=3)).points
    assert [point.id for point in points[:2]] == [1, 2]
    assert points[0].score == pytest.approx(1.0)
    assert points[1].score == pytest.approx(0.99388, abs=1e-5)
    assert points[0].payload == {"class": "cat", "width": 10}
    assert points[0].vector is None


async def test_paging_gives_every_hit_once(client: AsyncQdrantClient, filled: str) -> None:
    """Offset continues where the page before ended."""
    query = [1.0, 0.5, 0.25, 0.125]
    whole = await _hits(client, filled, query, limit=6)
    pages = [await _hits(client, filled, query, limit=2, offset=o) for o in (0, 2, 4, 6)]
    assert [hit for page in pages for hit in page] == whole
    assert pages[3] == []


async def test_a_score_threshold_leaves_out_lower_hits(
    client: AsyncQdrantClient, filled: str
) -> None:
    """No hit has a score below the threshold, and none above is left out."""
    assert await _hits(client, filled, [1, 0, 0, 0], score_threshold=0.9) == [1, 2]


@pytest.mark.parametrize(
    ("query_filter", "expected"),
    [
        (models.Filter(must=[CAT]), {1, 2}),
        (models.Filter(must_not=[CAT]), {3, 4, UUID5, 6}),
        (models.Filter(should=[CAT, DOG]), {1, 2, 3, 4}),
        (models.Filter(must=[_match("class", models.MatchAny(any=["cat", "fox"]))]), {1, 2, UUID5}),
        (
            models.Filter(
                must=[models.FieldCondition(key="width", range=models.Range(gte=20, lt=30))]
            ),
            {2},
        ),
        (models.Filter(must=[models.HasIdCondition(has_id=[1, UUID5, 77])]), {1, UUID5}),
        (
            models.Filter(
                must=[models.IsEmptyCondition(is_empty=models.PayloadField(key="width"))]
            ),
            {4, UUID5, 6},
        ),
        (
            models.Filter(
                must=[models.IsNullCondition(is_null=models.PayloadField(key="nothing"))]
            ),
            {UUID5},
        ),
        (models.Filter(must=[_match("deep.count", models.MatchValue(value=1))]), {UUID5}),
        (models.Filter(must=[_match("tags", models.MatchValue(value="b"))]), {4}),
        (
            models.Filter(
                must=[
                    models.Filter(should=[CAT, DOG]),
                    models.Filter(
                        must_not=[models.FieldCondition(key="width", range=models.Range(gt=15))]
                    ),
                ]
            ),
            {1, 4},
        ),
    ],
)
async def test_filters_select(
    client: AsyncQdrantClient, filled: str, query_filter: models.Filter, expected: set[Any]
) -> None:
    """Query, count and scroll agree on what a filter selects."""
    assert set(await _hits(client, filled, [1, 1, 1, 1], query_filter=query_filter)) == expected
    assert (await client.count(filled, query_filter)).count == len(expected)
    records, _ = await client.scroll(filled, query_filter)
    assert {record.id for record in records} == expected


async def test_a_batch_answers_each_query_in_order(client: AsyncQdrantClient, filled: str) -> None:
    """Each query of a batch has its own filter, limit and answer."""
    answers = await client.query_batch_points(
        filled,
        [
            models.QueryRequest(query=[0, 1, 0, 0], limit=1),
            models.QueryRequest(query=[0, 1, 0, 0], limit=5, filter=models.Filter(must=[CAT])),
            models.QueryRequest(query=[0, 0, 1, 0], limit=1, with_payload=["class"]),
        ],
    )
    assert [[point.id for point in answer.points] for answer in answers] == [[3], [2, 1], [UUID5]]
    assert answers[2].points[0].payload == {"class": "fox"}


async def test_a_query_by_id_finds_the_others(client: AsyncQdrantClient, filled: str) -> None:
    """A stored point as the query is not among its own hits."""
    assert (await _hits(client, filled, 1, limit=2))[0] == 2
    assert 1 not in await _hits(client, filled, 1)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.query_points(filled, query=99)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    assert caught.value.details() == "Not found: No point with id 99 found"


async def test_recommendations_follow_what_is_liked(client: AsyncQdrantClient, filled: str) -> None:
    """Liked and disliked points, as ids or vectors, order the hits and are not among them."""
    query = models.RecommendQuery(
        recommend=models.RecommendInput(positive=[3, [0, 1, 0.1, 0]], negative=[1])
    )
    hits = await _hits(client, filled, query)
    assert hits[0] == 4
    assert not {1, 3} & set(hits)


async def test_a_recommendation_needs_examples(client: AsyncQdrantClient, filled: str) -> None:
    """average_vector without a liked point is INVALID_ARGUMENT in the server's words."""
    query = models.RecommendQuery(recommend=models.RecommendInput(negative=[1]))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.query_points(filled, query=query)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "Positive vectors should not be empty with `average` strategy" in (
        caught.value.details() or ""
    )


async def test_facets_count_values(client: AsyncQdrantClient, filled: str) -> None:
    """A facet counts an indexed field's values, under a filter too."""
    facet = await client.facet(filled, "class", exact=True)
    assert {hit.value: hit.count for hit in facet.hits} == {"cat": 2, "dog": 2, "fox": 1}
    wide = models.Filter(must=[models.FieldCondition(key="width", range=models.Range(gt=15))])
    facet = await client.facet(filled, "class", facet_filter=wide, exact=True)
    assert {hit.value: hit.count for hit in facet.hits} == {"cat": 1, "dog": 1}


async def test_a_facet_needs_an_index(client: AsyncQdrantClient, filled: str) -> None:
    """A facet over a field without an index is INVALID_ARGUMENT and says what to do."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.facet(filled, "width")
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "No appropriate index for faceting: `width`" in (caught.value.details() or "")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"query": [1, 0]}, "Vector dimension error: expected dim: 4, got 2"),
        ({"query": [1, 0, 0, 0], "using": "no"}, "Not existing vector name error: no"),
    ],
)
async def test_a_query_that_does_not_fit_is_refused(
    client: AsyncQdrantClient, filled: str, asked: Any, words: str
) -> None:
    """A wrong dimension or vector name is INVALID_ARGUMENT in the server's words."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.query_points(filled, **asked)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert words in (caught.value.details() or "")


@pytest.mark.parametrize(
    "area",
    [
        {"geo_radius": models.GeoRadius(center=models.GeoPoint(lat=91, lon=0), radius=1)},
        {"geo_radius": models.GeoRadius(center=models.GeoPoint(lat=0, lon=-181), radius=1)},
        {
            "geo_bounding_box": models.GeoBoundingBox(
                top_left=models.GeoPoint(lat=1, lon=0),
                bottom_right=models.GeoPoint(lat=0, lon=float("nan")),
            )
        },
    ],
)
async def test_a_place_that_is_none_is_refused(
    client: AsyncQdrantClient, filled: str, area: dict[str, Any]
) -> None:
    """Degrees that there are not are INVALID_ARGUMENT, with an index of places and without."""
    await client.create_payload_index(filled, "where", models.PayloadSchemaType.GEO)
    for key in ("where", "elsewhere"):
        condition = models.Filter(must=[models.FieldCondition(key=key, **area)])
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.count(filled, condition)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_exact_and_ef_are_taken(client: AsyncQdrantClient, filled: str) -> None:
    """Search parameters are accepted and change no exact answer."""
    params = models.SearchParams(
        exact=True,
        hnsw_ef=64,
        quantization=models.QuantizationSearchParams(rescore=True, oversampling=2.0),
    )
    assert (await _hits(client, filled, [0, 1, 0, 0], search_params=params))[:2] == [3, 4]


async def test_facets_count_each_value_of_a_list(client: AsyncQdrantClient, filled: str) -> None:
    """A point counts for every value that its list holds, under a filter on the same field too."""
    await client.create_payload_index(filled, "tags", models.PayloadSchemaType.KEYWORD)
    await client.set_payload(filled, {"tags": ["a", "a/x"]}, points=[1, 2], wait=True)
    facet = await client.facet(filled, "tags", exact=True)
    assert {hit.value: hit.count for hit in facet.hits} == {"a": 3, "b": 1, "a/x": 2}
    below = models.Filter(must=[_match("tags", models.MatchValue(value="a/x"))])
    facet = await client.facet(filled, "tags", facet_filter=below, exact=True)
    assert {hit.value: hit.count for hit in facet.hits if hit.count} == {"a": 2, "a/x": 2}


async def _groups(client: AsyncQdrantClient, name: str, query: Any, **asked: Any) -> Any:
    result = await client.query_points_groups(name, query=query, **asked)
    return [(group.id, [point.id for point in group.hits]) for group in result.groups]


async def test_groups_hold_the_nearest_of_each_value(
    client: AsyncQdrantClient, filled: str
) -> None:
    """Best group first, at most so many points each, with or without an index."""
    query = [1.0, 0.4, 0.0, 0.0]
    assert await _groups(client, filled, query, group_by="class") == [
        ("cat", [2, 1]),
        ("dog", [3, 4]),
        ("fox", [UUID5]),
    ]
    one = {"group_by": "class", "group_size": 1}
    assert await _groups(client, filled, query, **one, limit=2) == [("cat", [2]), ("dog", [3])]
    assert await _groups(client, filled, query, group_by="tags") == [("a", [4]), ("b", [4])]
    assert await _groups(client, filled, query, group_by="width", limit=2) == [(20, [2]), (10, [1])]
    assert await _groups(client, filled, query, group_by="deep.count") == [(1, [UUID5])]
    assert await _groups(client, filled, query, group_by="none") == []
    near = await _groups(client, filled, query, **one, score_threshold=0.3)
    assert near == [("cat", [2]), ("dog", [3])]
    dogs = models.Filter(must=[DOG])
    assert await _groups(client, filled, query, **one, query_filter=dogs) == [("dog", [3])]
    exact = models.SearchParams(exact=True)
    assert await _groups(client, filled, 1, **one, limit=1, search_params=exact) == [("cat", [2])]
    liked = models.RecommendQuery(recommend=models.RecommendInput(positive=[3], negative=[1]))
    assert (await _groups(client, filled, liked, **one))[0] == ("dog", [4])


async def test_groups_tell_what_is_asked_of_their_points(
    client: AsyncQdrantClient, filled: str
) -> None:
    """Payload and vectors by selector, and each point's score."""
    result = await client.query_points_groups(
        filled, "class", [1, 0, 0, 0], limit=1, with_payload=["width"], with_vectors=True
    )
    first = result.groups[0].hits[0]
    assert (first.id, first.payload, first.vector) == (1, {"width": 10}, [1, 0, 0, 0])
    assert first.score == pytest.approx(1.0)
    result = await client.query_points_groups(filled, "class", [1, 0, 0, 0], with_payload=False)
    assert not any(point.payload for group in result.groups for point in group.hits)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"limit": 0}, "limit"),
        ({"group_size": 0}, "group_size"),
        ({"group_by": ""}, "group_by"),
        ({"group_by": "class!"}, "JSON path"),
        ({"query": [1, 0]}, "Vector dimension error: expected dim: 4, got 2"),
        ({"using": "no"}, "Not existing vector name error: no"),
    ],
)
async def test_groups_that_cannot_be_are_refused(
    client: AsyncQdrantClient, filled: str, asked: Any, words: str
) -> None:
    """No groups, groups of nothing and a query that does not fit are INVALID_ARGUMENT."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.query_points_groups(
            filled, **{"group_by": "class", "query": [1, 0, 0, 0], **asked}
        )
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert words in (caught.value.details() or "")


async def test_a_collection_may_go_while_groups_are_gathered(
    client: AsyncQdrantClient, collection: str
) -> None:
    """Each call has its groups or is NOT_FOUND."""
    points = [
        models.PointStruct(id=n, vector=[n, 1, 0, 0], payload={"class": str(n // 90)})
        for n in range(1, 900)
    ]
    await client.upsert(collection, points, wait=True)
    calls = [
        client.query_points_groups(collection, "class", [1, 0, 0, 0], limit=5) for _ in range(20)
    ]
    *answers, _ = await asyncio.gather(
        *calls, client.delete_collection(collection), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert all(error.code() == grpc.StatusCode.NOT_FOUND for error in refused)
    told = [len(answer.groups) for answer in answers if isinstance(answer, models.GroupsResult)]
    assert told == [5] * (len(answers) - len(refused))

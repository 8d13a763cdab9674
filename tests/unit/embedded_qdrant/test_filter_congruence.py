"""Filters mean the same here as in the client's own local mode, with payload indexes or without."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import qdrant_edge as edge
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qdrant_client import QdrantClient, models
from qdrant_client.conversions.conversion import RestToGrpc

from embedded_qdrant.conversion import filters, ids

WORDS = ["cat", "dog", "fox", "owl", ""]
PAYLOADS: list[dict[str, Any]] = [
    {"class": "cat", "width": 1, "tags": ["a", "b"], "deep": {"x": 1}, "when": "2024-01-02"},
    {"class": "cat", "width": 2.5, "tags": [], "deep": {"x": None}},
    {"class": "dog", "width": -3, "tags": ["b"], "flag": True},
    {"class": ["dog", "fox"], "width": [1, 7], "flag": False},
    {"class": None, "width": 0},
    {"class": "owl", "width": "wide", "deep": {"x": 2, "y": "cat"}},
    {"width": 10**12, "tags": "a", "items": [{"k": 1, "v": "a"}, {"k": 2, "v": "b"}]},
    {"items": [{"k": 1, "v": "b"}], "class": ""},
    {"when": "2024-01-01T12:00:00+00:00", "where": {"lat": 0.0, "lon": 0.0}},
    {"when": "2024-01-01T12:00:00+02:00", "where": {"lat": 0.5, "lon": 179.9}},
    {"when": "2024-01-01T12:00:00.250000Z", "where": {"lat": -1, "lon": -179.5}},
    {"when": ["1999-12-31T23:59:59Z", "2024-01-03T00:00:00Z"], "where": {"lat": 89.9, "lon": 30}},
    {"when": "yesterday", "where": [{"lat": 47.4, "lon": 8.5}, {"lat": -33.9, "lon": 151.2}]},
    {"when": None, "where": {"lat": 1}},
    {"when": 1704110400, "where": "47.4,8.5"},
    {},
]
INDEXES = {
    "class": "Keyword",
    "width": "Float",
    "tags": "Keyword",
    "deep.x": "Integer",
    "flag": "Bool",
    "when": "Datetime",
    "where": "Geo",
}

keys = st.sampled_from(
    ["class", "width", "tags", "deep.x", "deep.y", "flag", "none", "when", "where"]
)
numbers = st.one_of(st.integers(-4, 8), st.floats(-4, 8, width=32))
bounds = st.one_of(st.none(), numbers)
matches = st.one_of(
    st.sampled_from([*WORDS, "a", "b"]).map(lambda v: models.MatchValue(value=v)),
    st.integers(-3, 3).map(lambda v: models.MatchValue(value=v)),
    st.booleans().map(lambda v: models.MatchValue(value=v)),
    st.lists(st.sampled_from([*WORDS, "a"]), min_size=1, max_size=3).map(
        lambda v: models.MatchAny(any=v)
    ),
    st.lists(st.integers(-3, 3), min_size=1, max_size=3).map(lambda v: models.MatchAny(any=v)),
)
# A range of numbers over an index of times compares with the engine's own numbers of them, on a
# server too; local mode has no indexes.
numeric = keys.filter(lambda key: key != "when")
times = st.one_of(
    st.none(),
    st.builds(
        lambda hours, zone: (
            datetime(2024, 1, 1, 12, tzinfo=timezone(timedelta(hours=zone)))
            + timedelta(hours=hours)
        ),
        st.sampled_from([-300_000, -2, -1, 0, 1, 12, 36]),
        st.sampled_from([-10, 0, 2]),
    ),
)
latitudes = st.sampled_from([-90, -40, -1, -0.5, 0, 0.5, 1, 47.4, 60, 90])
longitudes = st.sampled_from([-180, -179.5, -100, 0, 8.5, 100, 179, 179.9, 180])
places = st.builds(lambda lat, lon: models.GeoPoint(lat=lat, lon=lon), latitudes, longitudes)
radii = st.builds(
    lambda center, radius: models.GeoRadius(center=center, radius=radius),
    places,
    st.sampled_from([1, 60_000, 200_000, 6_000_000, 25_000_000]),
)
boxes = st.builds(
    lambda one, other: models.GeoBoundingBox(
        top_left=models.GeoPoint(lat=max(one.lat, other.lat), lon=one.lon),
        bottom_right=models.GeoPoint(lat=min(one.lat, other.lat), lon=other.lon),
    ),
    places,
    places,
)
fields = st.one_of(
    st.builds(
        lambda low, high: models.FieldCondition(
            key="when", range=models.DatetimeRange(gt=low, lte=high)
        ),
        times,
        times,
    ),
    radii.map(lambda area: models.FieldCondition(key="where", geo_radius=area)),
    boxes.map(lambda area: models.FieldCondition(key="where", geo_bounding_box=area)),
    st.builds(lambda k, m: models.FieldCondition(key=k, match=m), keys, matches),
    st.builds(
        lambda k, low, high: models.FieldCondition(key=k, range=models.Range(gte=low, lt=high)),
        numeric,
        bounds,
        bounds,
    ),
)
conditions = st.one_of(
    fields,
    st.lists(st.integers(0, 10), max_size=4).map(lambda v: models.HasIdCondition(has_id=v)),
    keys.map(lambda k: models.IsEmptyCondition(is_empty=models.PayloadField(key=k))),
    keys.map(lambda k: models.IsNullCondition(is_null=models.PayloadField(key=k))),
)


def _filters(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[models.Filter]:
    some = st.lists(inner, min_size=1, max_size=3)
    maybe = st.one_of(st.none(), some)
    return st.builds(
        lambda must, should, must_not: models.Filter(must=must, should=should, must_not=must_not),
        maybe,
        maybe,
        maybe,
    )


query_filters = _filters(st.recursive(conditions, _filters, max_leaves=6))


@pytest.fixture(scope="module", params=["indexed", "not indexed"])
def both(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[tuple[edge.EdgeShard, QdrantClient]]:
    local = QdrantClient(":memory:")
    params = models.VectorParams(size=2, distance=models.Distance.COSINE)
    local.create_collection("c", vectors_config=params)
    local.upsert(
        "c",
        [models.PointStruct(id=i, vector=[1, i], payload=p) for i, p in enumerate(PAYLOADS)],
    )
    folder: Path = tmp_path_factory.mktemp("shard")
    shard = edge.EdgeShard.create(
        str(folder),
        edge.EdgeConfig(vectors=edge.EdgeVectorParams(size=2, distance=edge.Distance.Cosine)),
    )
    if request.param == "indexed":
        for key, kind in INDEXES.items():
            index = getattr(edge.PayloadSchemaType, kind)
            shard.update(edge.UpdateOperation.create_field_index(key, index))
    shard.update(
        edge.UpdateOperation.upsert_points(
            [edge.Point(i, [1.0, float(i)], payload) for i, payload in enumerate(PAYLOADS)]
        )
    )
    yield shard, local
    shard.close()
    local.close()


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(query_filter=query_filters)
def test_a_filter_selects_what_it_selects_in_local_mode(
    both: tuple[edge.EdgeShard, QdrantClient], query_filter: models.Filter
) -> None:
    """Any filter, sent over the wire and given to the engine, selects the same points."""
    shard, local = both
    message = RestToGrpc.convert_filter(query_filter)
    translated = filters.to_engine(type(message).FromString(message.SerializeToString()))
    records, _ = shard.scroll(edge.ScrollRequest(limit=100, filter=translated))
    expected, _ = local.scroll("c", query_filter, limit=100)
    assert [record.id for record in records] == [record.id for record in expected]
    assert shard.count(edge.CountRequest(exact=True, filter=translated)) == len(expected)


@given(st.lists(st.one_of(st.integers(0, 2**64 - 1), st.uuids())))
def test_ids_survive_both_directions(given_ids: list[Any]) -> None:
    """Numbers and UUIDs become messages and come back as they were."""
    assert ids.all_to_engine(map(ids.to_message, given_ids)) == given_ids

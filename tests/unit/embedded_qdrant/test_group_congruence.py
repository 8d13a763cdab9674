"""Groups are what they are in the client's own local mode."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import qdrant_edge as edge
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qdrant_client import QdrantClient, grpc, models
from qdrant_client.conversions.conversion import RestToGrpc

from embedded_qdrant.conversion import points, queries
from embedded_qdrant.grouping import Grouping
from sketchzoo.rpc import CallError

# Few directions, so that many points are equally near.
VECTORS = [[1.0, 0.0], [0.9, 0.1], [0.5, 0.5], [0.1, 0.9], [-1.0, 0.2]]
VALUES: list[Any] = [
    *["a"] * 7, "b", "b", "b", "c", "", 1, 1, 7, -3, 2.5, True, None, [], ["a", "b"],
    ["b", "b", "c"],
    ["c", 1], ["a", None], ["b", 2.5], {"a": "b"}, *["d"] * 12,
]  # fmt: skip
PAYLOADS: list[dict[str, Any]] = [
    *({"g": value, "deep": {"g": value}, "half": n % 2} for n, value in enumerate(VALUES)),
    # The field that is indexed holds nothing but texts: an index of texts knows no numbers, on
    # a server too.
    *({"word": word, "half": n % 2} for n, word in enumerate("pqrspqpppppppppppppppppptu")),
    {"word": ["p", "t"], "half": 0},
    {"word": ["v", "q"], "half": 1},
    {"half": 1},
    {"deep": "g", "half": 0},
]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[edge.EdgeShard, QdrantClient]]:
    local = QdrantClient(":memory:")
    params = models.VectorParams(size=2, distance=models.Distance.COSINE)
    local.create_collection("c", vectors_config=params)
    folder: Path = tmp_path_factory.mktemp("shard")
    config = edge.EdgeVectorParams(size=2, distance=edge.Distance.Cosine)
    shard = edge.EdgeShard.create(str(folder), edge.EdgeConfig(vectors=config))
    index = edge.UpdateOperation.create_field_index("word", edge.PayloadSchemaType.Keyword)
    shard.update(index)
    made = [(n, VECTORS[n * 7 % 5], payload) for n, payload in enumerate(PAYLOADS)]
    local.upsert("c", [models.PointStruct(id=n, vector=v, payload=p) for n, v, p in made])
    shard.update(edge.UpdateOperation.upsert_points([edge.Point(*each) for each in made]))
    yield shard, local
    shard.close()
    local.close()


def grouped(
    shard: edge.EdgeShard, request: grpc.QueryPointGroups, *, nearer_is_less: bool = False
) -> list[grpc.PointGroup]:
    """Return the groups of a request, as its answer tells them."""
    scoring = queries.grouped(request, shard, {"": 2})
    grouping = Grouping(
        scoring, request.group_by, request.limit, request.group_size, nearer_is_less=nearer_is_less
    )
    while (wanted := grouping.next_request()) is not None:
        grouping.add(shard.query(wanted))
    best = grouping.best()
    records = shard.retrieve([point.id for _, hits in best for point in hits], True, False)  # noqa: FBT003 - positional API
    result = grpc.GroupsResult()
    points.add_groups(result.groups, best, records)
    return list(result.groups)


def _told(group: grpc.PointGroup) -> tuple[Any, list[float]]:
    key = getattr(group.id, group.id.WhichOneof("kind") or "")
    return key, [round(point.score, 5) for point in group.hits]


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    vector=st.sampled_from(VECTORS),
    asked=st.fixed_dictionaries(
        {
            "group_by": st.sampled_from(["g", "word", "deep.g", "half", "none"]),
            "limit": st.integers(1, 12),
            "group_size": st.integers(1, 6),
            "score_threshold": st.none() | st.sampled_from([0.0, 0.7, 0.99]),
        }
    ),
    half=st.none() | st.integers(0, 2),
)
def test_groups_are_those_of_local_mode(
    both: tuple[edge.EdgeShard, QdrantClient],
    vector: list[float],
    asked: dict[str, Any],
    half: int | None,
) -> None:
    """The best groups with their best points, best first, of any size, filter and threshold.

    Which of equally near groups and points are taken is open, on a server too.
    """
    shard, local = both
    match = models.FieldCondition(key="half", match=models.MatchValue(value=half or 0))
    query_filter = None if half is None else models.Filter(must=[match])
    request = grpc.QueryPointGroups(**asked)
    request.query.nearest.dense.data.extend(vector)
    if query_filter is not None:
        request.filter.CopyFrom(RestToGrpc.convert_filter(query_filter))
    request.with_payload.enable = True
    found = [_told(group) for group in grouped(shard, request)]
    everything = {**asked, "limit": 100}
    expected = local.query_points_groups(
        "c", query=vector, query_filter=query_filter, **everything
    ).groups
    scores = {group.id: [round(point.score, 5) for point in group.hits] for group in expected}
    assert [(key, pytest.approx(hits, abs=1e-4)) for key, hits in found] == [
        (key, scores[key]) for key, _ in found
    ]
    best = sorted((hits[0] for hits in scores.values()), reverse=True)[: asked["limit"]]
    assert [hits[0] for _, hits in found] == pytest.approx(best, abs=1e-4)


def test_the_nearest_are_the_least_where_scores_are_distances(tmp_path: Path) -> None:
    """Groups of a collection with Euclid's distance come nearest first, too."""
    config = edge.EdgeVectorParams(size=2, distance=edge.Distance.Euclid)
    shard = edge.EdgeShard.create(str(tmp_path), edge.EdgeConfig(vectors=config))
    made = [edge.Point(n, [float(n), 0.0], {"g": n % 3}) for n in range(9)]
    shard.update(edge.UpdateOperation.upsert_points(made))
    request = grpc.QueryPointGroups(group_by="g", limit=2, group_size=2)
    request.query.nearest.dense.data.extend([0.9, 0.0])
    groups = grouped(shard, request, nearer_is_less=True)
    assert [[point.id.num for point in group.hits] for group in groups] == [[1, 4], [0, 3]]
    shard.close()


def test_what_is_deleted_meanwhile_is_left_out(both: tuple[edge.EdgeShard, QdrantClient]) -> None:
    """A group that had nothing else goes with it."""
    shard, _ = both
    wanted = edge.QueryRequest(limit=3, query=edge.Query.Nearest([1.0, 0.0]))
    first, second, third = shard.query(wanted)
    records = shard.retrieve([second.id], True, False)  # noqa: FBT003 - positional API
    result = grpc.GroupsResult()
    points.add_groups(result.groups, [("a", [first, second]), ("b", [third])], records)
    assert [(group.id.string_value, len(group.hits)) for group in result.groups] == [("a", 1)]
    assert result.groups[0].hits[0].id.num == second.id


def test_paths_into_lists_are_refused_by_name(both: tuple[edge.EdgeShard, QdrantClient]) -> None:
    """What is not served says so."""
    request = grpc.QueryPointGroups(group_by="items[].k", limit=1, group_size=1)
    request.query.nearest.dense.data.extend([1.0, 0.0])
    with pytest.raises(CallError, match=r"QueryPointGroups\.group_by"):
        grouped(both[0], request)

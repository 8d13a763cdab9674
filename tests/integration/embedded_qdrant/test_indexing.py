"""Index builds, while queries and writes go on."""

import random
import time
import uuid
from collections.abc import Iterator

import pytest
from qdrant_client import QdrantClient, models

from tests.contract.embedded_qdrant.server_process import ServerProcess

DIMENSION = 64
# HNSW is used past full_scan_threshold (KB): small, so that small data uses it.
HNSW = models.HnswConfigDiff(m=16, ef_construct=100, full_scan_threshold=10)

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(
        tmp_path_factory.mktemp("qdrant") / "storage",
        index_threshold_points=1000,
        index_quiet_seconds=0.2,
        index_growth=1000,
    ) as server:
        yield server


@pytest.fixture
def client(server: ServerProcess) -> Iterator[QdrantClient]:
    client = QdrantClient(
        host="127.0.0.1",
        grpc_port=server.port,
        prefer_grpc=True,
        check_compatibility=False,
        timeout=60,
    )
    yield client
    client.close()


@pytest.fixture
def name(client: QdrantClient) -> Iterator[str]:
    """Name a collection that is removed afterwards; the test makes it."""
    name = f"c-{uuid.uuid4().hex[:8]}"
    yield name
    client.delete_collection(name)


def _points(numbers: range) -> list[models.PointStruct]:
    return [
        models.PointStruct(
            id=i, vector=_vector(i), payload={"class": f"class-{i % 10}", "number": i}
        )
        for i in numbers
    ]


def _vector(seed: int) -> list[float]:
    chance = random.Random(seed)
    return [chance.gauss(0, 1) for _ in range(DIMENSION)]


def _create(client: QdrantClient, name: str, **config: object) -> None:
    client.create_collection(
        name,
        vectors_config=models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE),
        hnsw_config=HNSW,
        **config,  # type: ignore[arg-type] # passed on
    )
    client.create_payload_index(name, "class", models.PayloadSchemaType.KEYWORD)


def _ids(client: QdrantClient, name: str, query: list[float], **asked: object) -> list[object]:
    return [p.id for p in client.query_points(name, query=query, limit=12, **asked).points]  # type: ignore[arg-type] # passed on


def test_queries_and_writes_go_on_during_a_build_and_are_right_after_it(
    server: ServerProcess, client: QdrantClient, name: str
) -> None:
    """What is written, deleted and changed during a build is there after it, and found."""
    _create(client, name)
    client.upsert(name, _points(range(2000)))
    server.wait_for("index build started", name)
    answered = 0
    written = 2000
    while not server.events("index built", name):
        assert client.query_points(name, query=_vector(answered), limit=12).points
        answered += 1
        if answered % 5 == 0:
            client.upsert(name, _points(range(written, written + 50)))
            written += 50
    assert answered > 5
    client.delete(name, [0, 1, 2], wait=True)
    client.set_payload(name, {"class": "changed"}, points=[3], wait=True)
    assert client.count(name).count == written - 3
    for seed in (5, 1999, written - 1):
        assert _ids(client, name, _vector(seed))[0] == seed
    assert 1 not in _ids(client, name, _vector(1))
    changed = models.Filter(
        must=[models.FieldCondition(key="class", match=models.MatchValue(value="changed"))]
    )
    assert _ids(client, name, _vector(3), query_filter=changed) == [3]


def test_changes_of_every_kind_during_a_build_survive_it(
    server: ServerProcess, client: QdrantClient, name: str
) -> None:
    """Upserts, deletes, payload changes and field indexes made during a build are kept."""
    _create(client, name)
    client.upsert(name, _points(range(4000)))
    server.wait_for("index build started", name)
    client.upsert(name, _points(range(10_000, 10_100)))
    client.delete(name, [5], wait=True)
    client.set_payload(name, {"note": "set"}, points=[6])
    client.overwrite_payload(name, {"note": "overwritten"}, points=[7])
    client.create_payload_index(name, "number", models.PayloadSchemaType.INTEGER)
    built_before = len(server.events("index built", name))
    server.wait_for("index built", name)
    assert built_before == 0, "the build was over too soon: the test tested nothing"
    payloads = {record.id: record.payload for record in client.retrieve(name, [5, 6, 7, 10_050])}
    assert payloads == {
        6: {"class": "class-6", "number": 6, "note": "set"},
        7: {"note": "overwritten"},
        10_050: {"class": "class-0", "number": 10_050},
    }
    assert set(client.get_collection(name).payload_schema) == {"class", "number"}
    assert client.count(name).count == 4099


def test_the_index_finds_what_exact_search_finds(
    server: ServerProcess, client: QdrantClient, name: str
) -> None:
    """recall@12 of the built index against exact search is at least .99, filtered too."""
    _create(client, name)
    client.upsert(name, _points(range(2000)))
    server.wait_for("index built", name)
    assert client.get_collection(name).indexed_vectors_count == 2000
    wanted = models.Filter(
        must=[models.FieldCondition(key="class", match=models.MatchValue(value="class-3"))]
    )
    for query_filter in (None, wanted):
        found = 0
        for seed in range(10_000, 10_050):
            query = _vector(seed)
            asked = {"query_filter": query_filter}
            exact = _ids(
                client, name, query, search_params=models.SearchParams(exact=True), **asked
            )
            near = _ids(
                client, name, query, search_params=models.SearchParams(hnsw_ef=256), **asked
            )
            found += len(set(exact) & set(near))
        assert found / (50 * 12) >= 0.99


def test_quantized_vectors_find_the_same(
    server: ServerProcess, client: QdrantClient, name: str
) -> None:
    """An int8 quantized index with rescoring gives the exact scores of its hits."""
    _create(
        client,
        name,
        quantization_config=models.ScalarQuantization(
            scalar=models.ScalarQuantizationConfig(
                type=models.ScalarType.INT8, quantile=0.99, always_ram=True
            )
        ),
    )
    client.upsert(name, _points(range(1000)))
    server.wait_for("index built", name)
    params = models.SearchParams(
        quantization=models.QuantizationSearchParams(rescore=True, oversampling=3.0)
    )
    hit = client.query_points(name, query=_vector(77), limit=1, search_params=params).points[0]
    assert (hit.id, hit.score) == (77, pytest.approx(1.0, abs=1e-5))


def test_a_collection_deleted_during_its_build_is_gone(
    server: ServerProcess, client: QdrantClient, name: str
) -> None:
    """Deleting a collection ends its build; one of the same name starts empty."""
    _create(client, name)
    client.upsert(name, _points(range(3000)))
    server.wait_for("index build started", name)
    client.delete_collection(name)
    _create(client, name)
    server.wait_for("index build failed", name)
    assert client.count(name).count == 0
    client.upsert(name, _points(range(10)))
    assert client.count(name).count == 10
    collections = server.path / "collections"
    end = time.monotonic() + 30
    while len(list(collections.iterdir())) > 1 and time.monotonic() < end:
        time.sleep(0.05)
    assert len(list(collections.iterdir())) == 1

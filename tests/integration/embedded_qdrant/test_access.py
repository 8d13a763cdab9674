"""Who may open the folder and who may call: locks, keys, metrics, exit statuses."""

import subprocess
import sys
import urllib.request
from pathlib import Path

import grpc
import pytest
from qdrant_client import QdrantClient, models
from qdrant_client import grpc as qdrant

from tests.contract.embedded_qdrant.server_process import ServerProcess

PARAMS = models.VectorParams(size=4, distance=models.Distance.COSINE)

pytestmark = pytest.mark.timeout(400)


def _client(port: int, key: str | None = None) -> QdrantClient:
    return QdrantClient(
        host="127.0.0.1",
        grpc_port=port,
        prefer_grpc=True,
        check_compatibility=False,
        https=False,
        api_key=key,
        timeout=60,
    )


def test_a_second_process_on_one_folder_is_told_who_has_it(tmp_path: Path) -> None:
    """The second opener ends with status 3 and one line that names folder and process."""
    with ServerProcess(tmp_path / "storage") as first:
        second = subprocess.run(
            [sys.executable, "-m", "sketchzoo", "embedded-qdrant", "--port", "0",
             "--path", str(first.path)],
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert second.returncode == 3
        assert f"{first.path} is in use" in second.stderr
        assert f"process {first.process.pid}" in second.stderr
        assert "Traceback" not in second.stderr


def test_a_damaged_folder_is_named(tmp_path: Path) -> None:
    """A collection without its description ends the start with status 4 and names the file."""
    broken = tmp_path / "collections" / "abc"
    broken.mkdir(parents=True)
    ended = subprocess.run(
        [sys.executable, "-m", "sketchzoo", "embedded-qdrant", "--port", "0",
         "--path", str(tmp_path)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ended.returncode == 4
    assert str(broken / "collection.json") in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_calls_need_the_key_where_one_is_set(tmp_path: Path) -> None:
    """Without the key, or with another, calls are UNAUTHENTICATED; the health check needs none."""
    with ServerProcess(tmp_path / "storage", api_key="s3cret") as server:
        for key in (None, "wrong"):
            client = _client(server.port, key)
            with pytest.raises(grpc.RpcError) as caught:
                client.get_collections()
            assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED  # type: ignore[attr-defined] # a call too
            client.close()
        client = _client(server.port, "s3cret")
        assert client.get_collections().collections == []
        client.close()
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            reply = qdrant.QdrantStub(channel).HealthCheck(qdrant.HealthCheckRequest(), timeout=30)
            assert reply.version


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_the_read_only_key_reads_and_does_not_write(tmp_path: Path) -> None:
    """Queries are answered; whatever changes points, collections or aliases is denied."""
    with ServerProcess(tmp_path / "storage", api_key="s3cret", read_only_api_key="look") as server:
        writer, reader = _client(server.port, "s3cret"), _client(server.port, "look")
        writer.create_collection("photos-1", vectors_config=PARAMS)
        writer.upsert("photos-1", [models.PointStruct(id=1, vector=[1, 0, 0, 0])])
        assert [hit.id for hit in reader.query_points("photos-1", [1, 0, 0, 0]).points] == [1]
        assert [each.name for each in reader.get_collections().collections] == ["photos-1"]
        alias = models.CreateAlias(collection_name="photos-1", alias_name="photos")
        for write in (
            lambda: reader.upsert("photos-1", [models.PointStruct(id=2, vector=[0, 1, 0, 0])]),
            lambda: reader.delete("photos-1", [1]),
            lambda: reader.create_payload_index("photos-1", "class", "keyword"),
            lambda: reader.create_collection("other", vectors_config=PARAMS),
            lambda: reader.delete_collection("photos-1"),
            lambda: reader.update_collection_aliases(
                [models.CreateAliasOperation(create_alias=alias)]
            ),
        ):
            with pytest.raises(grpc.RpcError) as caught:
                write()
            assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED  # type: ignore[attr-defined] # a call too
        assert writer.count("photos-1").count == 1
        assert writer.get_aliases().aliases == []
        writer.close()
        reader.close()


def test_metrics_tell_points_and_calls(tmp_path: Path) -> None:
    """The metrics page counts calls by method and code and the points of each collection."""
    with ServerProcess(tmp_path / "storage", metrics_port=0, flush_seconds=0.1) as server:
        client = _client(server.port)
        client.create_collection("photos-1", vectors_config=PARAMS)
        client.upsert("photos-1", [models.PointStruct(id=1, vector=[1, 0, 0, 0])])
        client.get_collection("photos-1")
        client.close()
        (event,) = server.events("metrics")
        url = f"http://127.0.0.1:{event['port']}/metrics"
        with urllib.request.urlopen(url, timeout=10) as page:
            text = page.read().decode()
    assert 'sketchzoo_qdrant_points{collection="photos-1"} 1.0' in text
    assert 'sketchzoo_qdrant_indexed_points{collection="photos-1"} 0.0' in text
    assert 'sketchzoo_qdrant_waiting_writes{collection="photos-1"} 0.0' in text
    assert (
        'grpc_server_handled_total{grpc_code="OK",grpc_method="Upsert",'
        'grpc_service="qdrant.Points",grpc_type="unary"} 1.0'
    ) in text
    assert "sketchzoo_qdrant_index_build_seconds_count 0.0" in text


def test_asked_to_stop_it_ends_with_status_0_and_lets_the_folder_go(tmp_path: Path) -> None:
    """SIGTERM ends it with status 0, and the folder opens again with everything in it."""
    point = models.PointStruct(id=1, vector=[1, 0, 0, 0], payload={"class": "cat"})
    with ServerProcess(tmp_path / "storage") as server:
        client = _client(server.port)
        client.create_collection("c", vectors_config=PARAMS)
        client.create_payload_index("c", "class", models.PayloadSchemaType.KEYWORD)
        client.upsert("c", [point])
        client.update_collection_aliases(
            [
                models.CreateAliasOperation(
                    create_alias=models.CreateAlias(collection_name="c", alias_name="photos")
                )
            ]
        )
        client.close()
        assert server.stop() == 0
    with ServerProcess(tmp_path / "storage") as again:
        client = _client(again.port)
        assert client.query_points("photos", query=[1, 0, 0, 0]).points[0].payload == {
            "class": "cat"
        }
        assert set(client.get_collection("photos").payload_schema) == {"class"}
        client.close()

"""Faults of the disk, real ones, under a server that goes on."""

import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from qdrant_client import QdrantClient, models

from tests.contract.embedded_qdrant.server_process import ServerProcess

PARAMS = models.VectorParams(size=4, distance=models.Distance.COSINE)
MIB = 1024 * 1024

pytestmark = pytest.mark.timeout(400)


def _client(server: ServerProcess) -> QdrantClient:
    return QdrantClient(
        host="127.0.0.1",
        grpc_port=server.port,
        prefer_grpc=True,
        check_compatibility=False,
        timeout=60,
    )


def _upsert(client: QdrantClient, name: str, number: int) -> None:
    client.upsert(name, [models.PointStruct(id=number, vector=[1, number, 0, 0])], wait=True)


def _folder_of(server: ServerProcess, name: str) -> Path:
    return next(
        path.parent
        for path in server.path.glob("collections/*/collection.json")
        if f'"name": "{name}"' in path.read_text()
    )


def _publish(client: QdrantClient, name: str, alias: str) -> None:
    create = models.CreateAlias(collection_name=name, alias_name=alias)
    client.update_collection_aliases([models.CreateAliasOperation(create_alias=create)])


def test_a_file_that_may_not_grow_fails_one_call(tmp_path: Path) -> None:
    """With RLIMIT_FSIZE, as with a quota, a new collection is refused, in words; others go on."""
    if not hasattr(resource, "prlimit"):
        pytest.skip("the limit of another process needs Linux")
    with ServerProcess(tmp_path / "storage") as server:
        client = _client(server)
        client.create_collection("a", vectors_config=PARAMS)
        limits = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (MIB, limits[1]))
        with pytest.raises(grpc.RpcError) as caught:
            client.create_collection("b", vectors_config=PARAMS)
        assert caught.value.code() == grpc.StatusCode.INTERNAL  # type: ignore[attr-defined] # a call too
        assert "File too large" in caught.value.details()  # type: ignore[attr-defined] # a call too
        assert client.count("a").count == 0
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limits)
        client.create_collection("b", vectors_config=PARAMS)
        for name in ("a", "b"):
            _upsert(client, name, 1)
        client.close()
        assert server.stop() == 0


def test_a_folder_that_is_taken_away_fails_its_collection_alone(tmp_path: Path) -> None:
    """Writes to it are refused, since nothing would be left of them; the stop says so, status 5."""
    with ServerProcess(tmp_path / "storage") as server:
        client = _client(server)
        for name in ("a", "b"):
            client.create_collection(name, vectors_config=PARAMS)
            _upsert(client, name, 1)
        shutil.rmtree(_folder_of(server, "a"))
        for number in (2, 3):
            with pytest.raises(grpc.RpcError) as caught:
                _upsert(client, "a", number)
            assert caught.value.code() == grpc.StatusCode.INTERNAL  # type: ignore[attr-defined] # a call too
            _upsert(client, "b", number)
        client.close()
        assert server.stop() == 5
        assert "not closed in order: a;" in str(server.log[-1]["event"])
    with ServerProcess(tmp_path / "storage") as server:
        client = _client(server)
        assert client.count("b").count == 3
        client.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a file system of 48 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)],
        capture_output=True, text=True, check=False,
    ) if shutil.which("mount") else None  # fmt: skip
    if mounted is None or mounted.returncode != 0:
        pytest.skip("may not mount a file system here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_refuses_and_then_goes_on(small_disk: Path) -> None:
    """Every kind of change is RESOURCE_EXHAUSTED, nothing is lost by it, and room ends it."""
    with ServerProcess(small_disk / "storage", min_free_bytes=4 * MIB) as server:
        client = _client(server)
        client.create_collection("a", vectors_config=PARAMS)
        _publish(client, "a", "photos")
        _upsert(client, "a", 1)
        filler = small_disk / "filler"
        with filler.open("wb") as file, pytest.raises(OSError, match="No space left"):
            file.writelines(bytes(MIB) for _ in range(48))
        for change in (
            lambda: _upsert(client, "a", 2),
            lambda: client.create_collection("b", vectors_config=PARAMS),
            lambda: client.delete_collection("a"),
            lambda: _publish(client, "a", "others"),
        ):
            with pytest.raises(grpc.RpcError) as caught:
                change()
            assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED  # type: ignore[attr-defined] # a call too
        assert client.count("photos").count == 1
        filler.unlink()
        _upsert(client, "photos", 2)
        assert client.count("photos").count == 2
        assert client.delete_collection("a")
        client.close()
        assert server.stop() == 0


def test_damage_is_told_in_one_line_and_the_rest_is_served(tmp_path: Path) -> None:
    """A panic of the engine at the start is a line; with nothing else to serve, status 4."""
    with ServerProcess(tmp_path / "storage") as server:
        client = _client(server)
        for name in ("a", "b"):
            client.create_collection(name, vectors_config=PARAMS)
            _upsert(client, name, 1)
        folders = {name: _folder_of(server, name) for name in ("a", "b")}
        client.close()
        server.kill()  # an orderly end leaves a seal, which would be asked before the engine
    _damage(folders["a"])
    with ServerProcess(tmp_path / "storage") as server:
        client = _client(server)
        assert client.count("b").count == 1
        assert {each.name for each in client.get_collections().collections} == {"a", "b"}
        for call in (
            lambda: client.count("a"),
            lambda: _upsert(client, "a", 2),
            lambda: client.get_collection("a"),
            lambda: client.delete_collection("a"),
        ):
            with pytest.raises(grpc.RpcError) as caught:
                call()
            assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION  # type: ignore[attr-defined] # a call too
            assert str(folders["a"]) in caught.value.details()  # type: ignore[attr-defined] # a call too
        client.close()
        assert server.stop() == 0
    _damage(folders["b"])
    ended = subprocess.run(
        [sys.executable, "-m", "sketchzoo", "embedded-qdrant", "--port", "0",
         "--path", str(tmp_path / "storage")],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ended.returncode == 4
    assert "Traceback" not in ended.stderr
    last = ended.stderr.strip().splitlines()[-1]
    assert any(
        last.startswith(f"sketchzoo embedded-qdrant: {folder}") for folder in folders.values()
    )
    assert last.endswith("docs/operations/backup.md says how to restore it")


def _damage(folder: Path) -> None:
    for path in folder.glob("shard-*/segments/*/vector_storage/vectors/status.dat"):
        path.write_bytes(b"")

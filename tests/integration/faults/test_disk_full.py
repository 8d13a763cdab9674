"""Embedded Qdrant on a disk that runs full, a real file system of its own."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from qdrant_client import QdrantClient, models

from tests.contract.embedded_qdrant.server_process import ServerProcess

MIB = 1024 * 1024
DIMENSION = 512
BATCH = 20
PARAMS = models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mount 48 MiB of memory as a file system."""
    if os.geteuid() != 0:
        pytest.skip("mounting a file system takes root")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mount.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mount.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def free(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


def fill(disk: Path, leave: int) -> None:
    """Let something else take the disk, but for `leave` bytes."""
    with (disk / "ballast").open("ab") as file:
        file.write(bytes(max(0, free(disk) - leave)))


def client_of(server: ServerProcess) -> QdrantClient:
    return QdrantClient(
        host="127.0.0.1",
        grpc_port=server.port,
        prefer_grpc=True,
        check_compatibility=False,
        timeout=20,
    )


def vector(number: int) -> list[float]:
    values = [0.1] * DIMENSION
    values[number % DIMENSION] = 1.0 + number / 10_000
    return values


def write(client: QdrantClient, first: int) -> range:
    """Write a batch; returns the numbers that were acknowledged."""
    numbers = range(first, first + BATCH)
    points = [models.PointStruct(id=n, vector=vector(n), payload={"number": n}) for n in numbers]
    client.upsert("c", points, wait=True)
    return numbers


def refused(client: QdrantClient, first: int) -> str:
    with pytest.raises(grpc.RpcError) as caught:
        write(client, first)
    call: grpc.Call = caught.value  # type: ignore[assignment] # it is both
    assert call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    return str(call.details())


def held(client: QdrantClient) -> set[int]:
    records, _ = client.scroll("c", limit=10_000)
    return {int(record.id) for record in records if record.payload == {"number": record.id}}


def reads(client: QdrantClient, acknowledged: set[int]) -> None:
    assert held(client) == acknowledged
    last = max(acknowledged)
    assert client.query_points("c", query=vector(last), limit=1).points


def test_a_full_disk_refuses_writes_loses_nothing_and_recovers(disk: Path) -> None:
    """RESOURCE_EXHAUSTED that says why; reads go on; with space again, writes do; a kill too."""
    storage = disk / "storage"
    options: dict[str, object] = {"min_free_bytes": 4 * MIB, "flush_seconds": 0.5}
    acknowledged: set[int] = set()
    with ServerProcess(storage, **options) as server:
        client = client_of(server)
        client.create_collection("c", vectors_config=PARAMS)
        acknowledged |= set(write(client, 0))
        fill(disk, leave=6 * MIB)
        while free(disk) > 5 * MIB:
            acknowledged |= set(write(client, max(acknowledged) + 1))
        fill(disk, leave=0)
        assert "No space left on device" in refused(client, 500_000)
        with pytest.raises(grpc.RpcError):
            client.create_collection("other", vectors_config=PARAMS)
        reads(client, acknowledged)
        (disk / "ballast").unlink()
        acknowledged |= set(write(client, max(acknowledged) + 1))
        reads(client, acknowledged)
        server.kill()
        client.close()
    with ServerProcess(storage, **options) as server:
        client = client_of(server)
        reads(client, acknowledged)
        client.close()

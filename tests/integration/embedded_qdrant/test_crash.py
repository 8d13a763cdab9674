"""Killed at any moment, nothing acknowledged is lost."""

import random
import threading
import time
from pathlib import Path

import grpc
import pytest
from qdrant_client import QdrantClient, models

from tests.contract.embedded_qdrant.server_process import ServerProcess

DIMENSION = 32
PARAMS = models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE)


def _client(server: ServerProcess) -> QdrantClient:
    return QdrantClient(
        host="127.0.0.1",
        grpc_port=server.port,
        prefer_grpc=True,
        check_compatibility=False,
        timeout=60,
    )


def _vector(point: int) -> list[float]:
    return random.Random(point).choices([-1.0, 1.0, 0.5], k=DIMENSION)


class Writer(threading.Thread):
    """Writes batch after batch and remembers what was acknowledged, until the server dies."""

    def __init__(self, server: ServerProcess, first: int) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._next = first
        self.acknowledged: set[int] = set()
        self.deleted: set[int] = set()
        # What was asked to be deleted last: killed before its answer, it may be there or not.
        self.asked: int | None = None

    def run(self) -> None:
        client = _client(self._server)
        try:
            while True:
                batch = range(self._next, self._next + 50)
                client.upsert(
                    "c",
                    [
                        models.PointStruct(id=i, vector=_vector(i), payload={"number": i})
                        for i in batch
                    ],
                    wait=True,
                )
                self._next += 50
                self.acknowledged |= set(batch)
                gone = self.asked = batch[7]
                client.delete("c", [gone], wait=True)
                self.deleted.add(gone)
                time.sleep(0.02)  # leaves the builds a core, and the data small
        except grpc.RpcError:
            return  # killed, as it shall be
        finally:
            client.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_under_writes_and_builds_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    """After each of several kills every acknowledged point is there, right, and found.

    Index builds run all the time (threshold 200, no quiet needed), so that kills fall into
    copying, building, replaying and swapping too.
    """
    written: set[int] = set()
    deleted: set[int] = set()
    unknown: set[int] = set()
    chance = random.Random(1)
    builds = 0
    storage = tmp_path / "storage"
    options: dict[str, object] = {
        "index_threshold_points": 200,
        "index_growth": 0.01,
        "index_quiet_seconds": 0.1,
    }
    for attempt in range(5):
        with ServerProcess(storage, **options) as server:
            client = _client(server)
            if attempt == 0:
                client.create_collection("c", vectors_config=PARAMS)
            writer = Writer(server, first=attempt * 1_000_000)
            writer.start()
            # Some kills fall right after a build's start, some after its end, some anywhere.
            if attempt % 3 != 0:
                server.wait_for("index build started" if attempt % 3 == 1 else "index built")
            time.sleep(chance.uniform(0.0, 0.7))
            builds += len(server.events("index built"))
            server.kill()
            writer.join()
            client.close()
        written |= writer.acknowledged
        deleted |= writer.deleted
        if writer.asked is not None:
            unknown |= {writer.asked} - writer.deleted
    with ServerProcess(storage, **options) as server:
        client = _client(server)
        found = set()
        offset = None
        while True:
            records, offset = client.scroll("c", limit=1000, offset=offset)
            for record in records:
                assert record.payload == {"number": record.id}
                found.add(record.id)
            if offset is None:
                break
        assert sorted(written - deleted - unknown - found) == []
        assert not deleted & found
        for point in random.Random(2).sample(sorted(written - deleted - unknown), 20):
            hit = client.query_points(
                "c", query=_vector(point), limit=1, search_params=models.SearchParams(exact=True)
            ).points[0]
            assert hit.score == pytest.approx(1.0, abs=1e-5)
        client.close()
    shards = list(storage.glob("collections/*/shard-*"))
    assert len(shards) <= 2, "what killed builds left behind is removed"
    assert builds > 0, "no index was built: the test tested too little"

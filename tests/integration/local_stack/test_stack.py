"""`sketchzoo up`, `demo` and their parts, as processes."""

import signal
import time
from pathlib import Path

import pytest
from qdrant_client import QdrantClient, models

from tests.artefacts import tiny_model
from tests.integration.local_stack.stack_process import stack_process
from tests.integration.search_service.stack import write_photos

pytestmark = pytest.mark.slow

SIGNALS = [signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGKILL]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_model(tmp_path_factory.mktemp("model")).folder)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_nothing_outlives_an_up_that_is_ended_at_its_start(
    number: signal.Signals, tmp_path: Path, model: str
) -> None:
    """Whatever ends it, milliseconds after its first part: two seconds later nothing lives."""
    with stack_process("up", "--model", model, data=tmp_path / "out") as up:
        up.wait_for(lambda words: "embedded-qdrant" in words)
        assert up.end(number) == []
        if number != signal.SIGKILL:
            assert up.process.returncode == 128 + number


@pytest.mark.parametrize("pause", [0.0, 0.1, 0.5])
def test_nothing_outlives_an_up_that_is_killed_while_it_starts(
    pause: float, tmp_path: Path, model: str
) -> None:
    """A kill meets a start at any moment."""
    with stack_process("up", "--model", model, data=tmp_path / "out") as up:
        up.wait_for(lambda words: any("guardian.py" in word for word in words))
        time.sleep(pause)
        assert up.end(signal.SIGKILL) == []


def test_nothing_outlives_an_up_that_is_killed_while_it_indexes(tmp_path: Path, model: str) -> None:
    """An index build is a part's child, busy for seconds, and ends with the stack too."""
    environment = {
        "SKETCHZOO_EMBEDDED_QDRANT_INDEX_THRESHOLD_POINTS": "100",
        "SKETCHZOO_EMBEDDED_QDRANT_INDEX_QUIET_SECONDS": "0.05",
        "SKETCHZOO_EMBEDDED_QDRANT_INDEX_THREADS": "1",
    }
    options = {"data": tmp_path / "out", "environment": environment}
    with stack_process("up", "--model", model, **options) as up:
        _fill(up.wait_published()["SKETCHZOO_QDRANT_URL"])
        up.wait_for(lambda words: "embedded_qdrant.index_child" in words)
        assert up.end(signal.SIGKILL) == []


def test_an_up_that_runs_stops_its_parts_in_order(tmp_path: Path, model: str) -> None:
    """Asked by a closed terminal, it lets each part end as it should: their logs say so."""
    with stack_process("up", "--model", model, data=tmp_path / "out") as up:
        up.wait_up()
        assert up.end(signal.SIGHUP) == []
        assert up.process.returncode == 0
        for part in ("embedded-qdrant", "encoder", "search", "live"):
            assert "stopped" in (up.data / "logs" / f"{part}.log").read_text()


@pytest.mark.parametrize(("step", "number"), [("draw", signal.SIGKILL), ("ingest", signal.SIGTERM)])
def test_nothing_outlives_a_demo_that_is_ended_at_work(
    step: str, number: signal.Signals, tmp_path: Path, model: str
) -> None:
    """Neither do the commands that it runs, nor the processes that draw for them."""
    photos = []
    if step == "ingest":
        write_photos(tmp_path / "photos", 8)
        photos = ["--photos", str(tmp_path / "photos")]
    with stack_process("demo", "--model", model, *photos, data=tmp_path / "out") as demo:
        demo.wait_for(lambda words: _is_at(step, words))
        assert demo.end(number) == []


def _is_at(step: str, words: list[str]) -> bool:
    if step == "draw":  # the pool's own processes, which are children of a child
        return any("spawn_main" in word for word in words)
    return "ingest" in words


def _fill(url: str) -> None:
    host, _, port = url.removeprefix("http://").partition(":")
    client = QdrantClient(
        host=host,
        grpc_port=int(port),
        prefer_grpc=True,
        check_compatibility=False,
        timeout=60,
        grpc_options={"grpc.enable_http_proxy": 0},
    )
    size, count = 64, 20_000
    client.create_collection(
        "many", vectors_config=models.VectorParams(size=size, distance=models.Distance.COSINE)
    )
    for start in range(0, count, 5_000):
        numbers = range(start, start + 5_000)
        vectors = [[((n * 7919 + k * 104_729) % 1000) / 1000 for k in range(size)] for n in numbers]
        client.upsert("many", models.Batch(ids=list(numbers), vectors=vectors), wait=True)
    client.close()

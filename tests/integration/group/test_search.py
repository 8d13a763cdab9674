"""`sketchzoo search` as several processes on one port, in front of an encoder and a Qdrant."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sketchzoo.client import Client
from sketchzoo.search.v1 import search_pb2, search_pb2_grpc
from tests.artefacts import encoder_process, picture, tiny_model
from tests.contract.embedded_qdrant.server_process import ServerProcess
from tests.integration.group.family import is_gone, members, own_channel, page, until
from tests.integration.search_service.stack import (
    SearchProcess,
    fill,
    search_process,
    write_photos,
)

SEARCH = "sketchzoo.search.v1.SearchService/Search"

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="others share no connections out"),
    # Starting several processes takes a busy machine minutes.
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchProcess]:
    root = tmp_path_factory.mktemp("group")
    model = tiny_model(root / "model")
    paths = write_photos(root / "photos", 12)
    file = root / "port"
    with (
        ServerProcess(root / "qdrant") as qdrant,
        encoder_process(model.folder) as encoder,
    ):
        url = f"http://127.0.0.1:{qdrant.port}"
        asyncio.run(fill(encoder.target, url, paths))
        settings = {"processes": 2, "port_file": file, "token": "s3cret"}
        with search_process(encoder.target, url, **settings) as search:
            assert file.read_text() == f"{search.port}\n"
            until(lambda: page(search.metrics_port)["sketchzoo_search_ready"] == 1, "not ready")
            yield search


def who_answered(group: SearchProcess) -> list[int]:
    return [each["process"] for each in list(group.events) if each.get("method") == SEARCH]


async def search_once(target: str, seed: int) -> int:
    """Search by a connection of one's own; return how many photos were found."""
    request = search_pb2.SearchRequest(query=search_pb2.Query(sketch=picture(seed)))
    async with own_channel(target) as channel:
        answer = await search_pb2_grpc.SearchServiceStub(channel).Search(
            request, timeout=30, metadata=[("authorization", "Bearer s3cret")]
        )
    return len(answer.hits)


async def test_searches_reach_each_process_and_one_page_sums_them(group: SearchProcess) -> None:
    """Token and gallery are every process's; searches count whoever answers them."""
    series = 'sketchzoo_search_queries_total{code="OK",kind="sketch"}'
    before = page(group.metrics_port).get(series, 0)
    found = [await search_once(group.target, seed) for seed in range(24)]
    assert found == [12] * 24
    shown = page(group.metrics_port)
    assert shown[series] == before + 24
    assert shown['sketchzoo_search_places{kind="searches"}'] <= 64
    assert shown["sketchzoo_search_ready"] == 1
    await asyncio.to_thread(until, lambda: set(who_answered(group)) == {0, 1}, "one answered all")


def test_the_sdk_goes_on_while_a_process_is_killed(group: SearchProcess) -> None:
    """Its retry finds the other process when the one that it is connected to is gone."""
    listened = len([each for each in group.events if each["event"] == "listening"])
    over = threading.Event()

    def go_on(seed: int) -> int:
        with Client(group.target, token="s3cret", timeout=20, retries=5) as client:  # noqa: S106
            searches = 0
            while not over.is_set():
                assert client.search(picture(seed + searches)).hits
                searches += 1
            return searches

    with ThreadPoolExecutor(6) as pool:
        callers = [pool.submit(go_on, 1000 * seed) for seed in range(6)]
        answered = len(who_answered(group))
        until(lambda: len(who_answered(group)) > answered, "no search is answered")
        victim = members(group.process.pid)[who_answered(group)[-1]]
        os.kill(victim, signal.SIGKILL)
        until(
            lambda: len([each for each in group.events if each["event"] == "listening"]) > listened,
            "it does not come back",
        )
        over.set()
        assert all(caller.result(60) for caller in callers)
    assert is_gone(victim)
    until(lambda: page(group.metrics_port)["sketchzoo_search_ready"] == 1, "not ready again")


def test_sigterm_ends_all(group: SearchProcess) -> None:
    """Exit 0; each process says once that it stopped, and none is left."""
    children = members(group.process.pid)
    group.process.terminate()
    assert group.process.wait(60) == 0
    assert all(map(is_gone, children))
    until(lambda: len([e for e in group.events if e["event"] == "stopped"]) == 3, "not said")

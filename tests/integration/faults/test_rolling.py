"""Restarts under load: with two replicas nobody notices, with one nobody waits."""

import asyncio
import re
import signal
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self
from urllib.request import urlopen

import pytest

from sketchzoo.client import Client, SearchError, Unavailable
from tests.artefacts import encoder_process, picture, tiny_model
from tests.contract.embedded_qdrant.server_process import ServerProcess
from tests.integration.search_service.stack import SearchProcess, fill, search_process, write_photos

# Starting six processes takes a busy machine minutes.
pytestmark = [pytest.mark.timeout(400), pytest.mark.slow]


class Load:
    """Callers that search without pause while the context is open."""

    def __init__(self, target: str, callers: int = 4) -> None:
        self.answered = 0
        self.failed: list[SearchError] = []
        self._target = target
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._call, args=(number,)) for number in range(callers)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def goes_on(self, answers: int = 20) -> None:
        """Wait for so many further answers."""
        wanted = self.answered + answers
        end = time.monotonic() + 60
        while self.answered < wanted:
            assert time.monotonic() < end, self.failed
            time.sleep(0.01)

    def _call(self, number: int) -> None:
        # No retries of the client's own: gRPC's, for calls that no server has begun, remain.
        with Client(self._target, timeout=30, retries=0) as client:
            seed = number * 1_000_000
            while not self._stop.is_set():
                seed += 1
                try:
                    client.search(picture(seed))
                except SearchError as error:
                    with self._lock:
                        self.failed.append(error)
                else:
                    with self._lock:
                        self.answered += 1


def answered(search: SearchProcess) -> bool:
    """Tell whether a replica's own metrics count answered searches."""
    with urlopen(f"http://127.0.0.1:{search.metrics_port}/metrics", timeout=10) as page:
        return (
            re.search(r'sketchzoo_search_queries_total\{code="OK".*\} [1-9]', page.read().decode())
            is not None
        )


def test_restarting_each_of_two_replicas_fails_no_search(tmp_path: Path) -> None:
    """SIGTERM to each encoder and each search service in turn, under load: zero failures."""
    with ExitStack() as scope:
        model = tiny_model(tmp_path / "model")
        qdrant = scope.enter_context(ServerProcess(tmp_path / "qdrant"))
        url = f"http://127.0.0.1:{qdrant.port}"
        encoders = [scope.enter_context(encoder_process(model.folder)) for _ in range(2)]
        asyncio.run(fill(encoders[0].target, url, write_photos(tmp_path / "photos", 30)))
        both = "ipv4:" + ",".join(encoder.target for encoder in encoders)
        searches = [scope.enter_context(search_process(both, url)) for _ in range(2)]
        for search in searches:
            search.wait_serving()
        target = "ipv4:" + ",".join(search.target for search in searches)
        with Load(target) as load:
            load.goes_on()
            assert all(answered(search) for search in searches), "round robin reaches both"
            for encoder in encoders:
                encoder.process.send_signal(signal.SIGTERM)
                assert encoder.process.wait(60) == 0
                load.goes_on()
                scope.enter_context(encoder_process(model.folder, port=encoder.port))
                # Both are called in turn again before the other one goes.
                time.sleep(2)
                load.goes_on()
            for search in searches:
                search.process.send_signal(signal.SIGTERM)
                assert search.process.wait(60) == 0
                load.goes_on()
                again = scope.enter_context(search_process(both, url, port=search.port))
                again.wait_serving()
                time.sleep(2)
                load.goes_on()
        assert load.failed == []
        assert load.answered > 100


def test_restarting_the_only_replica_only_refuses(tmp_path: Path) -> None:
    """SIGTERM to the one encoder, then to the one search service, under load: UNAVAILABLE.

    No search fails in another way or waits for its deadline, and all goes on after.
    """
    with ExitStack() as scope:
        model = tiny_model(tmp_path / "model")
        qdrant = scope.enter_context(ServerProcess(tmp_path / "qdrant"))
        url = f"http://127.0.0.1:{qdrant.port}"
        encoder = scope.enter_context(encoder_process(model.folder))
        asyncio.run(fill(encoder.target, url, write_photos(tmp_path / "photos", 30)))
        search = scope.enter_context(search_process(encoder.target, url))
        search.wait_serving()
        with Load(search.target) as load:
            load.goes_on()
            encoder.process.send_signal(signal.SIGTERM)
            assert encoder.process.wait(60) == 0
            scope.enter_context(encoder_process(model.folder, port=encoder.port))
            load.goes_on()
            by_encoder = len(load.failed)
            search.process.send_signal(signal.SIGTERM)
            assert search.process.wait(60) == 0
            again = scope.enter_context(search_process(encoder.target, url, port=search.port))
            again.wait_serving()
            load.goes_on()
        assert by_encoder
        assert len(load.failed) > by_encoder
        # DeadlineExceeded is an Unavailable too, and would be one that waited.
        assert [repr(error) for error in load.failed if type(error) is not Unavailable] == []

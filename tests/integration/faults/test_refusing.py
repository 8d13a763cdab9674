"""Search while Qdrant is there and refuses; that nobody listens is `test_faults`' business."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count

import grpc
import pytest

from sketchzoo.client import Client, Overloaded, SearchError, SearchResult, Unavailable
from tests.artefacts import encoder_process, picture, tiny_model
from tests.contract.embedded_qdrant.server_process import ServerProcess
from tests.integration.faults.doorman import Doorman, Refusal
from tests.integration.search_service.stack import (
    SearchProcess,
    fill,
    search_process,
    write_photos,
)

pytestmark = pytest.mark.timeout(400)


@dataclass(frozen=True, slots=True)
class Stack:
    client: Client
    search: SearchProcess
    qdrant: Doorman
    seeds: Iterator[int]

    def ask(self) -> SearchResult | SearchError:
        try:
            return self.client.search(picture(next(self.seeds)))
        except SearchError as error:
            return error

    def recovers(self) -> None:
        self.qdrant.refusal = None
        end = time.monotonic() + 20
        while not isinstance(answer := self.ask(), SearchResult):
            assert time.monotonic() < end, answer
            time.sleep(0.02)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    root = tmp_path_factory.mktemp("refusing")
    with ExitStack() as scope:
        model = tiny_model(root / "model")
        qdrant = scope.enter_context(ServerProcess(root / "qdrant"))
        doorman = scope.enter_context(Doorman(f"127.0.0.1:{qdrant.port}"))
        encoder = scope.enter_context(encoder_process(model.folder))
        url = f"http://127.0.0.1:{doorman.port}"
        asyncio.run(fill(encoder.target, url, write_photos(root / "photos", 30)))
        search = scope.enter_context(search_process(encoder.target, url))
        search.wait_serving()
        client = scope.enter_context(Client(search.target, timeout=5, retries=0))
        yield Stack(client, search, doorman, count())


def test_qdrant_that_refuses_everything_is_away(stack: Stack) -> None:
    """UNAVAILABLE on every call: UNAVAILABLE, health says so; then answers again."""
    stack.qdrant.refusal = Refusal(grpc.StatusCode.UNAVAILABLE)
    answer = stack.ask()
    assert type(answer) is Unavailable
    assert "Qdrant is away" in str(answer)
    stack.search.wait_serving(state=False)
    assert type(stack.ask()) is Unavailable
    stack.recovers()
    stack.search.wait_serving()


def test_a_busy_qdrant_tells_the_caller_when_to_come_back(stack: Stack) -> None:
    """RESOURCE_EXHAUSTED with a retry-after: the same, with RetryInfo; search stays SERVING."""
    stack.qdrant.refusal = Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, retry_after=3)
    answers = [stack.ask() for _ in range(3)]
    # Longer than two readiness checks.
    time.sleep(2.5)
    answers.append(stack.ask())
    assert [type(answer) for answer in answers] == [Overloaded] * 4
    assert all(isinstance(a, Overloaded) and a.retry_after == 3 for a in answers)
    assert stack.search.serving()
    stack.recovers()


def test_a_query_refused_by_qdrant_alone_leaves_search_serving(stack: Stack) -> None:
    """RESOURCE_EXHAUSTED without more on queries alone: Overloaded; the next one is answered."""
    stack.qdrant.refusal = Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, method="QueryBatch")
    assert isinstance(stack.ask(), Overloaded)
    stack.qdrant.refusal = None
    assert isinstance(stack.ask(), SearchResult)
    assert stack.search.serving()

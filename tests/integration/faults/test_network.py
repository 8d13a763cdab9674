"""Search while the network between it and the encoder stalls, forgets, or is slow."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from sketchzoo.client import Client, DeadlineExceeded, SearchError, SearchResult, Unavailable
from tests.artefacts import encoder_process, picture, tiny_model
from tests.contract.embedded_qdrant.server_process import ServerProcess
from tests.integration.faults.relay import Relay
from tests.integration.search_service.stack import (
    SearchProcess,
    fill,
    search_process,
    write_photos,
)

DEADLINE = 2.0
# Two seconds are the aim; a busy machine takes more, and gRPC without its ping timeout sixty.
PATIENCE = 20.0
# Starting three processes takes a busy machine minutes.
pytestmark = pytest.mark.timeout(400)


@dataclass(slots=True)
class Stack:
    client: Client
    search: SearchProcess
    encoder: Relay
    qdrant: Relay
    seeds: Iterator[int] = field(default_factory=count)

    def ask(self) -> SearchResult | SearchError:
        """Search with a picture never asked before, whose embedding nobody keeps."""
        try:
            return self.client.search(picture(next(self.seeds)))
        except SearchError as error:
            return error

    def answers_within(self, seconds: float) -> float:
        start = time.monotonic()
        while not isinstance(answer := self.ask(), SearchResult):
            assert isinstance(answer, DeadlineExceeded | Unavailable), answer
            assert time.monotonic() - start < seconds, answer
            time.sleep(0.05)
        return time.monotonic() - start


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    root = tmp_path_factory.mktemp("network")
    with ExitStack() as scope:
        model = tiny_model(root / "model")
        qdrant = scope.enter_context(ServerProcess(root / "qdrant"))
        encoder = scope.enter_context(encoder_process(model.folder))
        paths = write_photos(root / "photos", 30)
        asyncio.run(fill(encoder.target, f"http://127.0.0.1:{qdrant.port}", paths))
        to_encoder = scope.enter_context(Relay(encoder.port))
        to_qdrant = scope.enter_context(Relay(qdrant.port))
        search = scope.enter_context(
            search_process(f"127.0.0.1:{to_encoder.port}", f"http://127.0.0.1:{to_qdrant.port}")
        )
        search.wait_serving()
        client = scope.enter_context(Client(search.target, timeout=DEADLINE, retries=0))
        yield Stack(client, search, to_encoder, to_qdrant)


@pytest.mark.parametrize("part", ["encoder", "qdrant"])
def test_a_stalled_network_holds_nobody_beyond_his_deadline(stack: Stack, part: str) -> None:
    """Bytes are held: DEADLINE_EXCEEDED or UNAVAILABLE; they flow: answers again."""
    relay: Relay = getattr(stack, part)
    assert isinstance(stack.ask(), SearchResult)
    relay.hold()
    try:
        assert isinstance(stack.ask(), DeadlineExceeded | Unavailable)
        stack.search.wait_serving(state=False)
    finally:
        relay.release()
    took = stack.answers_within(PATIENCE)
    print(f"recovered {took:.2f} s after the network to {part}")  # noqa: T201 - for the report


@pytest.mark.parametrize("part", ["encoder", "qdrant"])
def test_a_half_open_connection_is_found_and_replaced(stack: Stack, part: str) -> None:
    """A connection whose other end is gone without a word: a ping goes unanswered."""
    relay: Relay = getattr(stack, part)
    stack.answers_within(PATIENCE)
    relay.lose()
    # The first search may already be repeated over a new connection, within its deadline.
    took = stack.answers_within(PATIENCE)
    print(f"replaced the connection to {part} in {took:.2f} s")  # noqa: T201 - for the report


@pytest.mark.parametrize("part", ["encoder", "qdrant"])
def test_a_part_that_went_silent_is_found_again(stack: Stack, part: str) -> None:
    """New connections get no byte either: no search is answered; it speaks: answers again."""
    relay: Relay = getattr(stack, part)
    stack.answers_within(PATIENCE)
    relay.fall_silent()
    try:
        stack.search.wait_serving(state=False)
        # Long enough for the old connection to be given up, and new ones in vain.
        time.sleep(3)
        assert isinstance(stack.ask(), DeadlineExceeded | Unavailable)
    finally:
        relay.speak()
    took = stack.answers_within(PATIENCE)
    print(f"recovered {took:.2f} s after {part} spoke")  # noqa: T201 - for the report


def test_a_slow_encoder_is_given_up_at_the_deadline(tmp_path: Path) -> None:
    """The model takes longer: DEADLINE_EXCEEDED in time, and the encoder counts the drop."""
    with ExitStack() as scope:
        model = tiny_model(tmp_path / "model", work=1000)
        qdrant = scope.enter_context(ServerProcess(tmp_path / "qdrant"))
        # Nothing is tried at the start, which is long enough with such a model.
        encoder = scope.enter_context(encoder_process(model.folder, workers=1, threads_alone=1))
        url = f"http://127.0.0.1:{qdrant.port}"
        asyncio.run(fill(encoder.target, url, write_photos(tmp_path / "photos", 1)))
        search = scope.enter_context(search_process(encoder.target, url))
        search.wait_serving()
        # How long one takes here, so that a quarter of it is too short on any machine.
        start = time.monotonic()
        scope.enter_context(Client(search.target, timeout=60)).search(picture(9))
        deadline = (time.monotonic() - start) / 4
        client = scope.enter_context(Client(search.target, timeout=deadline, retries=0))
        for seed in range(3):
            start = time.monotonic()
            with pytest.raises(DeadlineExceeded):
                client.search(picture(seed))
            assert time.monotonic() - start < 20
        assert search.serving(), "a slow encoder is not an absent one"

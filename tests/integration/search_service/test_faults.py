"""What search answers while its parts are killed, paused and brought back."""

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest

from sketchzoo.client import (
    Client,
    DeadlineExceeded,
    InvalidRequest,
    NotReady,
    SearchError,
    SearchResult,
    Unavailable,
)
from sketchzoo.cores import available_cores
from sketchzoo.model import ModelArtefact
from sketchzoo.rpc.errors import from_call
from sketchzoo.search.v1 import search_pb2, search_pb2_grpc
from tests.artefacts import EncoderProcess, encoder_process, picture, tiny_model
from tests.contract.embedded_qdrant.server_process import ServerProcess
from tests.hostile_images import HOSTILE, jpeg_of_scans
from tests.integration.search_service.stack import (
    SearchProcess,
    fill,
    search_process,
    write_photos,
)

DEADLINE = 2.0
# Starting three processes takes a busy machine minutes.
pytestmark = pytest.mark.timeout(400)


class Stack:
    """All three parts, and the means to end and to bring back each."""

    def __init__(self, root: Path, scope: ExitStack) -> None:
        self.root = root
        self._scope = scope
        self.model: ModelArtefact = tiny_model(root / "model")
        self.paths = write_photos(root / "photos", 30)
        self.qdrant = scope.enter_context(ServerProcess(root / "qdrant"))
        self.url = f"http://127.0.0.1:{self.qdrant.port}"
        self.encoder = self.start_encoder(self.model, 0)
        asyncio.run(fill(self.encoder.target, self.url, self.paths))
        self.search: SearchProcess = scope.enter_context(
            search_process(self.encoder.target, self.url, drain_seconds=5)
        )
        self.client = scope.enter_context(Client(self.search.target, timeout=DEADLINE, retries=0))
        self.search.wait_serving()

    def start_encoder(self, model: ModelArtefact, port: int) -> EncoderProcess:
        return self._scope.enter_context(encoder_process(model.folder, port=port))

    def start_qdrant(self) -> None:
        again = ServerProcess(self.root / "qdrant", port=self.qdrant.port)
        self.qdrant = self._scope.enter_context(again)

    def ask(self, seed: int) -> SearchResult | SearchError:
        """Search with a picture that was not asked before; never longer than the deadline."""
        start = time.monotonic()
        try:
            answer: SearchResult | SearchError = self.client.search(picture(seed))
        except SearchError as error:
            answer = error
        # The deadline is the call's; what little is over it is the machine's.
        assert time.monotonic() - start < DEADLINE + 20
        return answer

    def search_as_is(self, sketch: bytes) -> grpc.StatusCode:
        """Search without the SDK, which would make a large picture small; return the code."""
        request = search_pb2.SearchRequest(query=search_pb2.Query(sketch=sketch))
        with grpc.insecure_channel(self.search.target) as channel:
            try:
                search_pb2_grpc.SearchServiceStub(channel).Search(request, timeout=DEADLINE)
            except grpc.RpcError as error:
                return from_call(error).code
        return grpc.StatusCode.OK

    def recovers(self) -> float:
        """Wait until searches are answered again; return how many seconds that took."""
        start = time.monotonic()
        seed = 10_000
        while True:
            if isinstance(self.ask(seed), SearchResult):
                return time.monotonic() - start
            assert time.monotonic() < start + 30, self.search.events[-20:]
            seed += 1
            time.sleep(0.02)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with ExitStack() as scope:
        yield Stack(tmp_path_factory.mktemp("stack"), scope)


@pytest.fixture
def stack(whole: Stack) -> Stack:
    """Return the one stack: starting it takes seconds, so tests bring back what they took."""
    whole.search.wait_serving()
    return whole


def test_an_encoder_killed_and_back(stack: Stack) -> None:
    """UNAVAILABLE while it is away, NOT_SERVING, and answers again when it is back."""
    port = stack.encoder.port
    stack.encoder.process.kill()
    stack.encoder.process.wait()
    for seed in range(3):
        assert isinstance(stack.ask(seed), Unavailable)
    stack.search.wait_serving(state=False)
    assert isinstance(stack.ask(4), Unavailable)
    stack.encoder = stack.start_encoder(stack.model, port)
    print(f"recovered {stack.recovers():.2f} s after the encoder")  # noqa: T201 - for the report
    stack.search.wait_serving()


def test_pictures_that_take_long_stop_no_search(stack: Stack) -> None:
    """As many as the encoder has workers: health stays true, others are answered after them."""
    slow = HOSTILE["a BMP of 4,000,000 runs"]()
    many = jpeg_of_scans(2000)
    with (
        Client(stack.search.target, timeout=60, retries=0) as patient,
        ThreadPoolExecutor(8) as pool,
    ):
        held = [
            pool.submit(stack.search_as_is, slow + bytes([index]))
            for index in range(2 * available_cores())
        ]
        assert stack.search.serving()
        with pytest.raises(InvalidRequest, match=r"query\.sketch is a JPEG of 2006 scans"):
            patient.search(many)
        assert patient.search(picture(601)).hits
        assert stack.search.serving()
        for call in held:
            assert call.result(60) in (
                grpc.StatusCode.DEADLINE_EXCEEDED,
                grpc.StatusCode.INVALID_ARGUMENT,
            )
    assert stack.encoder.process.poll() is None


def test_qdrant_killed_and_back(stack: Stack) -> None:
    """The same with Qdrant; nothing that was ingested is lost."""
    before = stack.client.search(picture(1)).hits
    stack.qdrant.kill()
    for _ in range(3):
        assert isinstance(stack.ask(1), Unavailable)
    stack.search.wait_serving(state=False)
    stack.start_qdrant()
    print(f"recovered {stack.recovers():.2f} s after Qdrant")  # noqa: T201 - for the report
    assert stack.client.search(picture(1)).hits == before


@pytest.mark.parametrize("part", ["encoder", "qdrant"])
def test_a_paused_part_holds_nobody_beyond_his_deadline(stack: Stack, part: str) -> None:
    """SIGSTOP: DEADLINE_EXCEEDED, then UNAVAILABLE at once; SIGCONT: answers again."""
    process = getattr(stack, part).process
    process.send_signal(signal.SIGSTOP)
    try:
        # Sketches that were not asked before: the others need no encoder.
        first = stack.ask(501 if part == "encoder" else 503)
        assert isinstance(first, DeadlineExceeded | Unavailable)
        stack.search.wait_serving(state=False)
        known = stack.ask(502)
        assert isinstance(known, Unavailable)
        assert not isinstance(known, DeadlineExceeded)
    finally:
        process.send_signal(signal.SIGCONT)
    print(f"recovered {stack.recovers():.2f} s after {part}")  # noqa: T201 - for the report


def test_another_model_is_served_when_its_gallery_is_complete(stack: Stack) -> None:
    """New encoder: refused with a reason; new gallery published: answered by it alone."""
    other = tiny_model(stack.root / "other", name="other", seed=1)
    port = stack.encoder.port
    old = stack.client.search(picture(0))
    stack.encoder.process.kill()
    stack.encoder.process.wait()
    stack.encoder = stack.start_encoder(other, port)
    stack.search.wait_serving(state=False)
    deadline = time.monotonic() + 20
    while not isinstance(error := stack.ask(0), NotReady):
        assert time.monotonic() < deadline, error
    assert error.reason == "MODEL_MISMATCH"
    asyncio.run(fill(stack.encoder.target, stack.url, stack.paths))
    stack.search.wait_serving()
    new = stack.client.search(picture(0))
    assert not new.timings.cached
    assert old.model_fingerprint == stack.model.fingerprint != other.fingerprint
    stack.model = other
    assert new.model_fingerprint == stack.model.fingerprint


def test_sigterm_ends_what_is_under_way_first(stack: Stack) -> None:  # the last of this stack
    """A search under way is answered, health says NOT_SERVING, the exit status is 0."""
    stream: Any = stack.client.live(iter([picture(1)]))
    assert next(stream).result is not None
    stack.search.process.send_signal(signal.SIGTERM)
    assert stack.search.process.wait(30) == 0
    assert stack.search.events[-1]["event"] == "stopped"


def test_a_taken_port_and_a_missing_root_end_the_start(tmp_path: Path) -> None:
    """Exit status 2 and one line that says which."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        cases = [
            (["--port", str(port)], str(port)),
            (["--port", "0", "--gallery-roots", str(tmp_path / "no-such")], "no-such"),
            (["--port", "0", "--metrics-port", str(port)], "the port is taken"),
        ]
        command = [sys.executable, "-c", "from sketchzoo.cli import main; main()", "search"]
        started = [
            subprocess.Popen(
                [*command, "--metrics-port", "0", *arguments],
                stderr=subprocess.PIPE,
                text=True,
            )
            for arguments, _ in cases
        ]
        for process, (_, words) in zip(started, cases, strict=True):
            _, said = process.communicate(timeout=300)
            assert process.returncode == 2, said
            assert words in said.strip().splitlines()[-1]
            assert "Traceback" not in said

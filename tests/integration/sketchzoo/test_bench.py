"""`sketchzoo bench` as a process, against a real stack and against services that misbehave."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_status import rpc_status

from sketchzoo.rpc import exhausted, not_found, unavailable
from sketchzoo.search.v1 import search_pb2, search_pb2_grpc
from tests.artefacts import drawing, encoder_process, tiny_model
from tests.contract.embedded_qdrant.server_process import ServerProcess
from tests.integration.faults.test_tls import make_certificates
from tests.integration.search_service.stack import fill, search_process, write_photos

COMMAND = [sys.executable, "-m", "sketchzoo", "bench"]
# Starting three processes takes a busy machine minutes.
pytestmark = pytest.mark.timeout(400)


def bench(*arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GRPC_")}
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=environment,
    )


class Service(search_pb2_grpc.SearchServiceServicer):
    """Answers, or fails as the gallery's name says; counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[search_pb2.SearchRequest] = []
        self.tokens = set[str]()
        self.many = threading.Event()

    def Search(self, request: Any, context: Any) -> search_pb2.SearchResponse:  # noqa: N802
        self.asked.append(request)
        self.tokens |= {v for k, v in context.invocation_metadata() if k == "authorization"}
        if len(self.asked) > 10:
            self.many.set()
        problem = {
            "full": lambda: exhausted("the queue is full", 0.25),
            "away": lambda: unavailable("encoder", "connection refused"),
            "none": lambda: not_found("there is no gallery none"),
        }.get(request.gallery)
        # What happens to the first search ends the command.
        if problem is not None and (len(self.asked) > 1 or request.gallery == "none"):
            context.abort_with_status(rpc_status.to_status(problem().status()))
        return search_pb2.SearchResponse()


@pytest.fixture
def service() -> Iterator[tuple[str, Service]]:
    made = Service()
    server = grpc.server(ThreadPoolExecutor(4))
    search_pb2_grpc.add_SearchServiceServicer_to_server(made, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}", made
    server.stop(None).wait(5)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("stack")
    model = tiny_model(root / "model", shared=True, dimension=16)
    with (
        ServerProcess(root / "qdrant") as qdrant,
        encoder_process(model.folder) as encoder,
    ):
        url = f"http://127.0.0.1:{qdrant.port}"
        asyncio.run(fill(encoder.target, url, write_photos(root / "photos", 20)))
        with search_process(encoder.target, url) as search:
            search.wait_serving()
            yield search.target


QUICK = ["--seconds", "1", "--warm", "0", "--rate", "20"]


def test_a_stack_is_measured_at_several_rates(stack: str, tmp_path: Path) -> None:
    """By a folder's drawings: a row a rate, the same figures as JSON, and status 0."""
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(drawing(number))
    to = tmp_path / "out" / "bench.json"
    done = bench(
        *("--target", stack, "--rate", "10,20", "--seconds", "1", "--arrivals", "fixed"),
        *("--queries", tmp_path, "--slo", "p99=60s,errors=0%", "--json", to),
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert "p99=60000ms,errors=0%" in done.stdout
    found = json.loads(to.read_text())
    assert found["met"] is True
    assert [step["rate"] for step in found["steps"]] == [10, 20]
    assert [step["codes"] for step in found["steps"]] == [{"OK": 10}, {"OK": 20}]
    for step in found["steps"]:
        times = step["answered"]
        assert 0 < times["p50"] <= times["p90"] <= times["p99"] <= times["p99.9"] <= times["max"]
        assert step["exchanged"]["max"] <= times["max"]
        assert step["slo"]["p99"] == {"value": times["p99"], "bound": 60, "met": True}


def test_strokes_need_no_files_and_the_highest_rate_is_found(stack: str) -> None:
    """An objective that holds at no rate is status 1, and the search ends by itself."""
    done = bench("--target", stack, *QUICK, "--highest", "--slo", "p50=0.001ms", "--json", "-")
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert (found["highest"], found["met"]) == (None, False)
    assert [step["rate"] for step in found["steps"]] == [20, 10]
    assert "is met at no rate that was tried" in done.stderr


def test_what_is_asked_is_what_was_said(service: tuple[str, Service]) -> None:
    """Words and focus beside each drawing, a class, a gallery, a token; no two drawings alike."""
    target, made = service
    done = bench(
        *("--target", target, *QUICK, "--text", "red", "--text", "blue", "--focus", "shape"),
        *("--class", "crab", "--gallery", "zoo", "--limit", "3", "--token", "s3cret"),
    )
    assert done.returncode == 0, done.stderr
    assert made.tokens == {"Bearer s3cret"}
    assert "s3cret" not in done.stdout + done.stderr
    drawn = {request.query.strokes.SerializeToString() for request in made.asked}
    assert len(drawn) == len(made.asked)
    assert all(request.query.focus == search_pb2.FOCUS_SHAPE for request in made.asked)
    assert all((each.gallery, each.limit) == ("zoo", 3) for each in made.asked)
    assert all(list(request.filter.classes) == ["crab"] for request in made.asked)
    texts = Counter(request.query.text for request in made.asked)
    assert set(texts) == {"red", "blue"}
    assert abs(texts["red"] - texts["blue"]) <= 1


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")
def test_it_speaks_tls_where_a_ca_is_given(tmp_path: Path) -> None:
    """And shows a certificate of its own, as `sketchzoo query` does; without, status 4."""
    made = make_certificates(tmp_path / "tls")
    keys = [(made.key.read_bytes(), made.certificate.read_bytes())]
    server = grpc.server(ThreadPoolExecutor(2))
    search_pb2_grpc.add_SearchServiceServicer_to_server(Service(), server)
    credentials = grpc.ssl_server_credentials(keys, made.ca.read_bytes(), True)  # noqa: FBT003 - grpc's own
    target = f"127.0.0.1:{server.add_secure_port('127.0.0.1:0', credentials)}"
    server.start()
    try:
        shown = ("--client-certificate", made.certificate, "--client-key", made.key)
        done = bench("--target", target, *QUICK, "--ca", made.ca, *shown)
        assert done.returncode == 0, done.stderr
        assert bench("--target", target, *QUICK).returncode == 4
    finally:
        server.stop(None).wait(5)


def test_refusals_are_counted_with_what_they_say(service: tuple[str, Service]) -> None:
    """By code, with RetryInfo's pause; an objective is not met by refusing."""
    target, _ = service
    done = bench("--target", target, *QUICK, "--gallery", "full", "--slo", "p99=60s")
    assert done.returncode == 1, done.stderr
    assert "RESOURCE_EXHAUSTED" in done.stdout
    assert "were told when to come back (p50 0.25 s)" in done.stdout
    assert "missed: p99 never answered" in done.stdout


def test_no_failure_is_repeated_until_it_passes(service: tuple[str, Service]) -> None:
    """What gRPC would try again by itself counts, once."""
    target, made = service
    done = bench("--target", target, *QUICK, "--gallery", "away", "--arrivals", "fixed")
    assert done.returncode == 0, done.stderr
    assert "20/s: 20 UNAVAILABLE" in done.stdout
    assert len(made.asked) == 21


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_broken_off_it_tells_what_was_measured(
    service: tuple[str, Service], tmp_path: Path, number: signal.Signals
) -> None:
    """Status 130, a table and whole JSON, without a verdict."""
    target, made = service
    to = tmp_path / "bench.json"
    running = subprocess.Popen(
        [
            *(*COMMAND, "--target", target, "--rate", "50", "--seconds", "600", "--warm", "0"),
            *("--slo", "p99=1s", "--json", str(to)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert made.many.wait(60)
    running.send_signal(number)
    said, wrong = running.communicate(timeout=60)
    assert running.returncode == 130, wrong
    assert "broken off after" in said
    found = json.loads(to.read_text())
    assert (found["broken_off"], found["met"]) == (True, None)
    assert found["steps"][0]["codes"]["OK"] > 0
    assert "Traceback" not in wrong


def test_a_refused_search_is_told_before_anything_is_measured(
    service: tuple[str, Service],
) -> None:
    """Status 3 and one line."""
    target, made = service
    done = bench("--target", target, *QUICK, "--gallery", "none")
    assert done.returncode == 3
    assert done.stderr.splitlines() == [f"sketchzoo bench: {target}: there is no gallery none"]
    assert len(made.asked) == 1


def test_a_target_that_is_away_is_told() -> None:
    """Status 4, as of every command."""
    with socket.socket() as taken:  # bound, but nothing listens
        taken.bind(("127.0.0.1", 0))
        target = f"127.0.0.1:{taken.getsockname()[1]}"
        done = bench("--target", target, *QUICK)
    assert done.returncode == 4, done.stderr
    assert done.stderr.splitlines() == [
        f"sketchzoo bench: {target}: connection refused: nothing listens there"
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rate", "ten"], "'ten' must be numbers"),
        (["--rate", "0.1", "--seconds", "1"], "are 0.1 calls: 10 to 2,000,000"),
        (["--slo", "fast"], "write p99=200ms"),
        (["--highest"], "--highest needs --slo"),
        (["--queries", "none"], "needs --text"),
        (["--queries", "nowhere"], "nowhere is no folder"),
        (["--target", "localhost"], "host:port"),
    ],
)
def test_wrong_usage_says_what_would_be_right(options: list[str], said: str) -> None:
    """Status 2."""
    done = bench(*options)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())

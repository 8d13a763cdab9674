"""`sketchzoo query` at addresses where no search service answers, and with a wrong CA."""

import http.server
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from tests.integration.sketchzoo.zoo_service import query


@pytest.fixture
def web_page() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def another_service() -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait(5)


@pytest.fixture
def nobody() -> Iterator[str]:
    with socket.socket() as taken:  # bound, but nothing listens
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize(
    ("address", "said", "status"),
    [
        ("nobody", "connection refused", 4),
        ("web_page", "does not speak gRPC", 4),
        ("another_service", "no search service", 3),
    ],
)
def test_a_wrong_address_is_told_in_plain_words(
    request: pytest.FixtureRequest, sketch: Path, address: str, said: str, status: int
) -> None:
    """One line that names the address and why, none of gRPC's own."""
    target = request.getfixturevalue(address)
    done = query(sketch, "--search-target", target, "--timeout", "3")
    assert done.returncode == status, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert target in done.stderr
    assert said in done.stderr


@pytest.mark.parametrize("target", ["http://127.0.0.1:50052", "127.0.0.1", ":::"])
def test_what_is_no_address_is_wrong_usage(sketch: Path, target: str) -> None:
    """Status 2, and how an address is written."""
    done = query(sketch, "--search-target", target)
    assert done.returncode == 2
    assert "host:port" in done.stderr.splitlines()[-1]


def test_a_ca_that_is_none_is_named(sketch: Path, zoo: str) -> None:
    """Status 2 and the file, not a handshake that failed."""
    done = query(sketch, "--search-target", zoo, "--ca", sketch)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(f"{sketch} holds no certificate in PEM form")

"""`sketchzoo query` as a process, against a service of three classes and addresses of none."""

import http.server
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from PIL import Image, ImageDraw

from sketchzoo.search.v1 import search_pb2, search_pb2_grpc


class Zoo(search_pb2_grpc.SearchServiceServicer):
    """Finds one crab, whatever is asked."""

    def Search(self, request: Any, context: Any) -> search_pb2.SearchResponse:  # noqa: N802
        hit = search_pb2.Hit(photo_id="1", class_name="crab", score=0.9, uri="file:///crab.jpg")
        return search_pb2.SearchResponse(hits=[hit], model_fingerprint="f")

    def ListClasses(self, request: Any, context: Any) -> search_pb2.ListClassesResponse:  # noqa: N802
        counts = [search_pb2.ClassCount(class_name=n, count=1) for n in ("cat", "crab", "Löwe")]
        return search_pb2.ListClassesResponse(classes=counts)


@pytest.fixture(scope="module")
def zoo() -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(2))
    search_pb2_grpc.add_SearchServiceServicer_to_server(Zoo(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait(5)


@pytest.fixture(scope="module")
def sketch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sketch") / "crab.png"
    image = Image.new("L", (64, 64), 255)
    ImageDraw.Draw(image).ellipse((10, 10, 50, 50), outline=0)
    image.save(path)
    return path


def query(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sketchzoo", "query", *map(str, arguments)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GRPC_")}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=environment
    )


def test_a_known_class_is_searched_in(zoo: str, sketch: Path) -> None:
    """Status 0 and the hits."""
    done = query(sketch, "--search-target", zoo, "--class", "crab")
    assert done.returncode == 0, done.stderr
    assert "crab" in done.stdout


@pytest.mark.parametrize(
    ("given", "said"),
    [("Crab", "did you mean crab?"), ("lowe", "did you mean Löwe?"), ("zebra", "it has Löwe")],
)
@pytest.mark.parametrize("option", ["--class", "--not-class"])
def test_an_unknown_class_is_no_empty_gallery(
    zoo: str, sketch: Path, option: str, given: str, said: str
) -> None:
    """Status 2, the class that was likely meant, or what there is."""
    done = query(sketch, "--search-target", zoo, option, given)
    assert done.returncode == 2
    assert f"no class '{given}'" in done.stderr
    assert said in done.stderr


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

"""Every part on IPv6, as a process, and what is said of an address that can't be had."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from local_stack.stack import Part, Server, Stack
from tests.artefacts import tiny_model
from tests.integration.search_service.stack import write_photos

pytestmark = pytest.mark.slow

PARTS = ("embedded-qdrant", "encoder", "search", "live")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ipv6")


@pytest.fixture(scope="module")
def model(folder: Path) -> str:
    return str(tiny_model(folder / "model").folder)


@pytest.fixture(scope="module")
def stack(folder: Path, model: str) -> Iterator[tuple[Stack, dict[str, Server]]]:
    """Run every part on ::1, written with and without brackets."""
    with Stack(folder / "logs") as stack:
        parts: dict[str, Server] = {}

        def start(name: str, host: str, *arguments: str, **environment: str) -> str:
            words = (name, "--host", host, "--metrics-port", "0", *arguments)
            part = Part(name, words, environment=environment)
            stack.start(part)
            parts[name] = stack.listening(part)
            return f"[::1]:{parts[name].port}"

        qdrant = start("embedded-qdrant", "::1", "--path", str(folder / "qdrant"))
        encoder = start("encoder", "[::1]", "--model", model)
        environment = {
            "SKETCHZOO_QDRANT_URL": f"http://{qdrant}",
            "SKETCHZOO_ENCODER_TARGET": encoder,
        }
        photos = write_photos(folder / "photos", 8)[0].parent.parent
        assert stack.run("ingest", [str(photos)], environment) == 0
        search = start("search", "[::1]", "--gallery-roots", str(photos), **environment)
        start("live", "::1", SKETCHZOO_SEARCH_TARGET=search)
        yield stack, parts


def sketchzoo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sketchzoo", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=dict(os.environ)
    )


def test_search_answers(stack: tuple[Stack, dict[str, Server]], folder: Path) -> None:
    """From the command line over search, encoder and Qdrant, all on IPv6."""
    target = f"[::1]:{stack[1]['search'].port}"
    assert sketchzoo("health", target, "--wait", "20").stdout == "SERVING\n"
    sketch = folder / "photos" / "cat" / "0.jpg"
    asked = sketchzoo("query", str(sketch), "--photo", "--search-target", target, "--json")
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout)["hits"][0]["uri"] == sketch.as_uri()


def test_the_page_and_all_metrics_answer(stack: tuple[Stack, dict[str, Server]]) -> None:
    """The page under its address in brackets, and what Prometheus reads."""
    running, parts = stack
    assert "<html" in httpx.get(f"http://[::1]:{parts['live'].port}/").text
    for name in ("encoder", "search", "live", "embedded-qdrant"):
        events = map(json.loads, running.log(name).read_text().splitlines())
        ports = [e.get("metrics_port", e.get("port")) for e in events if _tells_metrics(e)]
        assert "sketchzoo_build_info" in httpx.get(f"http://[::1]:{ports[0]}/metrics").text


def test_a_link_local_address_is_one_too(folder: Path) -> None:
    """With its interface, as the system writes it."""
    addresses = (a.address for each in psutil.net_if_addrs().values() for a in each)
    host = next((address for address in addresses if address.startswith("fe80:")), None)
    if host is None:
        pytest.skip("this machine has no link-local address")
    with Stack(folder / "link-logs") as stack:
        storage = ("--path", str(folder / "link"))
        part = Part("embedded-qdrant", ("embedded-qdrant", "--host", host, *storage))
        stack.start(part)
        port = stack.listening(part).port
        assert sketchzoo("health", f"[{host}]:{port}").stdout == "SERVING\n"


@pytest.mark.parametrize("part", PARTS)
def test_a_taken_port_is_told_as_such(part: str, folder: Path, model: str) -> None:
    """In one line, with the address as it would be called."""
    own = {"embedded-qdrant": ("--path", str(folder / "taken")), "encoder": ("--model", model)}
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
        port = str(other.getsockname()[1])
        where = ("--host", "::1", "--port", port, "--metrics-port", "0")
        finished = sketchzoo(part, *where, *own.get(part, ()))
    assert finished.returncode in (1, 2)
    last = finished.stderr.strip().splitlines()[-1]
    assert last.endswith(f"cannot listen on [::1]:{port}: the port is taken")


def test_a_host_with_a_port_is_refused_by_its_name() -> None:
    """Before anything starts."""
    finished = sketchzoo("search", "--host", "[::1]:50052")
    assert finished.returncode == 2
    assert "--host" in finished.stderr
    assert "SKETCHZOO_SEARCH_HOST" in finished.stderr


def _tells_metrics(event: dict[str, object]) -> bool:
    return event["event"] == "metrics" or event.get("metrics_port") is not None

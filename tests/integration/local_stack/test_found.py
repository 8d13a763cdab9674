"""A stack on other ports, in an office with a proxy, and the commands that look for it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local_stack import stack as stack_module
from local_stack.stack import Part, Stack, StackError
from tests.artefacts import tiny_model
from tests.integration.local_stack.stack_process import (
    DEAD_PROXY,
    FREE_PORTS,
    StackProcess,
    command,
    stack_process,
)
from tests.integration.search_service.stack import write_photos

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_model(tmp_path_factory.mktemp("model")).folder)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, model: str) -> Iterator[StackProcess]:
    """Run a stack below a working directory; the encoder's own port is another program's."""
    work = tmp_path_factory.mktemp("work")
    photos = write_photos(work / "photos", 12)[0].parent.parent
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        environment = {
            "SKETCHZOO_UP_ENCODER_PORT": str(port),
            # Of servers elsewhere; the stack's own parts speak plain text.
            "SKETCHZOO_QDRANT_CA": "/nowhere/ca.pem",
            "SKETCHZOO_ENCODER_CALL_CA": "/nowhere/ca.pem",
            "SKETCHZOO_TLS_CA": "/nowhere/ca.pem",
        }
        with stack_process(
            "up", "--model", model, str(photos), data=work / "out", environment=environment
        ) as stack:
            stack.wait_published()
            yield stack


def sketchzoo(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sketchzoo", *arguments],
        cwd=cwd,
        env={**os.environ, **DEAD_PROXY, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_ingest_and_query_find_the_stack_and_say_so(up: StackProcess) -> None:
    """They act on what `up` started, whatever its ports and whatever proxy is set."""
    work, found = up.data.parent, up.wait_published()
    ingested = sketchzoo("ingest", "photos", cwd=work)
    assert ingested.returncode == 0, ingested.stderr
    qdrant = found["SKETCHZOO_QDRANT_URL"]
    assert f"{qdrant} (the stack of out)" in ingested.stdout
    assert f"{qdrant} (the stack of out)" in ingested.stderr.splitlines()[0]
    # The stack's search may show what was ingested.
    roots = Path(found["SKETCHZOO_GALLERY_ROOTS_FILE"]).read_text().splitlines()
    assert str(work / "photos") in roots
    sketch = str(work / "photos" / "cat" / "0.jpg")
    # From anywhere else it is the only one that this user runs.
    asked = sketchzoo("query", sketch, "--photo", cwd=work / "photos")
    assert asked.returncode == 0, asked.stderr
    assert f"{found['SKETCHZOO_SEARCH_TARGET']} (the stack of {up.data})" in asked.stdout
    assert "  0.jpg\n" in asked.stdout
    healthy = sketchzoo("health", found["SKETCHZOO_SEARCH_TARGET"], "--wait", "20", cwd=work)
    assert healthy.stdout == "SERVING\n"


def test_a_port_that_is_taken_is_told(up: StackProcess) -> None:
    """The encoder moved to a free one."""
    assert "encoder: port " in up.said()
    assert "is taken" in up.said()


def test_what_is_given_goes_before_the_stack_that_runs(up: StackProcess) -> None:
    """An option and a variable mean what they say."""
    sketch, work = str(up.data.parent / "photos" / "cat" / "0.jpg"), up.data.parent
    for given in (("--search-target", "127.0.0.1:9"), ("--search-target=127.0.0.1:9",)):
        assert sketchzoo("query", sketch, *given, "--timeout", "0.3", cwd=work).returncode == 4
    variable = {"SKETCHZOO_SEARCH_TARGET": "127.0.0.1:9"}
    asked = sketchzoo("query", sketch, "--timeout", "0.3", cwd=work, **variable)
    assert asked.returncode == 4


@pytest.mark.parametrize("name", ["up", "demo"])
def test_a_second_stack_on_the_folder_leaves_the_first_alone(name: str, up: StackProcess) -> None:
    """It says which option chooses another, before it has touched a log."""
    logs = {path: path.read_bytes() for path in (up.data / "logs").glob("*.log")}
    second = sketchzoo(name, "--data", str(up.data), cwd=up.data.parent, **FREE_PORTS)
    assert second.returncode == 3
    assert "--data" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    for path, content in logs.items():
        assert path.read_bytes().startswith(content)
    assert up.process.poll() is None


@pytest.mark.parametrize("name", ["up", "demo"])
def test_a_folder_that_cannot_be_written_is_one_line(name: str, tmp_path: Path) -> None:
    """The message names it, and the option that chooses another."""
    (tmp_path / "file").touch()
    finished = sketchzoo(name, "--data", str(tmp_path / "file" / "out"), cwd=tmp_path)
    assert finished.returncode == 2
    assert str(tmp_path / "file") in finished.stderr
    assert "--data" in finished.stderr
    assert len(finished.stderr.splitlines()) == 1


def test_the_demo_of_ones_own_photos_prints_plain_columns(tmp_path: Path, model: str) -> None:
    """Piped: no boxes, no logs, whole names; and of pictures only example sketches are drawn."""
    photos = write_photos(tmp_path / "photos", 8)
    arguments = ("--once", "--model", model, "--photos", str(tmp_path / "photos"))
    with stack_process("demo", *arguments, data=tmp_path / "out") as demo:
        assert demo.process.wait(100) == 0, demo.said()
        said = demo.said()
    assert any(f"  {photo.name}\n" in said for photo in photos)
    assert not {"│", "┃", "{", "\x1b"} & set(said)
    assert (tmp_path / "out" / "contact-sheet.png").exists()
    assert not list((tmp_path / "out").glob("*/photo/*/*"))
    assert not [line for line in said.splitlines() if line != line.rstrip()]


def test_a_port_taken_while_a_part_starts_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another program took between the look and the bind costs nothing but a start."""
    looks = iter([True])
    look = stack_module._is_free
    monkeypatch.setattr(stack_module, "_is_free", lambda port: next(looks, None) or look(port))
    with socket.create_server(("127.0.0.1", 0)) as other, Stack(tmp_path / "logs") as stack:
        taken = other.getsockname()[1]
        storage = ("embedded-qdrant", "--path", str(tmp_path / "qdrant"))
        part = Part("embedded-qdrant", storage, taken)
        stack.start(part)
        server = stack.listening(part)
        assert server.port not in (0, taken)
        stack.wait_serving(server)


def test_a_part_that_cannot_start_is_started_once(tmp_path: Path) -> None:
    """Its port being taken is not why, and its own reason is told."""
    with socket.create_server(("127.0.0.1", 0)) as other, Stack(tmp_path / "logs") as stack:
        arguments = ("encoder", "--model", str(tmp_path / "none"), "--metrics-port", "0")
        part = Part("encoder", arguments, other.getsockname()[1])
        stack.start(part)
        with pytest.raises(StackError, match=r"encoder ended with status 2: .*none"):
            stack.listening(part)


def test_a_part_that_does_not_serve_is_told_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search service whose parts are away says so in its log, and the failure repeats it."""
    monkeypatch.setenv("SKETCHZOO_ENCODER_TARGET", "127.0.0.1:9")
    monkeypatch.setenv("SKETCHZOO_QDRANT_URL", "http://127.0.0.1:9")
    with Stack(tmp_path / "logs") as stack:
        part = Part("search", ("search", "--metrics-port", "0"))
        stack.start(part)
        server = stack.listening(part)
        told = r"search did not serve within 2 s: .*(encoder|Qdrant) is away.*log: "
        with pytest.raises(StackError, match=told):
            stack.wait_serving(server, 2)


@pytest.fixture(scope="module")
def following(up: StackProcess, model: str) -> Iterator[StackProcess]:
    """Kill the stack that ran and start the next on its folder; for the last tests here."""
    up.process.send_signal(signal.SIGKILL)
    with stack_process("up", "--model", model, data=up.data) as stack:
        stack.wait_up()
        yield stack


def test_after_a_kill_the_next_stack_starts_at_once(following: StackProcess) -> None:
    """The folder is free when all parts of the killed one have gone."""
    assert following.process.poll() is None


def test_a_part_that_is_killed_ends_up_with_the_reason(following: StackProcess) -> None:
    """The message names the part and its log, and nothing else goes on."""
    part = next(each for each in following.started() if "search" in command(each))
    part.kill()
    assert following.process.wait(60) == 1
    assert "search ended with status -9" in following.said()
    assert "search.log" in following.said()
    psutil.wait_procs(following.started(), timeout=2)
    assert following.started() == []

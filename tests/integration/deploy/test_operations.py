"""What docs/operations tells an operator to do, done."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import grpc
import pytest

from sketchzoo.client import Client
from tests.artefacts import encoder_process, picture, tiny_model
from tests.deployment import ROOT, commands, read_compose, read_environment_file
from tests.integration.deploy.ports import free_port
from tests.integration.search_service.stack import search_process, write_photos

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@contextmanager
def qdrant_process(storage: Path, port: int, **settings: str) -> Iterator[str]:
    """Run embedded Qdrant on a folder; asked to stop at the end, it must end well."""
    command = [sys.executable, "-m", "sketchzoo", "embedded-qdrant", "--path", str(storage)]
    options = [part for name, value in settings.items() for part in (f"--{name}", value)]
    process = subprocess.Popen(
        [*command, "--port", str(port), *options], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            grpc.channel_ready_future(channel).result(60)
        yield f"http://127.0.0.1:{port}"
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def ingest(photos: Path, encoder: str, url: str) -> None:
    environment = {
        **os.environ,
        "SKETCHZOO_ENCODER_TARGET": encoder,
        "SKETCHZOO_QDRANT_URL": url,
    }
    command = [sys.executable, "-m", "sketchzoo", "ingest", str(photos)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_environment_file_is_made_as_the_install_page_says(tmp_path: Path) -> None:
    """Its sed command fills in what Compose requires, with secrets of its own."""
    shutil.copy(ROOT / ".env.example", tmp_path)
    command = commands("install.md", "sed -e").split("\ndocker")[0]
    subprocess.run(["bash", "-ec", command], cwd=tmp_path, check=True)
    made = read_environment_file(tmp_path / ".env")
    assert len(made["QDRANT_API_KEY"]) == 64
    assert len(made["QDRANT_READ_ONLY_API_KEY"]) == 64
    assert made["QDRANT_API_KEY"] != made["QDRANT_READ_ONLY_API_KEY"]
    assert len(made["GRAFANA_PASSWORD"]) == 32
    assert made["PHOTOS"] == f"{os.environ['HOME']}/zoo"
    services = read_compose(made)["services"]
    assert services["qdrant"]["environment"]["QDRANT__SERVICE__API_KEY"] == made["QDRANT_API_KEY"]


def test_a_copy_of_a_stopped_folder_is_a_backup(tmp_path: Path) -> None:
    """Ingest, stop, copy as the page says, lose the folder, start on the copy, search."""
    write_photos(tmp_path / "photos", 24)
    model = tiny_model(tmp_path / "model")
    storage = tmp_path / "out" / "qdrant"
    with encoder_process(model.folder) as encoder:
        with qdrant_process(storage, free_port()) as url:
            ingest(tmp_path / "photos", encoder.target, url)
        (tmp_path / "backup").mkdir()
        command = commands("backup.md", "cp -a").replace("/backup", f"{tmp_path}/backup")
        subprocess.run(["bash", "-ec", command], cwd=tmp_path, check=True)
        shutil.rmtree(storage)
        with (
            qdrant_process(tmp_path / "backup" / "qdrant", free_port()) as url,
            search_process(encoder.target, url) as search,
        ):
            search.wait_serving()
            with Client(search.target, timeout=30) as client:
                assert len(client.search(picture(3)).hits) == 12
                assert sum(client.classes().values()) == 24


class RestOfQdrant(BaseHTTPRequestHandler):
    """As much of a Qdrant server's REST interface as a snapshot takes."""

    asked: ClassVar[list[tuple[str, str, Any]]] = []
    answers: ClassVar[dict[tuple[str, str], Any]] = {
        ("GET", "/aliases"): {
            "aliases": [{"alias_name": "photos", "collection_name": "photos-1"}],
        },
        ("POST", "/collections/photos-1/snapshots"): {"name": "one.snapshot", "size": 1},
        ("PUT", "/collections/photos-1/snapshots/recover"): True,
        ("POST", "/collections/aliases"): True,
    }

    def answer(self) -> None:
        length = int(self.headers["content-length"] or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        path = self.path.partition("?")[0]
        right = self.headers["api-key"] == "a-key"
        found = self.answers.get((self.command, path))
        if right and self.command != "GET":
            self.asked.append((self.command, path, body))
        self.send_response(403 if not right else 200 if found is not None else 404)
        self.end_headers()
        self.wfile.write(json.dumps({"result": found, "status": "ok", "time": 0.0}).encode())

    do_GET = do_POST = do_PUT = answer  # noqa: N815 - http.server's form

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def rest_port() -> Iterator[int]:
    RestOfQdrant.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), RestOfQdrant) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        yield server.server_port
        server.shutdown()


_script = importlib.util.spec_from_file_location("snapshot", ROOT / "scripts/snapshot.py")
assert _script
assert _script.loader
# The page's program; it belongs to no package.
snapshot = importlib.util.module_from_spec(_script)
_script.loader.exec_module(snapshot)


@pytest.fixture
def rest(rest_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what ingest's container has."""
    monkeypatch.setenv("SKETCHZOO_QDRANT_URL", f"http://127.0.0.1:{rest_port + 1}")
    monkeypatch.setenv("SKETCHZOO_QDRANT_API_KEY", "a-key")


@pytest.mark.usefixtures("rest")
def test_a_snapshot_is_made_of_what_the_alias_names() -> None:
    """`save`, from stdin as on the page, asks by REST with the key, and prints where it lies."""
    done = subprocess.run(
        [sys.executable, "-", "save"],
        input=(ROOT / "scripts" / "snapshot.py").read_text(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "photos-1/one.snapshot\n", done.stderr
    assert RestOfQdrant.asked == [("POST", "/collections/photos-1/snapshots", None)]


@pytest.mark.usefixtures("rest")
def test_a_snapshot_is_restored_and_published() -> None:
    """`restore` recovers the collection from Qdrant's own folder, then moves the alias."""
    assert snapshot.main(["restore", "photos-1/one.snapshot"]) == 0
    (_, recovered, body), (_, aliases, changes) = RestOfQdrant.asked
    assert recovered == "/collections/photos-1/snapshots/recover"
    assert body["location"] == "file:///qdrant/snapshots/photos-1/one.snapshot"
    assert body["priority"] == "snapshot"
    assert aliases == "/collections/aliases"
    named = {"collection_name": "photos-1", "alias_name": "photos"}
    assert [each for each in changes["actions"] if "create_alias" in each] == [
        {"create_alias": named}
    ]


@pytest.mark.usefixtures("rest")
@pytest.mark.parametrize("arguments", [["save"], ["restore", "photos-1"], ["restore", "a/b/c"]])
def test_a_snapshot_that_fails_is_told_in_one_line(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong key, a path that is none: status 1 and a line, no traceback."""
    monkeypatch.setenv("SKETCHZOO_QDRANT_API_KEY", "wrong")
    assert snapshot.main(arguments) == 1
    assert capsys.readouterr().err.startswith("snapshot: ")


def test_a_rotated_key_is_asked_for(tmp_path: Path) -> None:
    """After a restart with a new key, the part that has the old one is not ready."""
    model = tiny_model(tmp_path / "model")
    write_photos(tmp_path / "photos", 12)
    port = free_port()
    with encoder_process(model.folder) as encoder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKETCHZOO_QDRANT_API_KEY", "old")
        with qdrant_process(tmp_path / "storage", port, **{"api-key": "old"}) as url:
            ingest(tmp_path / "photos", encoder.target, url)
        with (
            qdrant_process(tmp_path / "storage", port, **{"api-key": "new"}) as url,
            search_process(encoder.target, url) as search,
        ):
            patch.setenv("SKETCHZOO_QDRANT_API_KEY", "new")
            with search_process(encoder.target, url) as restarted:
                restarted.wait_serving()
            assert not search.serving()

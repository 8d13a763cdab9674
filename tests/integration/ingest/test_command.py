"""`sketchzoo ingest` as users run it: processes, sockets, files."""

import asyncio
import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import urlopen

import pytest

from sketchzoo.call_settings import QdrantSettings
from sketchzoo.model import ModelArtefact
from sketchzoo.qdrant import Photo, PhotoWriter, connect
from tests.artefacts import encoder_process, picture, tiny_model
from tests.hostile_images import HOSTILE, jpeg_of_scans
from tests.integration.ingest.command import Command

Ingest = Callable[..., Command]

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def ingest(environment: dict[str, str], tmp_path: Path) -> Ingest:
    """Start the command with the test's environment, changed as asked."""

    def start(*arguments: object, cwd: Path | None = None, **changes: str) -> Command:
        return Command(tmp_path, {**environment, **changes}, *arguments, cwd=cwd)

    return start


async def gallery(environment: dict[str, str]) -> tuple[str | None, dict[str, Photo]]:
    url = environment["SKETCHZOO_QDRANT_URL"]
    connection = connect(QdrantSettings(qdrant_url=url, qdrant_timeout_seconds=60))
    writer = PhotoWriter(connection, environment["SKETCHZOO_GALLERY"])
    try:
        published = await writer.published()
        if published is None:
            return None, {}
        ids = [photo.id async for photo in writer.scroll(published)]
        photos = await writer.get(published, ids)
        return published, {photo.uri: photo for photo in photos.values()}
    finally:
        await connection.close()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder's files over HTTP."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()


def metric(port: int, name: str) -> float:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as page:
        lines = page.read().decode().splitlines()
    [value] = [line.rpartition(" ")[2] for line in lines if line.startswith(name)]
    return float(value)


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


async def test_folder_from_first_to_last(
    ingest: Ingest, environment: dict[str, str], folder: Path
) -> None:
    """A folder of good and bad files: report, errors, gallery, second run, prune, dry run."""
    for i in range(12):
        put(folder / ("cat" if i % 2 else "dog") / f"{i}.jpg", picture(i))
    put(folder / "cat" / "again.jpg", picture(0))
    put(folder / "cat" / "empty.jpg", b"")
    put(folder / "cat" / "notes.jpg", b"hello")
    put(folder / "cat" / "notes.jpg.json", b"{}")
    put(folder / "cat" / "truncated.jpg", picture(50)[:-400])
    errors = folder.parent / "errors.csv"

    first = ingest(folder, "--errors-csv", errors, "--json", "-").report()
    assert first["photos"] == {
        "total": 16,
        "written": 12,
        "updated": 0,
        "unchanged": 0,
        "duplicate": 1,
        "refused": 3,
    }
    assert first["reasons"] == {
        "empty": 1,
        "not_an_image": 1,
        "truncated": 1,
        "duplicate_in_other_class": 1,
    }
    assert first["passed_over"] == {"sidecar": 1}
    assert first["published"] is True
    told = {Path(row["origin"]).name: row for row in rows(errors)}
    assert {name: row["reason"] for name, row in told.items()} == {
        "0.jpg": "duplicate_in_other_class",
        "empty.jpg": "empty",
        "notes.jpg": "not_an_image",
        "truncated.jpg": "truncated",
    }
    published, photos = await gallery(environment)
    assert published == first["collection"]
    assert photos[(folder / "cat" / "1.jpg").as_uri()].class_name == "cat"
    assert (folder / "cat" / "again.jpg").as_uri() in photos

    second = ingest(folder, "--json", "-").report()
    assert second["photos"]["unchanged"] == 12
    assert second["photos"]["written"] == 0
    assert (await gallery(environment))[1] == photos

    (folder / "cat" / "1.jpg").unlink()
    (folder / "dog" / "2.jpg").rename(folder / "cat" / "2.jpg")
    dry = ingest(folder, "--dry-run", "--prune", "--json", "-").report()
    assert (dry["pruned"], dry["photos"]["updated"]) == (1, 1)
    assert (await gallery(environment))[1] == photos

    third = ingest(folder, "--prune", "--json", "-").report()
    assert (third["pruned"], third["photos"]["updated"]) == (1, 1)
    after = (await gallery(environment))[1]
    assert (folder / "cat" / "1.jpg").as_uri() not in after
    assert after[(folder / "cat" / "2.jpg").as_uri()].class_name == "cat"


def test_photos_that_take_long_are_refused(ingest: Ingest, folder: Path, tmp_path: Path) -> None:
    """One told by its outline and one whose decode is given up: the good one goes in."""
    put(folder / "cat" / "good.jpg", picture(1))
    put(folder / "cat" / "scans.jpg", jpeg_of_scans(2000))
    put(folder / "cat" / "slow.bmp", HOSTILE["a BMP of 4,000,000 runs"]())
    errors = tmp_path / "errors.csv"
    options = ("--max-bad", 1, "--decode-seconds", 2)
    run = ingest(folder, "--errors-csv", errors, "--json", "-", *options)
    assert run.report()["reasons"] == {"too_slow": 2}
    assert run.report()["photos"]["written"] == 1
    told = {row["origin"].rpartition("/")[2]: row["message"] for row in rows(errors)}
    assert "2006 scans" in told["scans.jpg"]
    assert "takes more than 2 s" in told["slow.bmp"]


async def test_manifest_with_urls(
    ingest: Ingest, environment: dict[str, str], folder: Path
) -> None:
    """A manifest's urls are fetched where they may be, and its further columns are payload.

    User info reaches the server, and neither gallery nor log nor report.
    """
    put(folder / "a.jpg", picture(1))
    put(folder / "b.jpg", picture(2))
    with served(folder) as url:
        manifest = put(
            folder.parent / "photos.csv",
            f"class,path,url,year,licence\n"
            f"cat,,{url.replace('//', '//ada:secret@')}/a.jpg,1999,CC BY\n"
            f"dog,zoo/b.jpg,,2000,CC0\n"
            f"dog,,{url}/missing.jpg,2001,CC0\n"
            f"dog,../private/x.jpg,,2001,CC0\n".encode(),
        )
        allowed = {"SKETCHZOO_INGEST_ALLOW_PRIVATE_ADDRESSES": "true"}
        run = ingest(manifest, "--json", "-", **allowed)
        document = run.report()
        assert "secret" not in run.out + run.err
        refused = ingest(manifest, "--dry-run", "--max-bad", "1", "--json", "-").report()
    assert document["reasons"] == {"not_found": 1, "outside": 1}
    assert refused["reasons"] == {"outside": 1, "private_address": 2}
    _, photos = await gallery(environment)
    assert dict(photos[f"{url}/a.jpg"].payload) == {"year": 1999, "licence": "CC BY"}
    assert dict(photos[(folder / "b.jpg").as_uri()].payload) == {"year": 2000, "licence": "CC0"}


async def test_new_model_moves_the_alias(
    ingest: Ingest, environment: dict[str, str], folder: Path, tmp_path: Path
) -> None:
    """After a run with another model the alias names that model's collection, whole."""
    for i in range(5):
        put(folder / "cat" / f"{i}.jpg", picture(i))
    first = ingest(folder, "--json", "-").report()
    model = tiny_model(tmp_path / "other", name="other", seed=1)
    with encoder_process(model.folder) as encoder:
        run = ingest(folder, "--json", "-", SKETCHZOO_ENCODER_TARGET=encoder.target)
        second = run.report()
    assert second["replaced_collection"] == first["collection"]
    published, photos = await gallery(environment)
    assert published == second["collection"] != first["collection"]
    assert len(photos) == 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_ends_in_order(
    ingest: Ingest, environment: dict[str, str], folder: Path, number: signal.Signals
) -> None:
    """After a signal what was begun is finished, the report is printed, and the status is 130."""
    for i in range(600):
        put(folder / "cat" / f"{i}.jpg", picture(i, (48, 32)))
    small = {"SKETCHZOO_INGEST_CHUNK_PHOTOS": "4", "SKETCHZOO_INGEST_BATCH_SIZE": "4"}
    run = ingest(folder, "--json", "-", "--metrics-port", "0", **small)
    deadline = time.monotonic() + 120
    while not run.events:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    assert run.events[0]["event"] == "ingesting"
    port = run.events[0]["metrics_port"]
    while not metric(port, 'sketchzoo_ingest_photos_total{outcome="written"}'):
        assert time.monotonic() < deadline
    run.send(number)
    document = run.report(status=130)
    assert document["status"] == "interrupted"
    assert 0 < document["photos"]["written"] < 600
    assert (await gallery(environment))[0] is None


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("SKETCHZOO_ENCODER_TARGET", "127.0.0.1:1", "the encoder is away"),
        ("SKETCHZOO_QDRANT_URL", "http://127.0.0.1:1", "Qdrant is away"),
    ],
)
def test_parts_away(ingest: Ingest, folder: Path, name: str, value: str, part: str) -> None:
    """Without an encoder or a Qdrant the run ends with status 4, and says which is away."""
    put(folder / "cat" / "a.jpg", picture(1))
    away = {name: value, "SKETCHZOO_INGEST_RETRY_SECONDS": "0.3"}
    document = ingest(folder, "--json", "-", **away).report(status=4)
    assert part in document["problem"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "nothing does not exist"),
        (["bad.csv"], "ingest itself writes"),
        ([".", "--qdrant-url", "qdrant"], "qdrant_url must look like"),
        ([".", "--errors-csv", "bad.csv/errors.csv"], "--errors-csv"),
        ([".", "--batch-size", "0"], "--batch-size"),
        ([], "Missing argument"),
    ],
)
def test_wrong_usage(ingest: Ingest, folder: Path, arguments: list[str], message: str) -> None:
    """Wrong usage ends with status 2 and a line that says what would be right."""
    put(folder / "bad.csv", b"class,path,sha256\n")
    run = ingest(*arguments, cwd=folder)
    assert run.wait() == 2
    assert message in " ".join(run.err.replace("│", " ").split())
    assert "Traceback" not in run.out + run.err


def test_command_from_nothing(
    environment: dict[str, str], folder: Path, model: ModelArtefact
) -> None:
    """The command as a user starts it prints a table, with the collection and its alias."""
    put(folder / "cat" / "a.jpg", picture(1))
    process = subprocess.run(
        [sys.executable, "-m", "sketchzoo", "ingest", str(folder)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert process.returncode == 0, process.stderr
    assert f"{environment['SKETCHZOO_GALLERY']}-{model.fingerprint}" in process.stdout
    assert "published" in process.stdout
    events = [json.loads(line)["event"] for line in process.stderr.splitlines()]
    assert "published" in events

"""docker-compose.yml on a real engine, by the commands of docs/operations."""

import itertools
import json
import re
import shutil
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from sample_gallery.drawn import CLASSES
from sketchzoo.client import Client, GalleryClient
from sketchzoo.client.errors import Denied
from tests.artefacts import drawing, picture, tiny_model
from tests.deployment import ROOT, commands
from tests.system.searches import finds, search, wait_found
from tests.system.stack import PROJECT, Stack, service_of, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

PARTS = ("qdrant", "encoder", "search", "gallery", "live-demo", "prometheus", "alertmanager")
OWN = ("encoder", "search", "gallery", "live-demo")
PHOTOS = 3 * len(CLASSES)


def classes(stack: Stack) -> int:
    status, body = stack.get("LIVE_PORT", "/gallery")
    assert status == 200, body
    return sum(each["count"] for each in json.loads(body)["classes"])


def test_the_install_pages_commands_fill_a_gallery(stack: Stack, drawn: Path) -> None:
    """All parts are healthy; a search from outside finds its class, with photos and page."""
    assert {service_of(each) for each in stack.containers()} >= {*PARTS, "encoder-ready"}
    found = search(stack, drawn)
    assert {hit.class_name for hit in found.hits} == {"zebra"}
    with Client(stack.search_target, timeout=30) as client:
        assert client.photo(found.hits[0].photo_id).content
    assert classes(stack) == PHOTOS
    assert b"<html" in stack.get("LIVE_PORT", "/")[1]


def test_a_photo_is_added_from_outside_shown_and_deleted(stack: Stack) -> None:
    """With the gallery service's token; search shows what it keeps in the volume."""
    target = f"127.0.0.1:{stack.port('GALLERY_PORT')}"
    token = stack.settings["GALLERY_TOKEN"]
    content = picture(77)
    with (
        GalleryClient(target, token=token) as gallery,
        Client(stack.search_target, timeout=30) as client,
    ):
        [added] = gallery.add([content])
        assert added.outcome == "written", added.error
        assert client.photo(added.photo_id, original=True).content == content
        assert gallery.delete([added.photo_id]) == 1
    with GalleryClient(target, retries=0) as nobody, pytest.raises(Denied):
        nobody.delete([added.photo_id])


def test_the_page_has_its_map(stack: Stack) -> None:
    """What `map` wrote into the volume is what the page shows."""
    status, body = until(lambda: (got := stack.get("LIVE_PORT", "/map"))[0] == 200 and got)
    assert status == 200
    assert body.startswith(b"SZMAP1")
    assert int.from_bytes(body[8:12], "little") == PHOTOS


def test_every_target_is_up(stack: Stack) -> None:
    """Prometheus reaches every part, Qdrant with the key that only reads; every rule is well."""

    def targets() -> dict[str, str]:
        found = json.loads(stack.get("PROMETHEUS_PORT", "/api/v1/targets")[1])
        return {each["labels"]["job"]: each["health"] for each in found["data"]["activeTargets"]}

    wanted = dict.fromkeys(("search", "gallery", "encoder", "live", "qdrant", "prometheus"), "up")
    until(lambda: targets() == wanted, targets)
    groups = json.loads(stack.get("PROMETHEUS_PORT", "/api/v1/rules")[1])["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert rules
    assert [rule["name"] for rule in rules if rule["health"] == "err"] == []


def test_each_line_of_the_logs_is_json(stack: Stack) -> None:
    """No part writes a warning or a traceback beside its log."""
    parts = (*OWN, "qdrant") if stack.embedded else OWN
    for part in parts:
        lines = stack.run(f"docker compose logs --no-log-prefix {part}").splitlines()
        assert lines
        for line in lines:
            assert json.loads(line)["event"], f"{part}: {line}"


@pytest.mark.parametrize("part", PARTS)
def test_a_killed_part_comes_back(stack: Stack, drawn: Path, part: str) -> None:
    """SIGKILL; the engine starts it again, all are healthy, the zebra is found."""
    restarts = stack.container(part)["RestartCount"]
    stack.kill(part)
    until(lambda: stack.container(part)["RestartCount"] > restarts)
    stack.wait_healthy()
    wait_found(stack, drawn)


def test_visitors_behind_a_proxy_are_told_apart(stack: Stack) -> None:
    """The proxy's name is served; each visitor that it names has limits of their own."""
    assert stack.get("LIVE_PORT", "/", Host="zoo.example.com")[0] == 421
    with_proxy = commands("install.md", "LIVE_ALLOWED_HOSTS")
    stack.set(**dict(line.split("=", 1) for line in with_proxy.splitlines()))
    stack.run("docker compose up -d live-demo")
    stack.wait_healthy()
    assert stack.get("LIVE_PORT", "/", Host="zoo.example.com")[0] == 200
    assert stack.get("LIVE_PORT", "/", Host="other.example.com")[0] == 421
    with ExitStack() as pages:

        def page(visitor: str) -> ClientConnection:
            return pages.enter_context(
                connect(
                    "ws://zoo.example.com/live",
                    sock=socket.create_connection(("127.0.0.1", stack.port("LIVE_PORT"))),
                    origin="https://zoo.example.com",  # type: ignore[arg-type] # a NewType of str
                    additional_headers={"X-Forwarded-For": f"10.9.8.7, {visitor}"},
                    proxy=None,
                )
            )

        for _ in range(16):
            page("203.0.113.5")
        with pytest.raises(ConnectionClosed, match="from your address"):
            page("203.0.113.5").recv(timeout=20)
        with pytest.raises(TimeoutError):
            page("203.0.113.6").recv(timeout=0.5)


def test_a_token_is_rotated(stack: Stack, drawn: Path) -> None:
    """As rotate.md's table says: the old one is refused, page and searches go on with the new."""
    table = (ROOT / "docs" / "operations" / "rotate.md").read_text()
    rows = re.findall(r"^\| `(\w+(?:TOKEN|KEY))` \| `.env` \| `([^`]+)`", table, re.MULTILINE)
    assert len(rows) == 5
    for variable, start in rows:
        stack.set(**{variable: f"another-{variable.lower()}"})
        stack.run(start)
    stack.wait_healthy()
    wait_found(stack, drawn)
    with pytest.raises(Denied):
        search(stack, drawn, "wrong")
    assert classes(stack) == PHOTOS
    # Ingest has the encoder's new token and Qdrant's new key; no library warns beside its words.
    said = stack.run("docker compose run --rm --use-aliases ingest 2>&1")
    assert "Warning" not in said


def test_encoders_are_scaled_out(stack: Stack, drawn: Path) -> None:
    """scale-out.md's commands: three encoders, and each takes searches."""
    stack.page("scale-out.md", "docker compose up -d --scale encoder=3")
    stack.wait_healthy()
    stack.run("docker compose restart search")
    stack.wait_healthy()
    encoders = [each for each in stack.containers() if service_of(each) == "encoder"]
    assert len(encoders) == 3

    numbers = itertools.count()

    def embedding() -> int:
        # Other drawings each time: search keeps the embeddings of those that it has seen.
        with Client(
            stack.search_target, token=stack.settings["SEARCH_TOKEN"], timeout=30
        ) as client:
            for number in itertools.islice(numbers, 6):
                client.search(drawing(number % 100))
        logs = (stack.run(f"docker logs {each['Id']} 2>&1") for each in encoders)
        return sum("EncoderService/Embed" in log for log in logs)

    until(lambda: embedding() == 3, embedding)
    stack.run("docker compose up -d --scale encoder=1")


def test_a_model_is_upgraded_and_taken_back(stack: Stack, drawn: Path) -> None:
    """upgrade-model.md's commands as they stand there; nothing of the second encoder stays."""
    before = search(stack, drawn).model_fingerprint
    model = tiny_model(stack.folder / "models" / "zoo-2", name="zoo-2", size=64)
    stack.run("chmod -R o+rX models")
    rollback = "docker compose exec -T gallery python -m sketchzoo gallery rollback"
    stack.page("upgrade-model.md", 'sed -i "s|^NEXT_MODEL')
    stack.page("upgrade-model.md", "docker compose run --rm --use-aliases")
    until(lambda: search(stack, drawn).model_fingerprint == model.fingerprint)
    stack.page("upgrade-model.md", rollback)
    until(lambda: search(stack, drawn).model_fingerprint == before)
    stack.page("upgrade-model.md", rollback)
    until(lambda: search(stack, drawn).model_fingerprint == model.fingerprint)
    stack.page("upgrade-model.md", 'sed -i "s|^MODEL')
    stack.wait_healthy()
    assert search(stack, drawn).model_fingerprint == model.fingerprint
    assert "encoder-next" not in [service_of(each) for each in stack.containers()]
    stack.set(MODEL="zoo-1")
    stack.run("docker compose up -d encoder && docker compose run --rm --use-aliases ingest")
    stack.wait_healthy()
    assert search(stack, drawn).model_fingerprint == before
    wait_found(stack, drawn)


def test_a_stopped_qdrants_storage_is_a_backup(stack: Stack, drawn: Path) -> None:
    """backup.md's commands: copied, lost, restored, found."""
    stack.page("backup.md", "docker compose stop qdrant\ndocker compose cp qdrant:")
    lost = commands("backup.md", "docker compose stop qdrant\ndocker compose run").splitlines()
    stack.run("\n".join([*lost[:2], "docker compose start qdrant"]))
    until(lambda: not finds(stack, drawn))
    stack.run("\n".join(lost))
    stack.wait_healthy()
    wait_found(stack, drawn)
    assert classes(stack) == PHOTOS
    shutil.rmtree(stack.folder / "backup-storage")


def test_the_snapshot_program_runs_in_ingests_image(stack: Stack) -> None:
    """backup.md's first command reaches Qdrant; embedded, which has no REST, is told in a line."""
    if not stack.embedded:
        pytest.skip("the next test does more, on Qdrant's own image")
    save = commands("backup.md", "docker compose run --rm -T --no-deps").splitlines()[0]
    said = stack.run(f"({save} 2>&1 || echo ended $?)").splitlines()
    assert said[-1] == "ended 1"
    assert [line for line in said if line.startswith("snapshot: ")]
    assert not [line for line in said if line.startswith("Traceback")]


def test_a_snapshot_is_restored(stack: Stack, drawn: Path) -> None:
    """backup.md's commands on a Qdrant server whose volumes are lost."""
    if stack.embedded:
        pytest.skip("embedded Qdrant stands in for the server, and makes no snapshots")
    said = stack.page("backup.md", "docker compose run --rm -T --no-deps --entrypoint python")
    stack.run("docker compose rm -sf qdrant")
    volumes = (f"{PROJECT}_{name}" for name in ("qdrant", "qdrant-snapshots"))
    stack.run(f"docker volume rm {' '.join(volumes)} && docker compose up -d")
    until(lambda: not finds(stack, drawn))
    restore = commands("backup.md", "docker compose cp backup/. ")
    stack.run(f"SNAPSHOT={said.splitlines()[0]}\n{restore}")
    stack.wait_healthy()
    wait_found(stack, drawn)


def test_all_stop_well_and_come_back_with_their_data(stack: Stack, drawn: Path) -> None:
    """`stop` ends each within its grace with status 0; after `down` and `up` the zebra is found."""
    stack.run("docker compose stop")
    states = {service_of(each): each["State"] for each in stack.containers()}
    assert {part: states[part]["ExitCode"] for part in PARTS} == dict.fromkeys(PARTS, 0)
    stack.run("docker compose down && docker compose up -d")
    stack.wait_healthy()
    wait_found(stack, drawn)
    assert classes(stack) == PHOTOS
    assert stack.get("LIVE_PORT", "/map")[0] == 200

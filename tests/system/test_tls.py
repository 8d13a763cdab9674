"""deploy/compose.tls.yml on a real engine, and its certificates replaced as rotate.md says."""

import shutil
from pathlib import Path

import pytest

from sketchzoo.client import ClientTls, Unavailable
from tests.deployment import commands
from tests.integration.faults.test_tls import Certificates, make_certificates
from tests.system.searches import search, wait_found
from tests.system.stack import Stack

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

NAMES = "IP:127.0.0.1,DNS:encoder,DNS:encoder-next,DNS:search,DNS:gallery"


def put(made: Certificates, folder: Path, prefix: str = "") -> None:
    """Lay certificates down where the page has them, readable by the images' user."""
    folder.mkdir(exist_ok=True)
    for source, name in (
        (made.ca, "ca.pem"),
        (made.certificate, "server.pem"),
        (made.key, "server.key"),
    ):
        shutil.copy(source, folder / f"{prefix}{name}")
        (folder / f"{prefix}{name}").chmod(0o644)


def test_search_and_encoder_speak_tls_and_change_their_ca(
    stack: Stack, drawn: Path, tmp_path: Path
) -> None:
    """The page's two lines turn it on, its commands replace the CA; then it is turned off."""
    old = make_certificates(tmp_path / "old", NAMES)
    new = make_certificates(tmp_path / "new", NAMES)
    put(old, stack.folder / "tls")
    put(new, stack.folder / "tls", "new-")
    before = stack.settings
    lines = dict(line.split("=", 1) for line in commands("rotate.md", "COMPOSE_FILE").splitlines())
    files = lines["COMPOSE_FILE"].removeprefix("docker-compose.yml")
    stack.set(COMPOSE_FILE=before["COMPOSE_FILE"] + files, TLS=lines["TLS"])
    stack.run("docker compose up -d")
    stack.wait_healthy()
    wait_found(stack, drawn, ClientTls(old.ca))
    with pytest.raises(Unavailable):
        search(stack, drawn)
    stack.run("docker compose run --rm --use-aliases ingest")

    stack.page("rotate.md", "cat tls/new-ca.pem")
    stack.wait_healthy()
    wait_found(stack, drawn, ClientTls(new.ca))
    assert stack.get("LIVE_PORT", "/gallery")[0] == 200

    (stack.folder / ".env").write_text("".join(f"{k}={v}\n" for k, v in before.items()))
    stack.run("docker compose up -d")

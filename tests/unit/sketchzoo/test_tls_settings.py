"""TLS settings that go together: half of them is an error of its own, on every command."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from sketchzoo.call_settings import ClientTlsSettings, EncoderCallSettings, QdrantSettings
from sketchzoo.cli.main import app
from sketchzoo.settings import ServerSettings, Settings

A = Path("a.pem")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tls_certificate": A}, "tls_certificate needs tls_key"),
        ({"tls_key": A}, "tls_key needs tls_certificate"),
        ({"tls_client_ca": A}, "tls_client_ca asks for mTLS"),
    ],
)
def test_a_servers_certificate_and_key_go_together(given: dict[str, Any], said: str) -> None:
    """One without the other, and mTLS without TLS, are refused by name."""
    with pytest.raises(ValidationError, match=said):
        ServerSettings(**given)


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [(ClientTlsSettings, ""), (EncoderCallSettings, "encoder_"), (QdrantSettings, "qdrant_")],
)
def test_a_callers_certificate_and_key_go_together(kind: type[Settings], prefix: str) -> None:
    """One without the other is refused, and so is a certificate that would never be shown."""
    certificate, key = f"{prefix}client_certificate", f"{prefix}client_key"
    with pytest.raises(ValidationError, match=f"{certificate} needs {key}"):
        kind(**{certificate: A})
    with pytest.raises(ValidationError, match=f"{key} needs {certificate}"):
        kind(**{key: A})
    with pytest.raises(ValidationError, match=rf"{certificate} .*needs (a )?{prefix}(ca|url)"):
        kind(**{certificate: A, key: A})


@pytest.mark.parametrize("part", ["encoder", "search", "embedded-qdrant"])
@pytest.mark.parametrize("option", ["--tls-certificate", "--tls-key"])
def test_a_command_says_what_is_missing(part: str, option: str) -> None:
    """Exit status 2 and one line that names both settings, no traceback."""
    done = CliRunner().invoke(app, [part, option, "a.pem"], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert "give both or neither" in done.output
    assert "Traceback" not in done.output
    assert "SETTINGS" not in done.output


@pytest.mark.parametrize(
    "part", [("search",), ("ingest", "nowhere"), ("live", "map", "--out", "map.npz")]
)
@pytest.mark.parametrize("option", ["--qdrant-ca", "--qdrant-client-certificate"])
def test_a_ca_for_an_address_in_plain_text_is_refused(part: tuple[str, ...], option: str) -> None:
    """One line names both settings, status 2, and nothing is called."""
    key = ("--qdrant-client-key", "k.pem") if option != "--qdrant-ca" else ()
    done = CliRunner().invoke(app, [*part, option, "a.pem", *key], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    name = option.removeprefix("--").replace("-", "_")
    assert f"{name} needs a qdrant_url that begins with https://" in done.output


@pytest.mark.parametrize("part", [("search",), ("ingest", "."), ("live", "map", "--out", "m.npz")])
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_ca_file_that_is_none_is_named(
    part: tuple[str, ...], content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is missing, or holds something else: one line, status 2."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    command = (*part, "--qdrant-url", "https://127.0.0.1:1", "--qdrant-ca", str(path))
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 2, done.output
    assert str(path) in done.output
    assert isinstance(done.exception, SystemExit)

"""TLS settings that go together: half of them is an error of its own, on every command."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from sketchzoo.cli.main import app
from sketchzoo.settings import ClientTlsSettings, ServerSettings

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
    ("given", "said"),
    [
        ({"ca": A, "client_certificate": A}, "client_certificate needs client_key"),
        ({"ca": A, "client_key": A}, "client_key needs client_certificate"),
        ({"client_certificate": A, "client_key": A}, "needs ca"),
    ],
)
def test_a_callers_certificate_and_key_go_together(given: dict[str, Any], said: str) -> None:
    """A certificate that would never be shown is refused as well."""
    with pytest.raises(ValidationError, match=said):
        ClientTlsSettings(**given)


@pytest.mark.parametrize("part", ["encoder", "search", "embedded-qdrant"])
@pytest.mark.parametrize("option", ["--tls-certificate", "--tls-key"])
def test_a_command_says_what_is_missing(part: str, option: str) -> None:
    """Exit status 2 and one line that names both settings, no traceback."""
    done = CliRunner().invoke(app, [part, option, "a.pem"], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert "give both or neither" in done.output
    assert "Traceback" not in done.output
    assert "SETTINGS" not in done.output

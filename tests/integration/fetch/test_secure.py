"""Fetching by TLS: the certificate is the name's, whatever address was judged."""

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sketchzoo.fetch import Failure
from tests.integration.fetch.fetching import failure, fetch
from tests.integration.fetch.site_server import Site, a_site, status

NAME = "localhost"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for a name alone, in a file with its key."""
    folder = tmp_path_factory.mktemp("tls")
    arguments = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        f"-keyout key -out certificate -subj /CN=test -addext subjectAltName=DNS:{NAME}"
    )
    subprocess.run(["openssl", *arguments.split()], cwd=folder, check=True, capture_output=True)
    whole = folder / "whole.pem"
    whole.write_bytes((folder / "certificate").read_bytes() + (folder / "key").read_bytes())
    return whole


@pytest.fixture
def secure(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Serve a site by TLS that the environment trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with a_site(context) as made:
        yield made


def test_certificate_of_the_name(secure: Site) -> None:
    """A name's certificate is checked against the name, not against the address connected to."""
    url = secure.photo("/a.jpg", b"photo")
    assert fetch(url.replace("127.0.0.1", NAME)) == b"photo"


def test_certificate_of_another_name(secure: Site) -> None:
    """Another's certificate is refused, and not asked for again."""
    error = failure(secure.photo("/a.jpg", b"photo"))
    assert error.failure is Failure.REFUSED
    assert "certificate" in str(error)
    assert not secure.hits


def test_redirect_from_https_to_http(secure: Site, site: Site) -> None:
    """What was asked for in secret is not fetched in the open."""
    secure.answers["/a.jpg"] = status(302, location=site.photo("/a.jpg", b"photo"))
    error = failure(f"{secure.url}/a.jpg".replace("127.0.0.1", NAME))
    assert (error.failure, str(error)) == (Failure.REFUSED, "redirects from https to http")
    assert not site.hits


def test_environment_without_certificates(
    secure: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where the environment names no file of certificates, that is said of the photo."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nothing.pem"))
    error = failure(f"{secure.url}/a.jpg")
    assert "certificates cannot be read" in str(error)


def test_no_tls_there(site: Site) -> None:
    """A server that speaks no TLS fails as itself."""
    error = failure(site.url.replace("http:", "https:") + "/a.jpg", attempts=1)
    assert error.failure is Failure.FAILED

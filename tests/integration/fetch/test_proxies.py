"""Proxies that the environment names, as in many offices."""

import base64
from http.server import BaseHTTPRequestHandler

import pytest

from sketchzoo.fetch import Failure
from tests.integration.fetch.fetching import failure, fetch
from tests.integration.fetch.site_server import Site, send


@pytest.fixture
def proxy(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Let the environment name a proxy that knows one photo, by its whole url."""

    def answer(handler: BaseHTTPRequestHandler, hit: int) -> None:
        send(handler, b"photo")

    site.answers["http://photos.invalid/a.jpg"] = answer
    monkeypatch.setenv("http_proxy", site.url.replace("//", "//ada:p%40ss@"))
    monkeypatch.setenv("https_proxy", site.url)
    return site


def test_proxy_is_asked(proxy: Site) -> None:
    """What only the proxy can find is fetched through it; the proxy itself may be anywhere."""
    url = "http://photos.invalid/a.jpg"
    assert fetch(url, allow_private_addresses=False) == b"photo"
    basic = "Basic " + base64.b64encode(b"ada:p@ss").decode()
    assert proxy.headers[0]["proxy-authorization"] == basic


@pytest.mark.parametrize("host", ["10.0.0.1", "169.254.169.254"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_private_addresses_behind_a_proxy(proxy: Site, scheme: str, host: str) -> None:
    """A proxy is not sent to its own network's addresses either."""
    error = failure(f"{scheme}://{host}/a.jpg", allow_private_addresses=False)
    assert error.failure is Failure.PRIVATE
    assert not proxy.hits


def test_this_machine_needs_no_proxy(proxy: Site) -> None:
    """Loopback is reached without the proxy, whatever `no_proxy` says."""
    for host in ("127.0.0.1", "localhost"):
        assert fetch(proxy.photo("/b.jpg", b"here").replace("127.0.0.1", host)) == b"here"


def test_no_proxy(proxy: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts that `no_proxy` names are reached without the proxy."""
    monkeypatch.setenv("no_proxy", "photos.invalid")
    assert "cannot be found" in str(failure("http://photos.invalid/a.jpg", attempts=1))
    assert not proxy.hits


def test_proxy_of_another_kind(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that is no HTTP proxy is refused by its kind."""
    monkeypatch.setenv("http_proxy", "socks5://ada:secret@127.0.0.1:1080")
    error = failure("http://photos.invalid/a.jpg")
    assert "proxy must be http or https, not socks5" in str(error)

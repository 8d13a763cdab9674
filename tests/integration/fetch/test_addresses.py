"""Where a fetch may lead: public addresses, unless a setting says otherwise."""

import socket
from typing import Any

import pytest

from sketchzoo.fetch import Failure
from sketchzoo.fetch.addresses import is_public
from tests.integration.fetch.fetching import failure, fetch
from tests.integration.fetch.site_server import Site, status


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",  # noqa: S104 - refused, not bound
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",  # clouds tell secrets there
        "100.64.0.1",  # shared by a carrier's customers
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "198.18.0.1",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:db8::1",
    ],
)
def test_private_addresses(address: str) -> None:
    """Loopback, private, shared, link-local, unspecified, multicast: also in IPv6's disguise."""
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_public_addresses(address: str) -> None:
    """What everybody can reach is public."""
    assert is_public(address)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_this_machine_is_not_fetched_from(site: Site, host: str) -> None:
    """However a url writes this machine's address, nothing is sent there; the setting is named."""
    url = site.photo("/a.jpg", b"x").replace("127.0.0.1", host)
    error = failure(url, allow_private_addresses=False)
    assert error.failure is Failure.PRIVATE
    assert "--allow-private-addresses" in str(error)
    assert not site.hits


def named(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let names have addresses: a list for each question, the last one for all that follow."""
    asked: list[str] = []

    def answer(host: str, port: int, **more: Any) -> list[Any]:
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    monkeypatch.setattr("sketchzoo.fetch.addresses.socket.getaddrinfo", answer)
    return asked


def test_name_of_a_private_address(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is judged by what it leads to, and the message says what that is."""
    named(monkeypatch, ["127.0.0.1"])
    site.photo("/a.jpg", b"x")
    url = site.url.replace("127.0.0.1", "photos.example") + "/a.jpg"
    error = failure(url, allow_private_addresses=False)
    assert "photos.example (127.0.0.1) is no public address" in str(error)
    assert not site.hits


def test_name_is_asked_for_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is connected to is what was judged: a name that changes meanwhile leads nowhere."""
    monkeypatch.setattr("sketchzoo.fetch.addresses.is_public", lambda one: one == "127.0.0.1")
    asked = named(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
    site.photo("/a.jpg", b"photo")
    url = site.url.replace("127.0.0.1", "photos.example") + "/a.jpg"
    assert fetch(url, allow_private_addresses=False) == b"photo"
    assert asked == ["photos.example"]
    assert site.headers[0]["host"] == url.split("/")[2]


def test_first_address_that_answers(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one of a name's addresses takes no connection, the next is tried."""
    named(monkeypatch, ["127.0.0.2", "127.0.0.1"])
    url = site.photo("/a.jpg", b"photo").replace("127.0.0.1", "photos.example")
    assert fetch(url) == b"photo"


def test_redirect_to_a_private_address(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A public server may not send a fetch to this machine's neighbours."""
    monkeypatch.setattr("sketchzoo.fetch.addresses.is_public", lambda one: one == "127.0.0.1")
    site.answers["/a.jpg"] = status(302, location="http://169.254.169.254/latest/meta-data")
    error = failure(f"{site.url}/a.jpg", allow_private_addresses=False)
    assert error.failure is Failure.PRIVATE
    assert "169.254.169.254 is no public address" in str(error)


def test_name_that_no_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that cannot be found fails as that."""

    def missing(*arguments: object, **more: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("sketchzoo.fetch.addresses.socket.getaddrinfo", missing)
    error = failure("http://photos.example/a.jpg")
    assert error.failure is Failure.FAILED
    assert "photos.example cannot be found: Name or service not known" in str(error)
    assert failure("http://" + "x" * 70 + ".example/").failure is Failure.FAILED

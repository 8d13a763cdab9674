"""Hosts and ports, as settings, URLs and gRPC write them."""

import errno
import select
import socket
import sys

import pytest

from sketchzoo.address import authority, check_free, hold, listen, read_host


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("::", "::"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("[fe80::1%eth0]", "fe80::1%eth0"),
        ("zoo.example", "zoo.example"),
    ],
)
def test_a_host_is_read_with_or_without_brackets(text: str, host: str) -> None:
    """IPv6 is written in two ways, and both are one address."""
    assert read_host(text) == host


@pytest.mark.parametrize("text", ["", "[]", "127.0.0.1:80", "[::1]:80", "http://zoo", "a b", ":::"])
def test_what_is_no_host_is_refused(text: str) -> None:
    """A port, a URL or nothing at all is told from a host before anything listens."""
    with pytest.raises(ValueError, match=r"address|host"):
        read_host(text)


def test_ipv6_stands_in_brackets_before_a_port() -> None:
    """`::1:80` would be another address."""
    assert authority("::1", 80) == "[::1]:80"
    assert authority("zoo", 80) == "zoo:80"


def test_a_taken_port_is_told_as_such() -> None:
    """What to do about it depends on the reason."""
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(OSError, match="the port is taken"),
    ):
        check_free("127.0.0.1", other.getsockname()[1])


def test_a_name_of_which_one_address_is_taken_is_taken() -> None:
    """A server on the other address alone would share the name with a stranger."""
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(OSError, match="the port is taken"),
    ):
        check_free("localhost", other.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("192.0.2.1", "this machine does not have that address"),
        ("nowhere.invalid", "no such host"),
        ("fe80::1%nowhere0", "no such host or interface"),
    ],
)
def test_an_address_of_no_use_is_told_as_such(host: str, reason: str) -> None:
    """A wrong address is no taken port."""
    with pytest.raises(OSError, match=reason):
        check_free(host, 0)


def test_a_port_that_needs_more_rights_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have them."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(OSError, match=r"127\.0\.0\.1:80: this user may not listen on that port"):
        check_free("127.0.0.1", 80)


def test_every_address_means_ipv4_too() -> None:
    """`::` is reached by IPv4, as with gRPC's servers."""
    (server,) = listen("::", 0, 1)
    with server:
        port = server.getsockname()[1]
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port), timeout=5).close()


def test_an_address_that_is_named_twice_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a file of hosts may have it."""
    look_up = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: look_up(*a, **k) * 2)
    (server,) = listen("127.0.0.1", 0, 1)
    server.close()


def test_a_name_is_listened_on_by_all_its_addresses() -> None:
    """`localhost` is IPv4 to some and IPv6 to others, on one port."""
    servers = listen("localhost", 0, 1)
    try:
        (port,) = {server.getsockname()[1] for server in servers}
        for *_, address in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM):
            socket.create_connection(address[:2], timeout=5).close()
    finally:
        for server in servers:
            server.close()


@pytest.mark.skipif(sys.platform != "linux", reason="others share no connections out")
def test_a_held_port_is_shared_by_those_who_may_alone() -> None:
    """Processes of the group listen on it; a server alone, and another group, find it taken."""
    (held,) = hold("127.0.0.1", 0)
    port = held.getsockname()[1]
    with held, _member(port) as first, _member(port) as second:
        first.listen()
        second.listen()
        for take in (check_free, hold):
            with pytest.raises(OSError, match="the port is taken"):
                take("127.0.0.1", port)
        with socket.create_connection(("127.0.0.1", port), 10):
            assert select.select([first, second], [], [], 10)[0]


@pytest.mark.skipif(sys.platform != "linux", reason="others share no connections out")
def test_nobody_is_answered_where_a_port_is_only_held() -> None:
    """A caller is refused until a process listens, as where nobody is there."""
    (held,) = hold("127.0.0.1", 0)
    with held, pytest.raises(ConnectionRefusedError):
        socket.create_connection(held.getsockname(), 10)


@pytest.mark.skipif(sys.platform != "linux", reason="others share no connections out")
def test_a_port_whose_last_connections_are_ending_can_be_held() -> None:
    """A server's old connections keep its port for a minute: nobody should wait for that."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), 10):
            server.accept()[0].close()  # who closes first is left with it
    (held,) = hold("127.0.0.1", port)
    with held, pytest.raises(OSError, match="the port is taken"):
        check_free("127.0.0.1", port)


@pytest.mark.skipif(sys.platform != "linux", reason="others share no connections out")
def test_each_address_of_a_name_is_held() -> None:
    """On one port, as a server that listens on a name does."""
    held = hold("localhost", 0)
    try:
        assert len({each.getsockname()[1] for each in held}) == 1
        with pytest.raises(OSError, match="the port is taken"):
            check_free("127.0.0.1", held[0].getsockname()[1])
    finally:
        for each in held:
            each.close()


def _member(port: int) -> socket.socket:
    member = socket.socket()
    member.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    member.bind(("127.0.0.1", port))
    return member

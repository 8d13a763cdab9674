"""A fetch is over when its time is, whatever a server is slow at."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count

import pytest

from sketchzoo.fetch import Failure
from tests.integration.fetch.fetching import failure
from tests.integration.fetch.site_server import Site, a_slow_server, status

SECONDS = 0.4
# A machine under load is no reason to fail; without a bound these take for ever.
AT_MOST = 10.0


def drip(connection: socket.socket, begin: bytes, drop: bytes = b"x") -> None:
    """Send a beginning and then a byte now and then, so that it is never silent."""
    connection.sendall(begin)
    while True:
        time.sleep(0.02)
        connection.sendall(drop)


def silent(connection: socket.socket) -> None:
    while connection.recv(1000):
        pass


def redirecting(connection: socket.socket) -> None:
    for number in count():
        connection.recv(10_000)
        time.sleep(0.15)
        header = f"HTTP/1.1 302 Found\r\nLocation: /{number}\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(header.encode())


@pytest.mark.parametrize(
    ("scheme", "behave"),
    [
        ("http", silent),
        ("https", silent),
        ("http", lambda c: drip(c, b"HTTP/1.1 200 ")),
        ("http", lambda c: drip(c, b"HTTP/1.1 200 OK\r\nX-Slow: ")),
        ("http", lambda c: drip(c, b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n")),
        ("http", lambda c: drip(c, b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n")),
        ("http", lambda c: drip(c, b"HTTP/1.1 503 Busy\r\nContent-Length: 90000\r\n\r\n")),
        ("http", redirecting),
    ],
    ids=["answer", "handshake", "status", "header", "continue", "body", "refusal", "redirects"],
)
def test_whatever_is_slow(scheme: str, behave: Callable[[socket.socket], None]) -> None:
    """TLS, status line, header, body and redirects together have their seconds and no more."""
    begun = time.monotonic()
    with a_slow_server(behave) as port:
        error = failure(
            f"{scheme}://127.0.0.1:{port}/a.jpg",
            seconds=SECONDS,
            attempts=1000,
            backoff_seconds=0.01,
            max_redirects=1000,
        )
    assert time.monotonic() - begun < AT_MOST
    assert error.failure is Failure.FAILED


def test_server_that_takes_no_connection() -> None:
    """A server whose queue is full leaves a caller without an answer: it is left."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)  # noqa: FBT003 - the library's parameter
            with suppress(BlockingIOError):
                one.connect(listening.getsockname())
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/a.jpg"
        begun = time.monotonic()
        assert "took over 0.4 s" in str(failure(url, seconds=SECONDS))
        assert time.monotonic() - begun < AT_MOST
        for one in waiting:
            one.close()


def test_name_that_is_never_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that hangs is left, and nobody waits for it at the end."""
    release = threading.Event()

    def hang(*arguments: object, **more: object) -> list[object]:
        release.wait(60)
        return []

    monkeypatch.setattr("sketchzoo.fetch.addresses.socket.getaddrinfo", hang)
    begun = time.monotonic()
    assert "took over 0.4 s" in str(failure("http://photos.example/a.jpg", seconds=SECONDS))
    assert time.monotonic() - begun < AT_MOST
    release.set()


def test_server_that_always_asks_to_come_back(site: Site) -> None:
    """Attempts and the pauses between them are part of the time."""
    site.answers["/a.jpg"] = status(503, retry_after="0")
    begun = time.monotonic()
    error = failure(f"{site.url}/a.jpg", seconds=SECONDS, attempts=10**9)
    assert time.monotonic() - begun < AT_MOST
    assert "took over 0.4 s (HTTP 503)" in str(error)

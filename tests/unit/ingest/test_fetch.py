"""Fetching urls, from a real HTTP server."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ingest.outcome import Reason, RefusedError
from ingest.sources import Fetcher, FetchLimits

LIMIT = 10_000


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked: list[str] = []  # noqa: RUF012 - the server makes a handler for each connection

    def do_GET(self) -> None:
        self.asked.append(self.path)
        name, _, argument = self.path.strip("/").partition("/")
        getattr(self, name)(argument)

    def photo(self, size: str) -> None:
        self.answer(200, b"x" * int(size))

    def status(self, status: str) -> None:
        self.answer(int(status))

    def busy(self, times: str) -> None:
        busy = self.asked.count(self.path) <= int(times)
        self.answer(503 if busy else 200, b"at last", **{"Retry-After": "0"})

    def loop(self, argument: str) -> None:
        self.answer(302, Location="/loop")

    def elsewhere(self, argument: str) -> None:
        self.answer(302, Location="ftp://example.org/a.jpg")

    def moved(self, argument: str) -> None:
        self.answer(301, Location="/photo/3")

    def endless(self, argument: str) -> None:
        self.begin()
        with suppress(OSError):
            while True:
                self.wfile.write(b"x" * 1000)

    def drip(self, argument: str) -> None:
        self.begin("1000")
        with suppress(OSError):
            for _ in range(1000):
                self.wfile.write(b"x")
                time.sleep(0.02)

    def cut(self, argument: str) -> None:
        self.begin("1000")
        self.wfile.write(b"x")
        self.close_connection = True

    def begin(self, length: str = "") -> None:
        self.send_response(200)
        self.send_header(*(("Content-Length", length) if length else ("Connection", "close")))
        self.end_headers()

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def fetch(url: str, **limits: Any) -> bytes:
    with Fetcher(FetchLimits(**limits)) as fetcher:
        return fetcher.fetch(url, LIMIT)


def refusal(url: str, **limits: Any) -> RefusedError:
    with pytest.raises(RefusedError) as error:
        fetch(url, **limits)
    return error.value


def test_fetches(server: str) -> None:
    """A url's bytes are returned, after redirects too."""
    assert fetch(f"{server}/photo/{LIMIT}") == b"x" * LIMIT
    assert fetch(f"{server}/moved") == b"xxx"


@pytest.mark.parametrize("path", [f"photo/{LIMIT + 1}", "endless"])
def test_size_is_bounded(server: str, path: str) -> None:
    """What is too large is refused, whether its server says how large it is or not."""
    assert refusal(f"{server}/{path}").reason is Reason.TOO_LARGE


def test_gone_is_told_from_failed(server: str) -> None:
    """404 and 410 say that a photo is gone; other codes that it could not be had."""
    assert refusal(f"{server}/status/404").reason is Reason.NOT_FOUND
    assert refusal(f"{server}/status/410").reason is Reason.NOT_FOUND
    error = refusal(f"{server}/status/403")
    assert (error.reason, error.message) == (Reason.FETCH_FAILED, "cannot be fetched: HTTP 403")
    assert len(Handler.asked) == 3


def test_busy_servers_are_asked_again(server: str) -> None:
    """503 is asked again, up to the number of attempts."""
    assert fetch(f"{server}/busy/2") == b"at last"
    assert refusal(f"{server}/busy/9", attempts=2).message == "cannot be fetched: HTTP 503"
    assert Handler.asked.count("/busy/9") == 2


def test_dripping_server_is_left(server: str) -> None:
    """A server that sends a byte now and then is left when the time is over."""
    assert "took over 0.3 s" in refusal(f"{server}/drip", seconds=0.3).message


@pytest.mark.parametrize("path", ["loop", "elsewhere", "cut"])
def test_broken_answers_are_refused(server: str, path: str) -> None:
    """Redirects without end or out of HTTP, and answers cut short, fail."""
    assert refusal(f"{server}/{path}", attempts=1).reason is Reason.FETCH_FAILED


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/a.jpg", "http://[::1/a", "http://a b/c"])
def test_no_server(url: str) -> None:
    """A url that leads nowhere is refused, not raised."""
    assert refusal(url, attempts=1).reason is Reason.FETCH_FAILED


def test_nonsense_limits_are_refused() -> None:
    """Limits that no fetch could meet are mistakes."""
    with pytest.raises(ValueError, match="seconds"):
        FetchLimits(seconds=0)
    with pytest.raises(ValueError, match="at_once"):
        FetchLimits(at_once=0)

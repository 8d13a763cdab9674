"""The metrics page while callers hold connections to it."""

import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from prometheus_client import CollectorRegistry, Counter

from sketchzoo.telemetry import MetricsPage


@pytest.fixture
def page() -> Iterator[MetricsPage]:
    registry = CollectorRegistry()
    Counter("rabbits", "Rabbits seen.", registry=registry).inc()
    with MetricsPage(registry, "127.0.0.1", 0) as page:
        yield page


def read(page: MetricsPage, accept: str = "text/plain") -> tuple[str, str]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{page.port}/metrics", headers={"accept": accept}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - as above
        return answer.read().decode(), answer.headers["content-type"]


@pytest.mark.parametrize("source", ["127.0.0.2", "127.0.0.1"])
def test_half_sent_requests_keep_nobody_out(page: MetricsPage, source: str) -> None:
    """Two hundred of them, from another address or our own: a few threads, and all are served."""
    with ExitStack() as held:
        before = threading.active_count()
        for _ in range(200):
            connection = socket.create_connection(
                ("127.0.0.1", page.port or 0), source_address=(source, 0)
            )
            held.callback(connection.close)
            connection.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
        for _ in range(5):
            assert "rabbits_total 1.0" in read(page)[0]
        assert threading.active_count() - before <= 16


def test_a_request_that_does_not_end_is_cut_off(
    page: MetricsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However slowly it drips, its connection ends."""
    monkeypatch.setattr("sketchzoo.telemetry.page._SECONDS", 0.5)
    with socket.create_connection(("127.0.0.1", page.port or 0)) as connection:
        connection.settimeout(0.1)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                connection.sendall(b"x")
                if connection.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            pytest.fail("it is still open")


def test_the_page_speaks_what_it_is_asked_for(page: MetricsPage) -> None:
    """OpenMetrics, which carries exemplars, or the plain form."""
    assert read(page)[1].startswith("text/plain")
    assert "openmetrics" in read(page, "application/openmetrics-text; version=1.0.0")[1]


def test_the_page_is_served_on_ipv6() -> None:
    """As `--host ::1` asks for."""
    with (
        MetricsPage(CollectorRegistry(), "::1", 0) as page,
        socket.create_connection(("::1", page.port or 0)) as connection,
    ):
        connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.0 200")

"""Whoever holds connections to the page keeps nobody else from it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress

import httpx
import pytest
import pytest_asyncio

from tests.integration.live_demo.live_here import Live, live_here
from tests.integration.live_demo.page import Page

# Room for 32 connections, 16 an address.
FEW = {"max_connections": 4, "max_client_connections": 2}
HALF = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "


class Holder:
    """Opens connections and keeps them."""

    def __init__(self) -> None:
        self._scope = ExitStack()

    async def connect(self, port: int, content: bytes, source: str = "127.0.0.2") -> socket.socket:
        # The kernel takes it in, whether the gateway, in this loop too, has accepted it or not.
        made = socket.create_connection(("127.0.0.1", port), source_address=(source, 0))
        self._scope.callback(made.close)
        made.settimeout(0)
        await asyncio.get_running_loop().sock_sendall(made, content)
        return made

    def release(self) -> None:
        self._scope.close()


async def ended(connection: socket.socket, seconds: float) -> bool:
    """Tell whether the gateway ends a connection within so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            while await asyncio.get_running_loop().sock_recv(connection, 1 << 16):
                pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


@pytest_asyncio.fixture
async def holder() -> AsyncIterator[Holder]:
    made = Holder()
    yield made
    made.release()


async def served(live: Live) -> None:
    """Check that the page, its health and a search are answered."""
    async with httpx.AsyncClient(base_url=live.url, timeout=5) as http:
        for path in ("/", "/healthz", "/static/page.js"):
            assert (await http.get(path)).status_code == 200
    async with Page(live.port) as page:
        assert (await page.search())["type"] == "answer"


@pytest.mark.parametrize("source", ["127.0.0.2", "127.0.0.1"])
async def test_half_sent_requests_keep_nobody_out(target: str, holder: Holder, source: str) -> None:
    """Three hundred, from another address or the visitor's own: the oldest give their places."""
    async with live_here(target, **FEW) as live:
        for _ in range(300):
            await holder.connect(live.port, HALF, source)
        for _ in range(3):
            await served(live)


@pytest.mark.parametrize(
    "content",
    [b"", HALF, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx"],
    ids=["nothing", "half a head", "half a body"],
)
async def test_a_request_that_does_not_come_is_ended(
    target: str, holder: Holder, content: bytes
) -> None:
    """However it drips, it has `request_seconds` as a whole."""
    async with live_here(target, request_seconds=0.4) as live:
        connection = await holder.connect(live.port, content)

        async def drip() -> None:
            with suppress(ConnectionError):
                while content:
                    await asyncio.sleep(0.1)
                    connection.send(b"x")

        dripping = asyncio.create_task(drip())
        assert await ended(connection, 10)
        dripping.cancel()


async def test_an_answer_that_nobody_reads_is_ended(target: str, holder: Holder) -> None:
    """Thousands of requests whose answers stay where they are."""
    async with live_here(target, answer_seconds=0.5) as live:
        request = b"GET /static/page.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
        sending = asyncio.create_task(holder.connect(live.port, request * 3000))
        url = f"http://127.0.0.1:{live.metrics_port}/metrics"
        async with httpx.AsyncClient() as http, asyncio.timeout(15):
            while 'live_refused_total{reason="time"} 1.0' not in (await http.get(url)).text:  # noqa: ASYNC110 - the page has no event
                await asyncio.sleep(0.1)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def test_a_connection_that_is_used_again_stays(target: str) -> None:
    """Each request has its time anew."""
    async with live_here(target, request_seconds=0.5) as live:
        reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
        for _ in range(4):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(3) == b"ok\n"
            await asyncio.sleep(0.3)
        writer.close()


async def test_a_trusted_proxy_has_no_share(target: str, holder: Holder) -> None:
    """It speaks for many visitors: its connections are bounded in all alone."""
    async with live_here(target, trusted_proxies="127.0.0.2", **FEW) as live:
        connections = [await holder.connect(live.port, b"") for _ in range(24)]
        await served(live)
        assert not await ended(connections[0], 0.1)

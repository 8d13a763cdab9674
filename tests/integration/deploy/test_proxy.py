"""deploy/proxy/nginx.conf, tried: a real nginx before a search service and the live page."""

import asyncio
import shutil
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest
import pytest_asyncio

from sketchzoo.client import AsyncClient, Stroke, Strokes
from tests.deployment import ROOT
from tests.integration.deploy.ports import free_port
from tests.integration.faults.test_tls import Certificates, make_certificates
from tests.integration.live_demo.fake_search import FakeSearch, server
from tests.integration.live_demo.live_here import live_here
from tests.integration.live_demo.page import Page

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(shutil.which("nginx") is None, reason="there is no nginx here"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates"),
]

DRAWING = Strokes(100, 100, (Stroke(((10, 10), (90, 90))),))


@dataclass(frozen=True, slots=True)
class Proxied:
    """nginx's ports, and the certificates that it shows."""

    search: int
    live: int
    certificates: Certificates


@pytest_asyncio.fixture
async def proxied(tmp_path: Path) -> AsyncIterator[Proxied]:
    made = make_certificates(tmp_path / "certificates")
    async with server(FakeSearch()) as search:
        await search.set_serving(True)
        options = {"trusted_proxies": "127.0.0.1", "allowed_hosts": "localhost"}
        async with live_here(f"127.0.0.1:{search.port}", **options) as live:
            ports = Proxied(free_port(), free_port(), made)
            text = (ROOT / "deploy/proxy/nginx.conf").read_text()
            for said, meant in {
                "127.0.0.1:50052": f"127.0.0.1:{search.port}",
                "127.0.0.1:8080": f"127.0.0.1:{live.port}",
                "50443": str(ports.search),
                "8443": str(ports.live),
                "certificate.pem": str(made.certificate),
                "key.pem": str(made.key),
                "pid nginx.pid": f"daemon off; pid {tmp_path}/nginx.pid",
            }.items():
                assert said in text
                text = text.replace(said, meant)
            (tmp_path / "nginx.conf").write_text(text)
            async with nginx(tmp_path, ports.live):
                yield ports


@asynccontextmanager
async def nginx(folder: Path, port: int) -> AsyncIterator[None]:
    """Run nginx with the folder's nginx.conf, and wait until it accepts connections."""
    command = ("nginx", "-c", f"{folder}/nginx.conf", "-p", str(folder), "-e", "stderr")
    process = await asyncio.create_subprocess_exec(*command)
    try:
        await listening(process, port)
        yield
    finally:
        process.terminate()
        await process.wait()


async def listening(process: asyncio.subprocess.Process, port: int) -> None:
    """Wait until nginx accepts connections."""
    end = time.monotonic() + 20
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            assert process.returncode is None, "nginx has ended; see its error above"
            assert time.monotonic() < end
            await asyncio.sleep(0.02)
        else:
            writer.close()
            await writer.wait_closed()
            return


async def test_search_is_reached_through_nginx(proxied: Proxied) -> None:
    """A search, a live search and a large message; what is not served is not passed on."""
    tls = proxied.certificates.client
    async with AsyncClient(f"localhost:{proxied.search}", tls=tls, timeout=10) as client:
        assert (await client.search(DRAWING)).hits

        async def drawings() -> AsyncIterator[Strokes]:
            for _ in range(3):
                yield DRAWING
                await asyncio.sleep(0.2)

        answers = [answer async for answer in client.live(drawings())]
        assert [answer.error for answer in answers] == [None] * 3
    credentials = grpc.ssl_channel_credentials(proxied.certificates.ca.read_bytes())
    async with grpc.aio.secure_channel(f"localhost:{proxied.search}", credentials) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary("/qdrant.Points/Upsert")(b"", timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_the_live_page_is_reached_through_nginx(proxied: Proxied) -> None:
    """The page and its WebSocket, under the proxy's name."""
    trust = ssl.create_default_context(cafile=str(proxied.certificates.ca))
    url = f"https://localhost:{proxied.live}"
    async with httpx.AsyncClient(verify=trust) as http:
        page = await http.get(url)
        assert page.status_code == 200
        assert "<canvas" in page.text
    options = {"origin": url, "ssl": trust, "uri": f"wss://localhost:{proxied.live}/live"}
    async with Page(proxied.live, **options) as drawing:
        assert (await drawing.search())["type"] == "answer"


async def test_nginx_bounds_what_one_address_may_have_under_way(proxied: Proxied) -> None:
    """Streams beyond 64 over several connections are refused; when they end, it is served."""
    credentials = grpc.ssl_channel_credentials(proxied.certificates.ca.read_bytes())
    target = f"localhost:{proxied.search}"
    async with AsyncExitStack() as stack:
        streams = []
        for number in range(3):
            # Connections of their own: channels of like options would share one.
            options = [("grpc.primary_user_agent", str(number))]
            channel = await stack.enter_async_context(
                grpc.aio.secure_channel(target, credentials, options)
            )
            watch = channel.unary_stream("/grpc.health.v1.Health/Watch")
            streams += [watch(b"", timeout=20) for _ in range(30)]
        outcomes = await asyncio.gather(*(each.read() for each in streams), return_exceptions=True)
        refused = [each for each in outcomes if isinstance(each, grpc.aio.AioRpcError)]
        assert len(refused) == 26
    tls = proxied.certificates.client
    async with AsyncClient(target, tls=tls, timeout=10) as client:
        assert (await client.search(DRAWING)).hits

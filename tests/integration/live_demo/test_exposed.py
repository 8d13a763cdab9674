"""What a stranger may not do: origins, sizes, rates, names and paths."""

import asyncio
import contextlib
import json
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.integration.live_demo.fake_search import FakeSearch
from tests.integration.live_demo.live_here import Live, live_here
from tests.integration.live_demo.page import LINE, Page


async def closed(page: Page) -> tuple[int, str]:
    """Read until the gateway closes the connection; return code and reason."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await page.hear()
    assert page.socket.close_code is not None
    return page.socket.close_code, page.socket.close_reason or ""


async def admitted(port: int) -> dict[str, Any]:
    """Connect until there is room and return a search's answer: leaving takes a moment."""
    async with asyncio.timeout(10):
        while True:
            async with Page(port) as page:
                with contextlib.suppress(ConnectionClosed):
                    return await page.search()


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null", "http://127.0.0.1:1"])
async def test_pages_of_other_origins_cannot_search(live: Live, origin: str | None) -> None:
    """The handshake is refused, so a stranger's page cannot use its visitor's gateway."""
    with pytest.raises(InvalidStatus) as caught:
        await Page(live.port, origin=origin).__aenter__()
    assert caught.value.response.status_code == 403


async def test_an_allowed_origin_may_search(target: str) -> None:
    """An operator may let a page of another origin in."""
    origin = "https://zoo.example"
    async with live_here(target, allowed_origins=origin) as process:
        page = await Page(process.port, origin=origin).__aenter__()
        assert (await page.search())["type"] == "answer"
        await page.socket.close()


async def test_a_strangers_name_for_this_address_is_refused(live: Live) -> None:
    """A name made to point here (DNS rebinding) is not served, an address is."""
    async with httpx.AsyncClient(base_url=live.url) as http:
        refused = await http.get("/", headers={"host": "evil.example"})
        assert refused.status_code == 421
        assert "SKETCHZOO_LIVE_ALLOWED_HOSTS" in refused.text
        for host in ("localhost:8080", "[::1]:8080", "192.168.1.5"):
            assert (await http.get("/", headers={"host": host})).status_code == 200


async def test_every_answer_carries_the_headers(live: Live) -> None:
    """Nothing inline, nothing foreign, no frame, no sniffing; on errors, too."""
    async with httpx.AsyncClient(base_url=live.url) as http:
        for path in ("/", "/static/page.js", "/nowhere", "/photos/x/320", "/gallery"):
            headers = (await http.get(path)).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert "server" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/static/..%2fsettings.py",
        "/static/../settings.py",
        "/static/%2fetc%2fpasswd",
        "/static/....//settings.py",
        "/photos/..%2f..%2fetc%2fpasswd/320",
        "/settings.py",
    ],
)
async def test_no_path_leads_to_the_file_system(live: Live, path: str) -> None:
    """Files are named, not found."""
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 404")


async def test_a_message_over_the_limit_ends_the_connection(target: str) -> None:
    """Code 1009: it is refused before it is read whole."""
    async with live_here(target, max_message_bytes=10000) as process, Page(process.port) as page:
        await page.socket.send(b"x" * 10001)
        with pytest.raises(ConnectionClosed):
            await page.hear()
        assert page.socket.close_code == 1009


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("{", "message"),
        ('{"sequence": 1}', "source"),
        ('{"sequence": 0, "source": "photo"}', "sequence"),
        ('{"sequence": 1, "source": "photo", "limit": 61}', "limit"),
        ('{"sequence": 1, "source": "photo", "limit": "12"}', "limit"),
        ('{"sequence": 1, "source": "photo", "exact": true}', "exact"),
        ('{"sequence": 1, "source": "photo_id", "photo_id": "../x"}', "photo_id"),
        ('{"sequence": 1, "source": "photo", "classes": [""]}', "classes.0"),
    ],
)
async def test_what_is_no_search_is_refused_by_its_field(
    page: Page, message: str, field: str
) -> None:
    """The refusal names the field; the connection stays."""
    await page.socket.send(message)
    refusal = await page.hear()
    assert refusal["code"] == "INVALID_ARGUMENT"
    assert refusal["message"].startswith(field)
    assert (await page.search())["type"] == "answer"


async def test_strokes_over_the_limits_are_refused(fake: FakeSearch, page: Page) -> None:
    """Too many strokes or points, unequal lists and points off the canvas go no further."""
    many = {"x": [1] * 10_001, "y": [1] * 10_001}
    bad = [[LINE] * 1001, [many], [{"x": [1, 2], "y": [1]}], [{"x": [-1], "y": [1]}], []]
    for strokes in bad:
        drawing = {"width": 1024, "height": 1024, "strokes": strokes}
        assert (await page.search(source="drawing", drawing=drawing))["code"] == "INVALID_ARGUMENT"
    assert not fake.requests


async def test_who_sends_only_rubbish_is_shown_out(page: Page) -> None:
    """After fifty refusals the connection is closed as a violation."""
    for _ in range(60):
        await page.socket.send("[]")
    assert await closed(page) == (1008, "too many bad messages")


async def test_searches_over_the_rate_are_told_when_to_come_back(
    fake: FakeSearch, target: str
) -> None:
    """They are answered RESOURCE_EXHAUSTED here and never reach the search."""
    async with live_here(target, searches_per_second=1) as process, Page(process.port) as page:
        outcomes = [await page.search() for _ in range(6)]
    assert [each["type"] for each in outcomes] == ["answer"] * 3 + ["failure"] * 3
    assert outcomes[-1]["code"] == "RESOURCE_EXHAUSTED"
    assert 0 < outcomes[-1]["retry_milliseconds"] <= 1000
    assert len(fake.requests) == 3


async def test_requests_over_the_rate_are_refused(target: str) -> None:
    """429 with Retry-After; health is asked by machines and has no limit."""
    async with live_here(target, requests_per_second=1) as process:
        http = httpx.AsyncClient(base_url=process.url)
        async with http:
            codes = [(await http.get("/static/icon.svg")).status_code for _ in range(6)]
            assert codes == [200] * 3 + [429] * 3
            assert (await http.get("/")).headers["retry-after"]
            assert (await http.get("/healthz")).status_code == 200


async def test_connections_over_the_limit_are_told_why(target: str) -> None:
    """Code 1013 and the reason; soon after one left there is room again."""
    async with (
        live_here(target, max_client_connections=2) as process,
        Page(process.port),
        Page(process.port) as one,
    ):
        async with Page(process.port) as third:
            assert await closed(third) == (1013, "too many pages are open from your address")
        await one.socket.close()
        assert (await admitted(process.port))["type"] == "answer"


async def test_an_idle_connection_is_closed(target: str) -> None:
    """A page that was forgotten does not keep its place."""
    async with live_here(target, idle_seconds=0.3) as process, Page(process.port) as page:
        assert (await closed(page))[0] == 4408


async def test_a_thousand_mutated_messages_break_nothing(page: Page) -> None:
    """Whatever is sent, the connection is refused or the message is; the gateway goes on."""
    good = json.dumps(
        {
            "sequence": 1,
            "source": "drawing",
            "drawing": {"width": 1024, "height": 1024, "strokes": [LINE]},
        }
    ).encode()
    port = page.socket.remote_address[1]
    sent = 0
    for seed in range(30):
        async with Page(port) as stranger:
            for number in range(34):
                mutated = bytearray(good)
                mutated[(seed * 34 + number * 7) % len(good)] = (seed * 37 + number * 11) % 128
                try:
                    await stranger.socket.send(mutated.decode())
                except ConnectionClosed:
                    break
                sent += 1
    assert sent > 900
    assert (await page.search())["type"] == "answer"

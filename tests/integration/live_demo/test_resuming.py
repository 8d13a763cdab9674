"""A page's live search: opened when it draws, and taken up again wherever it was cut off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.integration.live_demo.fake_search import FakeSearch, server
from tests.integration.live_demo.live_here import Live, live_here
from tests.integration.live_demo.page import Page


@asynccontextmanager
async def gateway(fake: FakeSearch, **settings: Any) -> AsyncIterator[Live]:
    async with server(fake, **settings) as serving:
        await serving.set_serving(True)
        async with live_here(f"127.0.0.1:{serving.port}") as live:
            yield live


async def test_a_page_that_does_not_draw_opens_no_stream(live: Live, fake: FakeSearch) -> None:
    """Open tabs cost the search service nothing; the first drawing opens one."""
    async with Page(live.port) as idle, Page(live.port) as drawing:
        assert (await drawing.search())["type"] == "answer"
        assert fake.streams == 1
        assert (await idle.search())["type"] == "answer"
        assert fake.streams == 2


async def test_a_page_that_rests_gives_its_stream_back(
    live: Live, fake: FakeSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next drawing opens another, and the page is told nothing of it."""
    monkeypatch.setattr("live_demo.live_search._REST_SECONDS", 0.2)
    async with Page(live.port) as page:
        assert (await page.search())["type"] == "answer"
        async with asyncio.timeout(5):
            while fake.open_streams:  # noqa: ASYNC110 - the fake counts
                await asyncio.sleep(0.01)
        assert (await page.search())["type"] == "answer"
    assert fake.streams == 2


async def test_a_page_draws_on_while_connections_end_at_their_age() -> None:
    """Every question is answered, whichever connection it fell on."""
    fake = FakeSearch()
    aged = {"max_connection_age_seconds": 0.3, "connection_grace_seconds": 0.1}
    async with gateway(fake, **aged) as live, Page(live.port) as page:
        end = asyncio.get_running_loop().time() + 2
        while asyncio.get_running_loop().time() < end:
            told = await page.search()
            assert told["type"] == "answer", told
            await asyncio.sleep(0.05)
    assert fake.streams > 2


async def test_a_page_draws_on_after_its_idle_stream_was_ended() -> None:
    """The server needed its room for others: nothing of it is told to the page."""
    fake = FakeSearch()
    async with gateway(fake, stream_idle_seconds=0.2) as live, Page(live.port) as page:
        for _ in range(2):
            assert (await page.search())["type"] == "answer"
            await asyncio.sleep(0.5)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await page.socket.recv()
    assert fake.streams == 2

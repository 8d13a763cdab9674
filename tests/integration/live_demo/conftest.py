"""A gateway process and the search service that it speaks to."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.live_demo.fake_search import FakeSearch, server
from tests.integration.live_demo.live_here import Live, live_here
from tests.integration.live_demo.page import Page


@pytest.fixture
def fake() -> FakeSearch:
    return FakeSearch()


@pytest_asyncio.fixture
async def target(fake: FakeSearch) -> AsyncIterator[str]:
    async with server(fake) as serving:
        await serving.set_serving(True)
        yield f"127.0.0.1:{serving.port}"


@pytest_asyncio.fixture
async def live(target: str) -> AsyncIterator[Live]:
    async with live_here(target) as serving:
        yield serving


@pytest_asyncio.fixture
async def page(live: Live) -> AsyncIterator[Page]:
    async with Page(live.port) as connected:
        yield connected

"""A browser, a gateway and a search service that tests may stop."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext

from sketchzoo.rpc import RpcServer
from sketchzoo.search.v1 import search_pb2
from tests.e2e.live_demo.browser import Visitor, chromium, executable
from tests.integration.live_demo.fake_search import FakeSearch, server
from tests.integration.live_demo.live_here import Live, live_here


@dataclass
class Zoo:
    """A fake search service that can go away and come back on its port."""

    fake: FakeSearch
    port: int = 0
    _running: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def open(self) -> None:
        serving: RpcServer = await self._running.enter_async_context(server(self.fake, self.port))
        await serving.set_serving(True)
        self.port = serving.port

    async def close(self) -> None:
        await self._running.aclose()

    async def asked(
        self, meets: Callable[[search_pb2.SearchRequest], object]
    ) -> search_pb2.SearchRequest:
        """Wait until the newest search meets this: the last one's photos may look the same."""
        async with asyncio.timeout(60):
            requests = self.fake.requests
            while not (requests and meets(requests[-1])):  # noqa: ASYNC110 - the fake has no event
                await asyncio.sleep(0.05)
        return requests[-1]

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the screenshots: SKETCHZOO_SCREENSHOTS, or a temporary one."""
    named = os.environ.get("SKETCHZOO_SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    if executable() is None:
        pytest.skip("no Chromium here: install it, or name it by SKETCHZOO_CHROMIUM")
    async with chromium() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def zoo() -> AsyncIterator[Zoo]:
    zoo = Zoo(FakeSearch())
    await zoo.open()
    yield zoo
    await zoo.close()


@pytest_asyncio.fixture(loop_scope="module")
async def live(zoo: Zoo) -> AsyncIterator[Live]:
    async with live_here(zoo.target) as serving:
        yield serving


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    # Without motion: frames are dear where no graphics card draws them.
    context = await browser.new_context(
        viewport={"width": 1280, "height": 800}, reduced_motion="reduce"
    )
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def visitor(context: BrowserContext, live: Live, pictures: Path) -> AsyncIterator[Visitor]:
    visitor = await Visitor.arrive(context, live.url, pictures)
    yield visitor
    assert visitor.errors == []
    assert visitor.strangers == []

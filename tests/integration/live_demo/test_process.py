"""`sketchzoo live` as an operator starts it."""

import asyncio

import pytest

from tests.integration.live_demo.fake_search import FakeSearch, server
from tests.integration.live_demo.live_process import LiveProcess
from tests.integration.live_demo.page import Page

TOKEN = "open-sesame"  # noqa: S105 - of this test alone


async def test_the_token_goes_to_the_search_and_nowhere_else(fake: FakeSearch) -> None:
    """It comes from the environment, reaches the service alone, and SIGTERM ends all well."""
    async with server(fake, token=TOKEN) as serving:
        await serving.set_serving(True)
        process = LiveProcess(f"127.0.0.1:{serving.port}", SKETCHZOO_SEARCH_CALL_TOKEN=TOKEN)
        await asyncio.to_thread(process.__enter__)
        async with Page(process.port) as page:
            answer = await page.search()
            assert answer["type"] == "answer"
            assert fake.metadata["authorization"] == f"Bearer {TOKEN}"
            assert await asyncio.to_thread(process.stop) == 0
        assert TOKEN not in process.log + str(answer)


def test_a_port_that_is_taken_is_said() -> None:
    """One line on what went wrong, and it ends."""
    with LiveProcess("127.0.0.1:1") as first, pytest.raises(RuntimeError, match="port is taken"):
        LiveProcess("127.0.0.1:1", "--port", str(first.port)).__enter__()

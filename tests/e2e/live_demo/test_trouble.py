"""When something is away, full or slow, the page says so and recovers by itself."""

from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Route, expect

from sketchzoo.rpc import exhausted, unavailable
from tests.e2e.live_demo.browser import Visitor
from tests.e2e.live_demo.conftest import Zoo
from tests.integration.live_demo.live_here import Live, live_here

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]


async def test_a_lost_search_service_is_told_and_found_again(zoo: Zoo, visitor: Visitor) -> None:
    """What was drawn meanwhile is searched when the service is back."""
    page = visitor.page
    await visitor.start_from("zebra")
    await visitor.sees_only("zebra")
    await zoo.close()
    await expect(page.locator("#pill")).to_have_text("Search is away")
    await expect(page.locator("#notice")).to_contain_text("The search service is away")
    await visitor.start_from("snail")
    assert await visitor.barriers() == []
    await visitor.picture("away")
    await zoo.open()
    await visitor.sees_only("snail")
    await expect(page.locator("#pill")).to_have_text("Live")
    await expect(page.locator("#notice")).to_be_hidden()


async def test_each_trouble_has_its_words(zoo: Zoo, visitor: Visitor) -> None:
    """Busy, the encoder away, Qdrant away: each is said, and each passes."""
    notice = visitor.page.locator("#notice")
    for failure, words, animal in (
        (exhausted("the queue is full", 0.3), "Many are drawing", "owl"),
        (unavailable("encoder", "gone"), "looks at drawings is away", "fish"),
        (unavailable("Qdrant", "gone"), "The gallery is away", "snail"),
    ):
        zoo.fake.failure = failure
        await visitor.start_from(animal)
        await expect(notice).to_contain_text(words)
        zoo.fake.failure = None
        await visitor.sees_only(animal)
        await expect(notice).to_be_hidden()


async def test_a_lost_gateway_is_told_and_found_again(
    zoo: Zoo, context: BrowserContext, pictures: Path
) -> None:
    """The drawing stays, the page connects again and asks anew."""
    async with live_here(zoo.target) as first:
        visitor = await Visitor.arrive(context, first.url, pictures)
        await visitor.start_from("zebra")
        await visitor.sees_only("zebra")
        port = first.port
    await expect(visitor.page.locator("#pill")).to_have_text("Offline")
    await expect(visitor.page.locator("#notice")).to_contain_text("Your drawing is safe")
    await visitor.start_from("rabbit")
    async with live_here(zoo.target, port=port):
        await visitor.sees_only("rabbit")
        await expect(visitor.page.locator("#pill")).to_have_text("Live")
        await visitor.page.close()


async def test_an_empty_gallery_is_told(zoo: Zoo, context: BrowserContext, pictures: Path) -> None:
    """Where nothing was ingested there is nothing to find, and the page says why."""
    zoo.fake.photos = {}
    async with live_here(zoo.target) as live:
        visitor = await Visitor.arrive(context, live.url, pictures)
        await expect(visitor.page.locator("#notice")).to_contain_text("The gallery has no photos")
        await visitor.page.close()


async def test_a_script_that_got_lost_is_loaded_again(context: BrowserContext, live: Live) -> None:
    """A network that changes while the page loads leaves no dead page."""
    page = await context.new_page()
    lost = False

    async def lose(route: Route) -> None:
        nonlocal lost
        if lost:
            await route.continue_()
        else:
            lost = True
            await route.abort("internetdisconnected")

    await page.route("**/static/words.js", lose)
    await page.goto(live.url)
    await expect(page.locator("#pill")).to_have_attribute("data-state", "live")
    assert lost
    await page.close()

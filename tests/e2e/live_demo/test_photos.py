"""What can be done with the photos, in a real browser."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, expect

from tests.e2e.live_demo.browser import Visitor
from tests.e2e.live_demo.conftest import Zoo
from tests.integration.live_demo.live_here import live_here
from tests.integration.live_demo.test_serving import drawn_map

FIRST_PLACE = """async () => {
    const view = new DataView(await (await fetch("/map")).arrayBuffer());
    return [view.getUint16(16, true) / 65535, view.getUint16(18, true) / 65535];
}"""

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]


async def test_class_chips_filter_the_photos(zoo: Zoo, visitor: Visitor) -> None:
    """Chips show their number of photos; those pressed leave only their classes."""
    page = visitor.page
    await visitor.start_from("zebra")
    await visitor.sees_only("zebra")
    await expect(page.locator("#chips .chip")).to_have_count(8)
    await expect(page.get_by_label("owl, 24 photos")).to_be_visible()
    await page.get_by_label("owl, 24 photos").click()
    await visitor.sees_only("owl")
    await page.get_by_label("snail, 24 photos").click()
    await expect(page.locator("#grid .name", has_text="snail").first).to_be_visible()
    assert set(await visitor.classes()) == {"owl", "snail"}
    for name in ("owl", "snail"):
        await page.get_by_label(f"{name}, 24 photos").click()
    await visitor.sees_only("zebra")


async def test_thumbs_refine_the_answer(zoo: Zoo, visitor: Visitor) -> None:
    """Liked and disliked photos are sent, shown in a bar and can be taken back."""
    page = visitor.page
    await visitor.start_from("zebra")
    await visitor.sees_only("zebra")
    await page.get_by_label("owl, 24 photos").click()
    await visitor.sees_only("owl")
    for liked in range(1, 4):
        await page.locator("#grid .tile").first.get_by_label("Like: more photos such as").click()
        await expect(page.locator("#refine .liked button")).to_have_count(liked)
        await visitor.sees_only("owl")
    await page.get_by_label("owl, 24 photos").click()
    await expect(page.locator("#grid .name").first).to_have_text("owl")
    await page.locator("#grid .tile").last.get_by_label("Dislike").click()
    await expect(page.locator("#refine .disliked button")).to_have_count(1)
    await page.wait_for_timeout(300)
    query = zoo.fake.requests[-1].query
    assert (len(query.liked_photo_ids), len(query.disliked_photo_ids)) == (3, 1)
    await visitor.picture("refined")
    await page.get_by_text("Reset").click()
    await visitor.sees_only("zebra")
    await expect(page.locator("#refine")).to_be_hidden()


async def test_a_photos_details_lead_to_more_like_it(visitor: Visitor) -> None:
    """The dialog tells class, score, size, author and licence; from there on to its like."""
    page = visitor.page
    await visitor.start_from("butterfly")
    await visitor.sees_only("butterfly")
    await page.locator("#grid .open").nth(1).click()
    dialog = page.locator("#details")
    for text in ("butterfly", "256", "Nobody", "CC0"):
        await expect(dialog).to_contain_text(text)
    assert await visitor.barriers() == []
    await visitor.picture("details")
    await page.keyboard.press("ArrowRight")
    await dialog.get_by_text("More like this").click()
    await expect(dialog).to_be_hidden()
    await expect(page.locator("#seed")).to_contain_text("More like this butterfly")
    await expect(page.locator("#grid .tile")).to_have_count(12)
    await page.get_by_text("Back to your drawing").click()
    await expect(page.locator("#seed")).to_be_hidden()
    await visitor.sees_only("butterfly")


async def test_scrolling_brings_more_up_to_sixty(zoo: Zoo, visitor: Visitor) -> None:
    """Twelve come first; who scrolls gets the next pages, each photo once."""
    page = visitor.page
    await visitor.start_from("elephant")
    await visitor.sees_only("elephant")
    await page.mouse.move(1000, 600)
    for _ in range(30):
        await page.mouse.wheel(0, 2000)
        await page.wait_for_timeout(150)
        if await page.locator("#grid .tile").count() == 60:
            break
    await expect(page.locator("#grid .tile")).to_have_count(60)
    sources = await page.locator("#grid img").evaluate_all("all => all.map(one => one.src)")
    assert len(set(sources)) == 60
    await expect(page.locator("#more")).to_be_hidden()
    await page.locator("#limit").select_option("24")
    await expect(page.locator("#grid .tile")).to_have_count(24)


async def test_an_unlike_drawing_is_said_to_be_unlike(zoo: Zoo, visitor: Visitor) -> None:
    """Under the model's confident score the page says that nothing is like it."""
    zoo.fake.confident_score = 0.999
    await visitor.start_from("owl")
    status = visitor.page.locator("#status")
    await expect(status).to_have_text("Nothing like this here. Nearest: owl")
    await expect(visitor.page.locator("#grid")).to_have_class("grid faint")
    assert await visitor.barriers() == []
    zoo.fake.confident_score = 0.6
    await visitor.start_from("fish")
    await expect(status).to_have_text("12 photos: fish")
    await expect(visitor.page.locator("#grid")).to_have_class("grid")


@pytest_asyncio.fixture(loop_scope="module")
async def mapped(
    zoo: Zoo, context: BrowserContext, pictures: Path, tmp_path: Path
) -> AsyncIterator[Visitor]:
    path = tmp_path / "map.npz"
    drawn_map(zoo.fake, path)
    async with live_here(zoo.target, map_file=path) as live:
        visitor = await Visitor.arrive(context, live.url, pictures)
        yield visitor
        assert visitor.errors == []


async def test_the_sketch_walks_on_the_map(mapped: Visitor) -> None:
    """The map says near what the sketch lies, and shows the photo under the pointer."""
    page = mapped.page
    await expect(page.locator("#views")).to_be_visible()
    await page.locator("[name=view][value=map]").check(force=True)
    canvas = page.locator("#map")
    await expect(canvas).to_have_attribute("aria-label", "Map of 192 photos.")
    await mapped.start_from("giraffe")
    await expect(canvas).to_have_attribute(
        "aria-label", "Map of 192 photos. Your sketch lies near giraffe."
    )
    await page.wait_for_timeout(600)
    await mapped.picture("map")
    box = await canvas.bounding_box()
    assert box is not None
    before = await canvas.screenshot()
    await mapped.start_from("owl")
    await page.wait_for_timeout(800)
    assert await canvas.screenshot() != before
    # The first photo's place, in from the canvas's margin.
    x, y = await page.evaluate(FIRST_PLACE)
    await page.mouse.move(
        box["x"] + (0.05 + 0.9 * x) * box["width"], box["y"] + (0.05 + 0.9 * y) * box["height"]
    )
    await expect(page.locator("#map-tip figcaption")).not_to_be_empty()
    assert await mapped.barriers() == []

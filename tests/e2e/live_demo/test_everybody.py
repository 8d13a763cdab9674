"""For everybody: phones, dark rooms, screen readers, slow lines."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.live_demo.browser import Visitor
from tests.integration.live_demo.fake_photos import examples
from tests.integration.live_demo.live_here import Live

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

MOST_BYTES = 210_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious(visitor: Visitor, scheme: str) -> None:
    """Empty, with photos and with the help open, in light and dark."""
    page = visitor.page
    await page.emulate_media(color_scheme=scheme)
    assert await visitor.barriers() == []
    await visitor.start_from("zebra")
    await visitor.sees_only("zebra")
    assert await visitor.barriers() == []
    await visitor.picture(scheme)
    await page.keyboard.press("?")
    await expect(page.locator("#help")).to_be_visible()
    assert await visitor.barriers() == []
    await page.keyboard.press("Escape")


async def test_the_first_view_invites(visitor: Visitor) -> None:
    """Words and examples with names, nothing that looks like photos on their way."""
    page = visitor.page
    await expect(page.locator("#welcome")).to_contain_text("Draw an animal")
    assert await page.locator("#welcome button .caption").all_inner_texts() == list(examples())
    assert await page.locator("#blanks, #grid.waiting").count() == 0
    labels = await page.locator("#examples button").evaluate_all(
        "all => all.map((each) => each.ariaLabel)"
    )
    assert not [label for label in labels if re.search(r"\ba [aeiou]", label)]
    await page.locator("#welcome button").first.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#welcome")).to_be_hidden()
    await expect(page.locator("#examples button").first).to_be_focused()


async def test_a_chosen_theme_stays(visitor: Visitor) -> None:
    """The button overrules the system, also after a reload."""
    page = visitor.page
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = await page.evaluate(ground)
    await page.locator("#theme").click()
    dark = await page.evaluate(ground)
    assert dark != light
    await page.reload()
    assert await page.evaluate(ground) == dark


async def test_a_screen_reader_hears_what_came(visitor: Visitor) -> None:
    """Once the pen rests, the number of photos and their classes are announced."""
    await visitor.start_from("fish")
    status = visitor.page.locator("#status")
    await expect(status).to_have_text("12 photos: fish")
    await expect(status).to_have_attribute("role", "status")
    name = await visitor.page.locator("#grid .open").first.get_attribute("aria-label")
    assert name is not None
    assert name.startswith("fish, score 0.")


@pytest.mark.parametrize("width", [320, 390, 820])
async def test_it_fits_a_phone_and_is_drawn_on_by_touch(
    browser: Browser, live: Live, pictures: Path, width: int
) -> None:
    """No sideways scrolling at any width; a finger draws rather than scrolls."""
    context = await browser.new_context(
        viewport={"width": width, "height": 844},
        has_touch=True,
        is_mobile=True,
        device_scale_factor=2,
    )
    try:
        visitor = await Visitor.arrive(context, live.url, pictures)
        box = await visitor.page.locator("#canvas").bounding_box()
        assert box is not None
        devtools = await context.new_cdp_session(visitor.page)
        for step in range(12):
            kind = "touchMove" if step else "touchStart"
            x, y = box["x"] + 60 + 10 * step, box["y"] + 60 + 8 * step
            points = [{"x": x, "y": y}]
            await devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        await devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        await expect(visitor.page.locator("#grid .tile")).to_have_count(12)
        assert await visitor.strokes() == 1
        assert await visitor.page.evaluate("scrollY") == 0
        overflow = await visitor.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow <= 0
        assert await visitor.barriers() == []
        await visitor.picture(f"phone-{width}")
        assert visitor.errors == []
    finally:
        await context.close()


async def test_the_page_is_light(browser: Browser, live: Live) -> None:
    """Without photos under 210 kB uncompressed, from this origin alone."""
    context = await browser.new_context()
    page = await context.new_page()
    sizes: dict[str, int] = {}

    async def weigh(route: object) -> None:
        response = await route.fetch()
        sizes[response.url] = len(await response.body())
        await route.fulfill(response=response)

    await page.route("**/*", weigh)
    await page.goto(live.url)
    await expect(page.locator("#examples li")).to_have_count(8)
    # A file still on its way when the page closes would fail the test, not the page.
    await page.unroute_all(behavior="wait")
    await context.close()
    assert all(url.startswith(live.url) for url in sizes)
    assert len(sizes) > 10
    assert sum(sizes.values()) < MOST_BYTES

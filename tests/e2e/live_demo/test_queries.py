"""A new query begins anew, and the browser's history goes from one to another."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.e2e.live_demo.browser import Visitor
from tests.e2e.live_demo.conftest import Zoo
from tests.integration.live_demo.fake_photos import examples
from tests.integration.live_demo.live_here import Live

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

PASTE = """async (pictures) => {
    for (const source of pictures) {
        const content = await (await fetch(source)).blob();
        const files = new DataTransfer();
        files.items.add(new File([content], "a.png", { type: content.type }));
        document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: files }));
    }
}"""


def photo_of(zoo: Zoo, name: str) -> bytes:
    """Return a photo of a class."""
    return next(each.content for each in zoo.fake.photos.values() if each.class_name == name)


async def upload(page: Page, content: bytes, kind: str = "image/jpeg") -> None:
    """Give a picture."""
    file = {"name": "a", "mimeType": kind, "buffer": content}
    await page.locator("#file").set_input_files(files=[file])


async def dress(visitor: Visitor) -> None:
    """Like an owl among snails, with a chip chosen."""
    page = visitor.page
    await visitor.start_from("snail")
    await visitor.sees_only("snail")
    await page.get_by_label("owl, 24 photos").click()
    await visitor.sees_only("owl")
    await page.locator("#grid .tile").first.get_by_label("Like: more photos such as").click()
    await expect(page.locator("#refine .liked button")).to_have_count(1)
    await expect(page.locator("#status")).not_to_be_empty()


async def is_bare(visitor: Visitor) -> None:
    """Wait until no like and no chip is left."""
    await expect(visitor.page.locator("#refine")).to_be_hidden()
    await expect(visitor.page.locator("#chips [aria-pressed=true]")).to_have_count(0)


def last(zoo: Zoo) -> Any:
    """Return the search asked last."""
    return zoo.fake.requests[-1]


@pytest.mark.parametrize("way", ["example", "upload", "link", "map", "clear"])
async def test_a_new_query_keeps_nothing_of_the_last(zoo: Zoo, visitor: Visitor, way: str) -> None:
    """Likes, chips and the status line are the old query's."""
    page = visitor.page
    await dress(visitor)
    if way == "example":
        await visitor.start_from("zebra")
    elif way == "upload":
        await upload(page, photo_of(zoo, "zebra"))
    elif way == "link":
        await page.evaluate("(text) => (location.hash = text)", f"#d={examples()['zebra']}")
    elif way == "map":
        await page.locator("#grid .open").first.click()
        await page.locator("#details").get_by_text("More like this").click()
        await expect(page.locator("#seed")).to_be_visible()
    else:
        await page.locator("#clear").click()
        await expect(page.locator("#status")).to_be_empty()
        await expect(page.locator("#grid .tile")).to_have_count(0)
        await is_bare(visitor)
        return
    await is_bare(visitor)
    wanted = "owl" if way == "map" else "zebra"
    await visitor.sees_only(wanted)
    await expect(page.locator("#status")).to_have_text(f"12 photos: {wanted}")
    assert not last(zoo).query.liked_photo_ids
    assert not last(zoo).filter.classes


async def test_a_link_opened_over_a_picture_shows_the_drawing(zoo: Zoo, visitor: Visitor) -> None:
    """The picture goes; Back brings it again, with its photos."""
    page = visitor.page
    await upload(page, photo_of(zoo, "giraffe"))
    await visitor.sees_only("giraffe")
    await page.evaluate("(text) => (location.hash = text)", f"#d={examples()['owl']}")
    await visitor.sees_only("owl")
    await expect(page.locator("#picture")).to_be_hidden()
    await page.go_back()
    await expect(page.locator("#picture")).to_be_visible()
    await visitor.sees_only("giraffe")


async def test_of_two_pastes_the_last_wins(zoo: Zoo, visitor: Visitor) -> None:
    """Though the first takes longer to be read."""
    page = visitor.page
    await page.evaluate(
        """() => {
            const read = window.createImageBitmap;
            let turn = 0;
            window.createImageBitmap = async (...given) => {
                const bitmap = await read(...given);
                if (turn++ === 0) await new Promise((done) => (window.letFirst = done));
                else setTimeout(() => window.letFirst(), 300);
                return bitmap;
            };
        }"""
    )
    first, second = (
        next(i for i, each in zoo.fake.photos.items() if each.class_name == name)
        for name in ("giraffe", "owl")
    )
    await page.evaluate(PASTE, [f"/photos/{first}/320", f"/photos/{second}/320"])
    await visitor.sees_only("owl")
    await page.wait_for_timeout(600)
    await visitor.sees_only("owl")


async def test_back_closes_the_details_and_leaves_their_photos(visitor: Visitor) -> None:
    """Back is for what one is in; closing by Escape leaves no step behind."""
    page = visitor.page
    await visitor.start_from("butterfly")
    await visitor.sees_only("butterfly")
    dialog = page.locator("#details")
    steps = await page.evaluate("history.length")
    await page.locator("#grid .open").first.click()
    await page.keyboard.press("ArrowRight")
    await page.go_back()
    await expect(dialog).to_be_hidden()
    await page.go_forward()
    await expect(dialog).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await page.locator("#grid .open").nth(2).click()
    await expect(dialog).to_be_visible()
    await dialog.get_by_label("Close").click()
    await expect(dialog).to_be_hidden()
    assert await page.evaluate("history.length") == steps + 1
    await visitor.sees_only("butterfly")


async def test_details_opened_again_at_once_stay(visitor: Visitor) -> None:
    """The browser tells of their closing when they are open again: that is no step back."""
    page = visitor.page
    await visitor.start_from("butterfly")
    await visitor.sees_only("butterfly")
    await page.locator("#grid .open").first.click()
    dialog = page.locator("#details")
    await dialog.evaluate("(details) => { details.close(); details.showModal(); }")
    await page.wait_for_timeout(300)
    await expect(dialog).to_be_visible()
    assert await page.evaluate("Boolean(history.state.details)")


async def test_back_returns_from_more_like_this(zoo: Zoo, visitor: Visitor) -> None:
    """Step by step to the drawing, with the likes it had, and not off the page."""
    page = visitor.page
    await dress(visitor)
    for tile in (0, 1):
        await page.locator("#grid .open").nth(tile).click()
        await page.locator("#details").get_by_text("More like this").click()
        await expect(page.locator("#details")).to_be_hidden()
        await expect(page.locator("#seed")).to_contain_text("More like this owl")
        await is_bare(visitor)
    await page.go_back()
    await expect(page.locator("#seed")).to_be_visible()
    await page.go_back()
    await expect(page.locator("#seed")).to_be_hidden()
    await expect(page.locator("#refine .liked button")).to_have_count(1)
    await expect(page.get_by_label("owl, 24 photos")).to_have_attribute("aria-pressed", "true")
    await visitor.sees_only("owl")
    assert page.url.startswith(visitor.url)
    await page.go_forward()
    await page.go_forward()
    await page.get_by_text("Back to your drawing").click()
    await expect(page.locator("#refine .liked button")).to_have_count(1)
    await expect(page.locator("#seed")).to_be_hidden()


async def test_a_chosen_class_is_said_and_taken_back_by_one_tap(zoo: Zoo, visitor: Visitor) -> None:
    """Chips may be scrolled out of sight; what they leave out is not blamed on the gallery."""
    page = visitor.page
    zoo.fake.confident_score = 0.95
    await visitor.start_from("zebra")
    await visitor.sees_only("zebra")
    await page.get_by_label("owl, 24 photos").click()
    await visitor.sees_only("owl")
    await expect(page.locator("#status")).to_have_text("Nothing like this in owl alone.")
    await page.get_by_text("Only owl").click()
    await visitor.sees_only("zebra")
    await expect(page.locator("#status")).to_have_text("12 photos: zebra")
    await expect(page.locator("#chips-only")).to_be_hidden()


async def test_what_is_less_alike_stands_apart(zoo: Zoo, visitor: Visitor) -> None:
    """Of sixty photos the heading counts those that are like the drawing.

    One that the model is less sure of is no other while it is of the same class.
    """
    page = visitor.page
    await visitor.start_from("elephant")
    await visitor.sees_only("elephant")
    zoo.fake.confident_score = zoo.fake.search(last(zoo)).hits[8].score
    await page.locator("#limit").select_option("60")
    await expect(page.locator("#grid .tile")).to_have_count(60)
    await expect(page.locator("#status")).to_have_text("24 photos: elephant; 36 less alike")
    assert await page.locator("#grid .tile:not(.tail) .name").all_inner_texts() == ["elephant"] * 24
    assert await page.locator("#grid > *").nth(24).inner_text() == "Less alike"
    await visitor.picture("less-alike")
    assert await visitor.barriers() == []


async def test_a_photo_of_another_query_never_stands_for_a_new_one(
    zoo: Zoo, visitor: Visitor
) -> None:
    """Where the service refuses a picture, the last query's photos go."""
    page = visitor.page
    await visitor.start_from("owl")
    await visitor.sees_only("owl")
    zoo.fake.refuse_sketch("is empty: nothing is drawn on it")
    await upload(page, photo_of(zoo, "zebra"))
    await expect(page.locator("[name=modality][value=sketch]")).to_be_visible()
    await page.locator("[name=modality][value=sketch]").check(force=True)
    await expect(page.locator("#notice")).to_contain_text("nothing to see on this picture")
    await expect(page.locator("#grid .tile")).to_have_count(0)


async def test_a_link_shows_the_classes_while_its_first_search_is_under_way(
    zoo: Zoo, context: BrowserContext, live: Live
) -> None:
    """What the gallery has may come before the answer, and is not asked for twice."""
    zoo.fake.delay = 60
    page = await context.new_page()

    async def hold(route: Any) -> None:
        async with asyncio.timeout(30):
            while not zoo.fake.open_streams:  # noqa: ASYNC110 - the fake has no event
                await asyncio.sleep(0.02)
        await route.continue_()

    await page.route("**/gallery*", hold)
    await page.goto(f"{live.url}/#d={examples()['owl']}")
    await expect(page.locator("#chips .chip")).to_have_count(8, timeout=12_000)
    await page.unroute_all(behavior="wait")
    await page.close()


async def test_many_open_pages_hold_no_line(
    zoo: Zoo, context: BrowserContext, live: Live, pictures: Path
) -> None:
    """The first question opens it; a long rest closes it, and the next opens it again."""
    page = await context.new_page()
    lines: list[str] = []
    page.on("websocket", lambda socket: lines.append(socket.url))
    closed = asyncio.Event()
    page.on("websocket", lambda socket: socket.on("close", lambda _: closed.set()))
    await page.clock.install()
    await page.goto(live.url)
    await expect(page.locator("#pill")).to_have_attribute("data-state", "live")
    assert lines == []
    assert zoo.fake.streams == 0
    visitor = Visitor(page, live.url, pictures)
    await visitor.start_from("fish")
    await visitor.sees_only("fish")
    assert len(lines) == 1
    await page.clock.fast_forward(300_000)
    await asyncio.wait_for(closed.wait(), 30)
    await expect(page.locator("#pill")).to_have_attribute("data-state", "live")
    await visitor.start_from("owl")
    await visitor.sees_only("owl")
    assert len(lines) == 2
    assert visitor.errors == []

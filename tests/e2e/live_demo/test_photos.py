"""What can be done with the photos, in a real browser."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, expect

from sketchzoo.rpc import exhausted, precondition
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
    query = (await zoo.asked(lambda each: each.query.disliked_photo_ids)).query
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
    await expect(status).to_have_text("Not sure: nothing like this here. Nearest: owl")
    await expect(visitor.page.locator("#grid")).to_have_class("grid faint")
    assert await visitor.barriers() == []
    zoo.fake.confident_score = 0.6
    await visitor.start_from("fish")
    await expect(status).to_have_text("12 photos: fish")
    await expect(visitor.page.locator("#grid")).to_have_class("grid")


async def test_photos_refused_by_a_busy_server_come_later(zoo: Zoo, visitor: Visitor) -> None:
    """They are asked for again by themselves."""
    owls = [photo.id for photo in zoo.fake.photos.values() if photo.class_name == "owl"]
    zoo.fake.lost = dict.fromkeys(owls, exhausted("too many photos", 0.2))
    await visitor.start_from("owl")
    await visitor.sees_only("owl")
    images = visitor.page.locator("#grid img")
    await expect(visitor.page.locator("#grid img.late")).to_have_count(12)
    zoo.fake.lost = {}
    await expect(visitor.page.locator("#grid img.late")).to_have_count(0)
    assert all(await images.evaluate_all("all => all.map((image) => image.naturalWidth)"))


async def test_photos_that_cannot_be_shown_say_why(zoo: Zoo, visitor: Visitor) -> None:
    """One of the web has a link to its original; a path stays with the server."""
    page = visitor.page
    address = "https://photos.example/owls/a.jpg?size=big"
    owls = [photo.id for photo in zoo.fake.photos.values() if photo.class_name == "owl"]
    refusal = precondition("OUTSIDE_GALLERY", "the photo lies outside: file:///srv/secret.jpg")
    zoo.fake.lost = dict.fromkeys(owls, refusal)
    zoo.fake.uris = dict.fromkeys(owls[::2], address)
    await visitor.start_from("owl")
    await visitor.sees_only("owl")
    await expect(page.locator("#grid .lost")).to_have_count(12)
    links = page.locator("#grid .original")
    count = await links.count()
    assert 0 < count < 12
    assert await links.first.get_attribute("href") == address
    assert "noopener" in (await links.first.get_attribute("rel") or "")
    words = await page.locator("#grid .lost").all_inner_texts()
    assert words.count("On the web, not kept here") == count
    assert words.count("The search service was not given its folder") == 12 - count
    assert await visitor.barriers() == []
    await visitor.picture("lost")
    await page.locator("#grid .tile", has=page.locator(".original")).first.locator(".open").click()
    dialog = page.locator("#details")
    await expect(dialog.locator("dl a")).to_have_attribute("href", address)
    await expect(dialog).to_contain_text("On the web, not kept here")
    assert "srv" not in await page.content()
    assert await visitor.barriers() == []


@pytest.mark.parametrize("width", [1280, 390])
async def test_the_maps_labels_never_overlap(visitor: Visitor, width: int) -> None:
    """Fifty-five classes on a plane: what has no room is left to the pointer."""
    page = visitor.page
    await page.set_viewport_size({"width": width, "height": 800})
    boxes = await page.evaluate(
        r"""async (seed) => {
            const seen = [];
            const write = CanvasRenderingContext2D.prototype.fillText;
            CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
                const of = this.measureText(text);
                const box = [x - of.actualBoundingBoxLeft, y - of.actualBoundingBoxAscent,
                    x + of.actualBoundingBoxRight, y + of.actualBoundingBoxDescent];
                seen.push([text, ...box.map((side) => side / devicePixelRatio)]);
                return write.call(this, text, x, y);
            };
            const { GalleryMap } = await import("/static/map.js");
            const names = Array.from({ length: 55 }, (_, i) => "jaguar_ply_" + i);
            const bytes = new TextEncoder().encode(names.join("\n"));
            const count = 55 * 40;
            const view = new DataView(new ArrayBuffer(16 + 22 * count + bytes.length));
            new Uint8Array(view.buffer).set(new TextEncoder().encode("SZMAP1\0\0"));
            view.setUint32(8, count, true);
            view.setUint32(12, bytes.length, true);
            let state = seed;
            const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
            const spread = (at) => at + 0.1 * (random() - 0.5);
            const near = (at) => 65535 * Math.min(1, Math.max(0, spread(at)));
            for (let i = 0; i < 55; i++) {
                const [x, y] = [random(), random()];
                for (let j = 0; j < 40; j++) {
                    const at = 16 + 6 * (40 * i + j);
                    view.setUint16(at, near(x), true);
                    view.setUint16(at + 2, near(y), true);
                    view.setUint16(at + 4, i, true);
                }
            }
            new Uint8Array(view.buffer, 16 + 22 * count).set(bytes);
            document.getElementById("map-card").hidden = false;
            const canvas = document.getElementById("map");
            const map = new GalleryMap(canvas);
            map.read(view.buffer);
            await new Promise((done) => setTimeout(done, 300));
            seen.length = 0;
            map.recolour();
            const { clientWidth, clientHeight } = canvas;
            return { seen, width: clientWidth, height: clientHeight };
        }""",
        7,
    )
    seen = boxes["seen"]
    assert len(seen) >= (25 if width > 1000 else 8)
    gap = 3
    for index, (name, left, top, right, bottom) in enumerate(seen):
        assert left >= 0, name
        assert top >= 0, name
        assert right <= boxes["width"], name
        assert bottom <= boxes["height"], name
        for other, left_, top_, right_, bottom_ in seen[index + 1 :]:
            apart = (
                right + gap <= left_
                or right_ + gap <= left
                or bottom + gap <= top_
                or bottom_ + gap <= top
            )
            assert apart, (name, other)


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

"""Drawing in a real browser."""

import io
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import BrowserContext, expect

from tests.e2e.live_demo.browser import Visitor
from tests.e2e.live_demo.conftest import Zoo
from tests.integration.live_demo.fake_photos import decode, examples
from tests.integration.live_demo.live_here import Live

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

LINE = [(200.0 + 40 * step, 300.0 + 20 * step) for step in range(15)]


def curves(name: str) -> list[list[tuple[float, float]]]:
    """Return an example's strokes, every other point of them: a browser takes its time."""
    drawn = [stroke.points for stroke in decode(examples()[name]).strokes]
    return [[*points[:-1:2], points[-1]] for points in drawn]


async def test_photos_of_what_is_drawn_come_while_it_is_drawn(visitor: Visitor) -> None:
    """The first photos are there before the pen is lifted, the right ones after."""
    snail = curves("snail")
    await visitor.draw(snail[:1], lift=False)
    await expect(visitor.page.locator("#grid .tile")).to_have_count(12)
    await visitor.page.mouse.up()
    await visitor.draw(snail[1:])
    await visitor.sees_only("snail")
    await expect(visitor.page.locator("#clock")).to_contain_text("ms")
    await expect(visitor.page.locator("#stage-list")).to_contain_text("looking at it 6.0")
    await visitor.picture("drawn")


async def test_the_search_gets_the_strokes_as_they_were_drawn(zoo: Zoo, visitor: Visitor) -> None:
    """Points, width and canvas; a straight line needs few points."""
    await visitor.page.locator("#width").fill("30")
    await visitor.draw([LINE])
    await expect(visitor.page.locator("#grid .tile")).to_have_count(12)
    # Lifted, the pen leaves a line of fewer points.
    await visitor.strokes()
    drawing = zoo.fake.requests[-1].query.strokes
    assert (drawing.canvas_width, drawing.canvas_height) == (1024, 1024)
    (stroke,) = drawing.strokes
    assert stroke.width == 30
    assert len(stroke.x) < 15
    assert abs(stroke.x[0] - 200) < 4
    assert abs(stroke.y[-1] - 580) < 4


async def test_strokes_are_undone_redone_erased_and_cleared(visitor: Visitor) -> None:
    """Each is one step of the history, also erasing a line in two."""
    page = visitor.page
    lower = [(x, y + 300) for x, y in LINE]
    await visitor.draw([LINE, lower])
    assert await visitor.strokes() == 2
    await page.keyboard.press("Control+z")
    assert await visitor.strokes() == 1
    await page.keyboard.press("Control+Shift+z")
    assert await visitor.strokes() == 2
    await page.keyboard.press("e")
    await expect(page.locator("#eraser")).to_have_attribute("aria-pressed", "true")
    await visitor.draw([[(480, 350), (480, 440), (480, 540)]])
    assert await visitor.strokes() == 3
    await page.locator("#undo").click()
    assert await visitor.strokes() == 2
    await page.keyboard.press("Delete")
    assert await visitor.strokes() == 0
    await expect(page.locator("#grid .tile")).to_have_count(0)
    await expect(page.locator("#notice")).to_contain_text("Nothing drawn yet")
    await page.locator("#undo").click()
    assert await visitor.strokes() == 2


async def test_it_is_drawn_with_keys_alone(visitor: Visitor) -> None:
    """Arrows move the pen, Space puts it down and lifts it."""
    page = visitor.page
    await page.locator("#canvas").focus()
    await page.keyboard.press("Space")
    for key in ("Shift+ArrowRight", "Shift+ArrowDown", "ArrowLeft", "Shift+ArrowLeft"):
        for _ in range(3):
            await page.keyboard.press(key)
    await page.keyboard.press("Space")
    await expect(page.locator("#grid .tile")).to_have_count(12)
    assert await visitor.strokes() == 1
    await page.keyboard.press("]")
    assert await page.locator("#width").input_value() == "16"


async def test_a_pens_pressure_makes_the_line_wider(zoo: Zoo, visitor: Visitor) -> None:
    """A hard stroke is sent wider than a soft one."""
    box = await visitor.page.locator("#canvas").bounding_box()
    assert box is not None
    devtools = await visitor.page.context.new_cdp_session(visitor.page)

    async def pen(kind: str, x: float, y: float, force: float) -> None:
        assert box is not None
        place = {"x": box["x"] + x, "y": box["y"] + y}
        held = {"button": "left", "buttons": 1, "pointerType": "pen", "force": force}
        await devtools.send("Input.dispatchMouseEvent", {"type": kind, **place, **held})

    for y, force in ((100, 0.2), (200, 0.95)):
        await pen("mousePressed", 60, y, force)
        for step in range(10):
            await pen("mouseMoved", 60 + 20 * step, y, force)
        await pen("mouseReleased", 240, y, force)
    await expect(visitor.page.locator("#grid .tile")).to_have_count(12)
    two = await zoo.asked(lambda each: len(each.query.strokes.strokes) > 1)
    soft, hard = two.query.strokes.strokes
    assert hard.width > 1.8 * soft.width


async def test_a_link_restores_the_drawing(
    visitor: Visitor, context: BrowserContext, live: Live, pictures: Path
) -> None:
    """The address holds the drawing: another page shows it, and its photos."""
    await visitor.start_from("fish")
    await visitor.sees_only("fish")
    drawn = await visitor.strokes()
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    await visitor.page.keyboard.press("l")
    await expect(visitor.page.locator("#toast")).to_contain_text("copied")
    link = await visitor.page.evaluate("navigator.clipboard.readText()")
    assert len(link) < 2000
    other = await Visitor.arrive(context, live.url, pictures, link.removeprefix(live.url + "/"))
    await other.sees_only("fish")
    assert await other.strokes() == drawn
    assert other.errors == []


@pytest.mark.parametrize("fragment", ["#d=AA", "#d=!!", "#d=AQID", "#d=" + "_" * 40, "#x"])
async def test_a_damaged_link_does_no_harm(
    context: BrowserContext, live: Live, pictures: Path, fragment: str
) -> None:
    """The page starts empty, and says so."""
    visitor = await Visitor.arrive(context, live.url, pictures, fragment)
    if fragment != "#x":
        await expect(visitor.page.locator("#toast")).to_contain_text("damaged")
    await expect(visitor.page.locator("#grid .tile")).to_have_count(0)
    assert visitor.errors == []


async def test_the_drawing_is_downloaded_as_a_picture(visitor: Visitor) -> None:
    """A PNG, black on white, whatever the page's colours."""
    await visitor.page.emulate_media(color_scheme="dark")
    await visitor.start_from("rabbit")
    async with visitor.page.expect_download() as started:
        await visitor.page.locator("#download").click()
    path = await (await started.value).path()
    image = Image.open(io.BytesIO(path.read_bytes())).convert("L")
    assert image.size == (1024, 1024)
    assert image.getpixel((0, 0)) == 255
    assert image.getextrema()[0] == 0

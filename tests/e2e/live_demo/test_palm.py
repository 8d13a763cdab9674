"""Pens, palms and fingers on the canvas; drawings that reach a limit."""

from collections.abc import Callable

import pytest
from playwright.async_api import expect

from tests.e2e.live_demo.browser import Visitor
from tests.e2e.live_demo.conftest import Zoo

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

# Strokes as pointer events: kind, id, type, x, y in canvas units.
POINT = """async (events) => {
    const canvas = document.getElementById("canvas");
    const { left, top, width } = canvas.getBoundingClientRect();
    for (const [kind, pointerId, pointerType, x, y] of events) {
        if (kind === "wait") {
            await new Promise((done) => setTimeout(done, pointerId));
            continue;
        }
        canvas.dispatchEvent(new PointerEvent(`pointer${kind}`, {
            pointerId, pointerType, isPrimary: true, bubbles: true, cancelable: true,
            button: kind === "move" ? -1 : 0, buttons: kind === "up" ? 0 : 1,
            pressure: kind === "up" ? 0 : 0.5,
            clientX: left + (x * width) / 1024, clientY: top + (y * width) / 1024,
        }));
    }
}"""
Event = tuple[str, int, str, int, int]


def stroke(pointer: int, kind: str, y: int) -> list[Event]:
    """Return a line's events."""
    moves: list[Event] = [("move", pointer, kind, x, y + x // 9) for x in range(250, 800, 50)]
    return [("down", pointer, kind, 200, y), *moves, ("up", pointer, kind, 800, y)]


async def finds(zoo: Zoo, *rows: int) -> None:
    """Wait until strokes that begin at these heights are searched."""
    await zoo.asked(lambda each: (*(line.y[0] for line in each.query.strokes.strokes),) == rows)


async def test_a_palm_before_the_pen_leaves_no_mark(zoo: Zoo, visitor: Visitor) -> None:
    """The pen takes over, and what the palm does then counts for nothing."""
    palm: list[Event] = [("down", 7, "touch", 700, 900), ("move", 7, "touch", 720, 910)]
    line = stroke(8, "pen", 300)
    after: list[Event] = [("move", 7, "touch", 760, 930), ("up", 7, "touch", 760, 930)]
    await visitor.page.evaluate(POINT, [*palm, *line[:4], after[0], *line[4:], after[1]])
    await expect(visitor.page.locator("#grid .tile")).to_have_count(12)
    assert await visitor.strokes() == 1
    await finds(zoo, 300)


async def test_fingers_draw_again_once_the_pen_is_away(zoo: Zoo, visitor: Visitor) -> None:
    """Just after the pen a touch is a resting hand, which is said; then it is a finger."""
    page = visitor.page
    await page.evaluate(POINT, [*stroke(8, "pen", 300), *stroke(9, "touch", 500)])
    await expect(page.locator("#toast")).to_contain_text("fingers draw again")
    assert await visitor.strokes() == 1
    await page.evaluate(POINT, [("wait", 2200, "", 0, 0), *stroke(9, "touch", 600)])
    assert await visitor.strokes() == 2
    await finds(zoo, 300, 600)


@pytest.mark.parametrize("tool", ["p", "e"])
async def test_a_cancelled_touch_is_undone(zoo: Zoo, visitor: Visitor, tool: str) -> None:
    """The system took it for a gesture: neither ink nor a gap stays, nor a step to undo."""
    page = visitor.page
    await page.evaluate(POINT, stroke(1, "mouse", 300))
    await page.keyboard.press(tool)
    events = stroke(2, "touch", 290)
    await page.evaluate(POINT, [*events[:-1], ("cancel", 2, "touch", 800, 290)])
    assert await visitor.strokes() == 1
    await finds(zoo, 300)
    await page.keyboard.press("Control+z")
    assert await visitor.strokes() == 0


async def test_a_cancelled_touch_over_more_like_this_goes_back_to_it(visitor: Visitor) -> None:
    """As if the drawing had not been touched."""
    page = visitor.page
    await visitor.start_from("owl")
    await visitor.sees_only("owl")
    await page.locator("#grid .open").first.click()
    await page.locator("#details").get_by_text("More like this").click()
    await expect(page.locator("#seed")).to_be_visible()
    events = stroke(2, "touch", 290)
    await page.evaluate(POINT, [*events[:-1], ("cancel", 2, "touch", 800, 290)])
    await expect(page.locator("#seed")).to_be_visible()
    await visitor.sees_only("owl")


SCRIBBLE = ((30, 3), (2, 30), (33, 33), (-20, 12), (20, -25), (-9, 40))
# Puts strokes into the address, as a link does.
LOAD = """async ([strokes, points]) => {
    const { toFragment } = await import("/static/link.js");
    const { Drawing } = await import("/static/drawing.js");
    const drawn = (count, length) => Array.from({ length: count }, (_, i) => {
        const at = Array.from({ length }, (_, j) => j);
        return {
            x: at.map((j) => Math.round(40 + (j * 940) / length)),
            y: at.map((j) => 20 + ((i * 61) % 980) + ((j * 7919 + i * 104729) % 23)),
            width: 4, pressure: null,
        };
    });
    return toFragment(drawn(strokes, points));
}"""


async def test_a_large_drawing_makes_a_link_of_all_its_strokes(visitor: Visitor) -> None:
    """With fewer points, which is said; and one that cannot fit is said to be too large."""
    page = visitor.page
    fragment = await page.evaluate(LOAD, [60, 160])
    assert fragment["coarse"]
    assert len(fragment["text"]) < 16_010
    await page.evaluate("(text) => (location.hash = text)", fragment["text"])
    assert await visitor.strokes() == 60
    assert await page.evaluate(LOAD, [900, 11]) is None


async def test_a_copied_link_never_lacks_what_was_drawn_last(visitor: Visitor) -> None:
    """Where the drawing does not fit, none is copied and the page says so."""
    page = visitor.page
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.evaluate("navigator.clipboard.writeText('nothing')")
    await fill(visitor, lambda i: [(30 + (i * 37) % 960, 30 + (i * 53) % 960)])
    await page.keyboard.press("l")
    await expect(page.locator("#toast")).to_contain_text("too large for a link")
    assert await page.evaluate("navigator.clipboard.readText()") == "nothing"
    assert "#d=" not in page.url


async def test_erasing_at_the_limit_says_why_it_stops(visitor: Visitor) -> None:
    """A thousand strokes are the most: cutting one in two makes one more."""
    page = visitor.page
    await fill(visitor, lambda i: [(10, 20 + i), (1010, 20 + i)])
    await page.keyboard.press("e")
    await visitor.draw([[(500, 500), (500, 520)]])
    await expect(page.locator("#toast")).to_contain_text("no room for more pieces")
    await page.keyboard.press("p")
    await visitor.draw([[(500, 500), (500, 520)]])
    await expect(page.locator("#toast")).to_contain_text("The drawing is full")


async def fill(visitor: Visitor, line: Callable[[int], list[tuple[int, int]]]) -> None:
    """Draw a thousand strokes at once, with a mouse quicker than any."""
    events: list[Event] = []
    for i in range(1000):
        (x, y), *others = line(i)
        events.append(("down", 1, "mouse", x, y))
        events += [("move", 1, "mouse", a, b) for a, b in others]
        events += [("move", 1, "mouse", x + a, y + b) for a, b in SCRIBBLE]
        events.append(("up", 1, "mouse", x, y))
    await visitor.page.evaluate(POINT, events)

"""Asking otherwise: what of a drawing counts, words beside it, and help where it is not sure."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Route, expect

from sketchzoo.search.v1 import search_pb2
from tests.e2e.live_demo.browser import Visitor
from tests.e2e.live_demo.conftest import Zoo
from tests.integration.live_demo.live_here import Live, live_here
from tests.integration.live_demo.unsorted import unsort

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]


@pytest_asyncio.fixture(loop_scope="module")
async def asker(zoo: Zoo, context: BrowserContext, pictures: Path) -> AsyncIterator[Visitor]:
    """Visit a gallery whose model knows words and tells subject from shape."""
    zoo.fake.takes_text = True
    zoo.fake.focuses = [
        search_pb2.FOCUS_BOTH,
        search_pb2.FOCUS_SUBJECT,
        search_pb2.FOCUS_SHAPE,
    ]
    async with live_here(zoo.target) as live:
        visitor = await Visitor.arrive(context, live.url, pictures)
        yield visitor
        assert visitor.errors == []
        assert visitor.strangers == []


@pytest_asyncio.fixture(loop_scope="module")
async def librarian(zoo: Zoo, context: BrowserContext, pictures: Path) -> AsyncIterator[Visitor]:
    """Visit a gallery without classes whose model knows no words."""
    unsort(zoo.fake)  # before the gateway looks: it remembers what there is
    async with live_here(zoo.target) as live:
        visitor = await Visitor.arrive(context, live.url, pictures)
        yield visitor
        assert visitor.errors == []
        assert visitor.strangers == []


def last(zoo: Zoo) -> Any:
    """Return the query asked last."""
    return zoo.fake.requests[-1].query


async def test_what_counts_is_chosen_and_stays(zoo: Zoo, asker: Visitor) -> None:
    """At once with the same drawing, with more like this, and after a reload."""
    page = asker.page
    chosen = page.locator("#focus input:checked")
    await expect(chosen).to_have_value("both")
    await asker.start_from("owl")
    await asker.sees_only("owl")
    await expect(page.locator("#status")).to_have_text("12 photos: owl")
    drawing = last(zoo).strokes
    async with page.expect_event("console", lambda message: message.text == "answered"):
        await page.evaluate(
            """async () => {
                const { live } = await import("/static/parts.js");
                live.addEventListener("answer", () => console.log("answered"), { once: true });
            }"""
        )
        await page.get_by_text("the same pose").click()
    assert (last(zoo).focus, last(zoo).strokes) == (search_pb2.FOCUS_SHAPE, drawing)
    await page.locator("#grid .open").first.click()
    await page.locator("#details").get_by_text("More like this").click()
    await expect(page.locator("#seed")).to_be_visible()
    await asker.sees_only("owl")
    await zoo.asked(lambda each: each.query.photo_id)
    assert last(zoo).focus == search_pb2.FOCUS_SHAPE
    assert await asker.barriers() == []
    await page.reload()
    await expect(chosen).to_have_value("shape")
    await page.locator("#focus input:checked").focus()
    await page.keyboard.press("ArrowLeft")
    await expect(chosen).to_have_value("both")
    await page.keyboard.press("f")
    await expect(chosen).to_have_value("both")
    await page.locator("#photos").focus()
    await page.keyboard.press("f")
    await expect(chosen).to_have_value("shape")


async def test_a_model_of_one_part_has_no_choice(zoo: Zoo, live: Live, visitor: Visitor) -> None:
    """Neither by the control nor by a link of another day."""
    page = visitor.page
    await expect(page.locator("#focus")).to_be_hidden()
    await page.goto(f"{live.url}/#focus=shape&q=owl")
    await page.reload()
    await expect(page.locator("#chips .chip")).to_have_count(8)
    await visitor.start_from("owl")
    await visitor.sees_only("owl")
    assert last(zoo).focus == search_pb2.FOCUS_UNSPECIFIED
    assert not last(zoo).text


async def test_a_model_that_has_gone_is_not_asked_for_what_it_knew(
    zoo: Zoo, asker: Visitor
) -> None:
    """Refused, the page learns what the one in its place can be asked, and asks it that."""
    page = asker.page
    await asker.start_from("owl")
    await page.get_by_text("the same pose").click()
    await asker.sees_only("owl")
    zoo.fake.focuses, zoo.fake.takes_text = [], False
    async with asyncio.timeout(30):
        url = f"{asker.url}/gallery"
        while (await (await page.request.get(url)).json())["focuses"]:  # noqa: ASYNC110 - it remembers
            await asyncio.sleep(0.1)
    await asker.start_from("snail")
    await asker.sees_only("snail")
    await expect(page.locator("#focus")).to_be_hidden()
    await expect(page.locator("#notice")).to_be_hidden()


async def test_words_find_alone_and_beside_a_drawing(zoo: Zoo, asker: Visitor) -> None:
    """While they are typed; more weight is more of them. A link and a reload hold them."""
    page = asker.page
    await page.keyboard.press("/")
    await page.keyboard.type("snail")
    await asker.sees_only("snail")
    await expect(page.locator("#status")).to_have_text("12 photos: snail")
    await expect(page.locator("#weight-choice")).to_be_hidden()
    await asker.draw([[(300, 300), (700, 700)]])
    await expect(page.locator("#weight-choice")).to_be_visible()
    await page.locator("#weight").fill("0.9")
    await expect(page).to_have_url(re.compile("q=snail&w=0.9"))
    await page.reload()
    await asker.sees_only("snail")
    await expect(page.locator("#text")).to_have_value("snail")
    assert (last(zoo).text, last(zoo).text_weight) == ("snail", pytest.approx(0.9))
    assert last(zoo).WhichOneof("source") == "strokes"
    assert await asker.barriers() == []
    await page.locator("#clear").click()
    await zoo.asked(lambda each: each.query.WhichOneof("source") is None)
    await asker.sees_only("snail")
    await page.locator("#text").fill("")
    await expect(page.locator("#grid .tile")).to_have_count(0)
    await expect(page.locator("#welcome")).to_be_visible()


async def test_a_link_is_asked_as_it_says_from_the_first(zoo: Zoo, asker: Visitor) -> None:
    """However late the page learns what the model can be asked: nothing is shown for less."""
    page = asker.page
    await asker.draw([[(300, 300), (700, 700)]])
    await page.locator("#text").fill("snail")
    await page.get_by_text("the same pose").click()
    await expect(page).to_have_url(re.compile("d=.*q=snail.*focus=shape"))
    await asker.sees_only("snail")

    async def late(route: Route) -> None:
        await asyncio.sleep(1)
        await route.continue_()

    await page.route("**/gallery?*", late)
    before = len(zoo.fake.requests)
    await page.reload()
    await asker.sees_only("snail")
    asked = [(each.query.text, each.query.focus) for each in zoo.fake.requests[before:]]
    assert set(asked) == {("snail", search_pb2.FOCUS_SHAPE)}


async def test_a_link_into_a_gallery_that_has_gone_is_asked_of_the_services_own(
    zoo: Zoo, asker: Visitor
) -> None:
    """With the focus that it names, once the page knows of it."""
    page = asker.page
    await asker.start_from("owl")
    await expect(page).to_have_url(re.compile("d="))
    fragment = page.url.partition("#")[2]
    await page.goto(f"{asker.url}/#gallery=gone&focus=shape&{fragment}")
    await page.reload()
    await expect(page.locator("#pill")).to_have_attribute("data-state", "live")
    await zoo.asked(lambda each: each.query.focus == search_pb2.FOCUS_SHAPE)
    await asker.sees_only("owl")


async def test_a_new_query_begins_without_words_and_back_brings_them(
    zoo: Zoo, asker: Visitor
) -> None:
    """More like this begins with none, and takes some beside its photo."""
    page = asker.page
    await page.locator("#text").fill("fish")
    await asker.sees_only("fish")
    await page.locator("#grid .open").first.click()
    await page.locator("#details").get_by_text("More like this").click()
    await expect(page.locator("#seed")).to_be_visible()
    await expect(page.locator("#text")).to_have_value("")
    assert "q=" not in page.url
    await page.go_back()
    await expect(page.locator("#text")).to_have_value("fish")
    await page.go_forward()
    await expect(page.locator("#seed")).to_be_visible()
    await page.locator("#text").fill("owl")
    await expect(page.locator("#weight-other")).to_have_text("photo")
    await page.locator("#weight").fill("0.9")
    await asker.sees_only("owl")
    assert last(zoo).photo_id
    await asker.start_from("zebra")
    await asker.sees_only("zebra")
    assert not last(zoo).text


async def test_without_words_the_box_filters_and_says_so(zoo: Zoo, librarian: Visitor) -> None:
    """What means something becomes a chip, what means nothing stays in the box and is said."""
    visitor, page = librarian, librarian.page
    await expect(page.locator("#text-hint")).to_contain_text("this gallery's model knows no words")
    await visitor.start_from("owl")
    await expect(page.locator("#grid .tile")).to_have_count(12)
    await page.locator("#text").fill("summer snail dragon")
    await page.keyboard.press("Enter")
    await expect(page.locator("#text-said")).to_have_text(
        "No class, folder or tag here is called “dragon”."
    )
    await expect(page.locator("#text")).to_have_value("dragon")
    await expect(page.locator("#chips .tag")).to_contain_text(["2024 / summer"])
    await expect(page.locator("#chips-only")).to_contain_text("Only snail")
    await expect(page.locator("#grid .about", has_not_text="snail")).to_have_count(0)
    asked = zoo.fake.requests[-1].filter
    assert list(asked.seen_classes) == ["snail"]
    assert asked.fields[0].field == "folders"
    assert await visitor.barriers() == []
    await visitor.picture("word-filters")
    searches = len(zoo.fake.requests)
    await page.keyboard.press("Enter")
    await expect(page.locator("#text-said")).to_contain_text("dragon")
    assert len(zoo.fake.requests) == searches
    await page.get_by_label("Only 2024 / summer: take the filter away").click()
    await expect(page.locator("#chips .tag")).to_have_count(0)
    await visitor.start_from("fish")
    await expect(page.locator("#chips [aria-pressed=true]")).to_have_count(0)


async def test_below_the_confidence_it_says_so_and_helps(zoo: Zoo, asker: Visitor) -> None:
    """By a photo that comes near, by a class of those shown, or by words."""
    page = asker.page
    doubt = page.locator("#doubt")
    await asker.start_from("owl")
    await asker.sees_only("owl")
    await expect(doubt).to_be_hidden()
    zoo.fake.confident_score = 0.995
    await page.locator("#limit").select_option("36")
    await expect(doubt).to_contain_text("Not sure: no photo here is surely like this.")
    await expect(page.locator("#status")).to_contain_text("Not sure")
    assert (await doubt.get_by_role("button").all_inner_texts())[0] == "owl"
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        assert await asker.barriers() == []
        await asker.picture(f"doubt-{scheme}")
    await doubt.get_by_role("button", name="Say it in words").click()
    await expect(page.locator("#text")).to_be_focused()
    await doubt.get_by_role("button", name="owl").click()
    await asker.sees_only("owl", 24)
    await expect(doubt.get_by_role("button", name="owl")).to_have_count(0)
    await doubt.get_by_role("button", name="Without filters").click()
    await expect(page.locator("#grid .tile")).to_have_count(36)
    await page.get_by_role("button", name="More like this: photos like this owl").first.click()
    await expect(page.locator("#seed")).to_contain_text("More like this owl")
    await zoo.asked(lambda each: each.query.photo_id)


async def test_an_empty_answer_says_the_same(zoo: Zoo, asker: Visitor) -> None:
    """And a click looks everywhere again."""
    page = asker.page
    unsort(zoo.fake)
    await page.goto(f"{asker.url}/#q=owl&in=nowhere")
    await page.reload()
    doubt = page.locator("#doubt")
    await expect(doubt).to_contain_text("Nothing is left under these filters.")
    zoo.fake.classless = False
    await doubt.get_by_role("button", name="Without filters").click()
    await expect(doubt).to_be_hidden()
    await expect(page.locator("#grid .tile")).to_have_count(12)
    assert not zoo.fake.requests[-1].filter.folders
    zoo.fake.photos.clear()
    await page.locator("#text").fill("snail")
    await expect(doubt).to_contain_text("Not sure: there is nothing like this here.")

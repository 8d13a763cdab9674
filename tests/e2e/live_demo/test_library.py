"""A library as cameras leave it: no classes, folders, dates, and photos that are added."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, expect

from live_demo.pictures import Pictures
from sketchzoo.rpc import invalid
from tests.e2e.live_demo.browser import Visitor
from tests.e2e.live_demo.conftest import Zoo
from tests.integration.live_demo.fake_gallery import FakeGallery, gallery_server
from tests.integration.live_demo.live_here import live_here
from tests.integration.live_demo.unsorted import unsort

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

WORDS = "correct horse"
# A drop of files, and of a folder of them, as a browser tells it.
DROP = """async ([names, target]) => {
    const type = (name) => name.endsWith(".tiff") ? "image/tiff" : "image/jpeg";
    const file = (name) => new File([name], name.split("/").pop(), { type: type(name) });
    const leaf = (name) => ({
        isFile: true, isDirectory: false, name: name.split("/").pop(), fullPath: "/" + name,
        file: (done) => done(file(name)),
    });
    const folder = (name, inside) => ({
        isFile: false, isDirectory: true, name, fullPath: "/" + name,
        createReader: () => ({ readEntries: (done) => done(inside.splice(0)) }),
    });
    const tops = {};
    for (const name of names) (tops[name.split("/")[0]] ??= []).push(leaf(name));
    const items = Object.entries(tops).map(([top, inside]) => {
        const entry = top === inside[0].fullPath.slice(1) ? inside[0] : folder(top, inside);
        return { kind: "file", webkitGetAsEntry: () => entry };
    });
    const event = new Event("drop", { bubbles: true, cancelable: true });
    event.dataTransfer = { items, files: names.map(file), types: ["Files"] };
    document.querySelector(target).dispatchEvent(event);
}"""


@pytest_asyncio.fixture(loop_scope="module")
async def library(zoo: Zoo, context: BrowserContext, pictures: Path) -> AsyncIterator[Visitor]:
    unsort(zoo.fake)
    async with live_here(zoo.target) as live:
        visitor = await Visitor.arrive(context, live.url, pictures)
        yield visitor
        assert visitor.errors == []
        assert visitor.strangers == []


@pytest_asyncio.fixture(loop_scope="module")
async def gallery() -> FakeGallery:
    return FakeGallery()


@pytest_asyncio.fixture(loop_scope="module")
async def taker(
    zoo: Zoo, gallery: FakeGallery, context: BrowserContext, pictures: Path
) -> AsyncIterator[Visitor]:
    unsort(zoo.fake)
    async with gallery_server(gallery) as serving:
        await serving.set_serving(True)
        target = f"127.0.0.1:{serving.port}"
        async with live_here(zoo.target, gallery_target=target) as live:
            yield await Visitor.arrive(context, live.url, pictures)


async def test_photos_without_a_class_are_known_by_file_and_date(library: Visitor) -> None:
    """Chips tell what the model sees, apart from what people named, and filter by it."""
    page = library.page
    await expect(page.locator("#chips .kind")).to_have_text("The model sees")
    await library.start_from("owl")
    await expect(page.locator("#grid .tile")).to_have_count(12)
    await expect(page.locator("#grid .name").first).to_contain_text("IMG_")
    await expect(page.locator("#grid .about").first).to_contain_text("202")
    await expect(page.locator("#status")).to_have_text("12 photos: owl")
    await page.get_by_label("snail, seen on 16 photos").click()
    await expect(page.locator("#grid .about", has_text="snail")).to_have_count(12)
    await expect(page.locator("#chips-only")).to_contain_text("Only snail")
    assert await library.barriers() == []
    await library.picture("library")


async def test_folders_and_days_narrow_the_search_and_live_in_the_address(
    zoo: Zoo, library: Visitor
) -> None:
    """Down the folders, by a year; a reload and a new query stay there, Back goes back."""
    page = library.page
    await library.start_from("owl")
    await expect(page.locator("#grid .tile")).to_have_count(12)
    await page.locator("#folder-open").click()
    await page.get_by_label("2022, 78 photos").click()
    await page.get_by_label("2022/Lisbon, 39 photos").click()
    await expect(page.locator("#folder-open")).to_have_text("2022 / Lisbon")
    await expect(page.get_by_label("2022/Lisbon/day 1, 39 photos")).to_be_focused()
    await page.locator("#days-open").click()
    await page.locator("#years button", has_text="2023").click()
    await expect(page.locator("#days-open")).to_have_text("2023")
    assert await library.barriers() == []
    await library.picture("folders-and-days")
    asked = (await zoo.asked(lambda each: each.filter.fields)).filter
    assert list(asked.folders) == ["2022/Lisbon"]
    span = asked.fields[0].datetime_range
    assert span.gte.ToJsonString() == "2023-01-01T00:00:00Z"
    assert span.lt.ToJsonString() == "2024-01-01T00:00:00Z"
    await page.reload()
    await expect(page.locator("#folder-open")).to_have_text("2022 / Lisbon")
    await expect(page.locator("#days-open")).to_have_text("2023")
    await expect(page.locator("#grid .tile")).to_have_count(12)
    await library.start_from("fish")
    await expect(page.locator("#folder-open")).to_have_text("2022 / Lisbon")
    await page.locator("#folder-clear").click()
    await expect(page.locator("#folder-open")).to_be_focused()
    await page.locator("#days-clear").click()
    await expect(page.locator("#days-open")).to_have_text("Any time")
    assert "in=" not in page.url


async def test_hits_are_sorted_by_date_among_those_shown(zoo: Zoo, library: Visitor) -> None:
    """Nothing is asked anew, and the words say that it is these."""
    page = library.page
    await library.start_from("owl")
    await expect(page.locator("#grid .tile")).to_have_count(12)
    await expect(page.locator("#status")).to_have_text("12 photos: owl")
    asked = len(zoo.fake.requests)
    await page.locator("#order").select_option("oldest")
    await expect(page.locator("#status")).to_have_text("12 photos: owl · oldest of these first")
    names = await page.locator("#grid .name").all_inner_texts()
    assert names == sorted(names)
    await page.locator("#order").select_option("newest")
    await expect(page.locator("#grid .name").first).to_have_text(names[-1])
    assert len(zoo.fake.requests) == asked


async def test_details_tell_what_is_known_of_a_photo(zoo: Zoo, library: Visitor) -> None:
    """File, date, camera, place, stars; its original; its folder, and those nearly the same."""
    page = library.page
    await library.start_from("owl")
    await expect(page.locator("#grid .tile")).to_have_count(12)
    # The second of its class has a place, and the model sees it; the first has others alike.
    owls = [photo.id for photo in zoo.fake.photos.values() if photo.class_name == "owl"]
    known = zoo.fake.known[owls[1]]
    await page.locator("#limit").select_option("24")
    await page.locator("#grid .open", has_text=known.file_name).click()
    dialog = page.locator("#details")
    await expect(dialog.locator("h2")).to_have_text(known.file_name)
    for text in ("owl (97 %)", known.camera, "N, 11.4000° E", known.folder.replace("/", " / ")):
        await expect(dialog).to_contain_text(text)
    place = await dialog.get_by_text("N, 11.4000° E").get_attribute("href")
    assert place is not None
    assert place.startswith("https://www.openstreetmap.org/?mlat=")
    assert await library.barriers() == []
    async with page.expect_download() as saving:
        await dialog.get_by_text("Download").click()
    assert (await saving.value).suggested_filename == known.file_name
    await dialog.locator("button.link").click()
    await expect(dialog).to_be_hidden()
    await expect(page.locator("#folder-open")).to_have_text(known.folder.replace("/", " / "))
    await page.go_back()
    await expect(page.locator("#folder-open")).to_have_text("All folders")
    await expect(page.locator("#grid .alike:visible")).to_have_text("+4")
    await page.locator("#grid .tile", has=page.locator(".alike:visible")).locator(".open").click()
    await dialog.get_by_text("Show 4 more nearly the same").click()
    await expect(page.locator("#seed")).to_contain_text("Nearly the same as IMG_")
    await expect(page.locator("#grid .tile")).to_have_count(4)
    assert zoo.fake.requests[-1].no_collapse


async def test_another_gallery_is_chosen(zoo: Zoo, library: Visitor) -> None:
    """A search and its photos are of the gallery that the address names."""
    page = library.page
    await expect(page.locator("#gallery-choice")).to_be_hidden()
    zoo.fake.galleries = ["photos", "family"]
    await page.goto(f"{library.url}/#gallery=family&in=phone")
    await page.reload()
    await expect(page.locator("#gallery")).to_have_value("family")
    await library.start_from("owl")
    await expect(page.locator("#grid .tile")).to_have_count(12)
    asked = zoo.fake.requests[-1]
    assert (asked.gallery, list(asked.filter.folders)) == ("family", ["phone"])
    source = await page.locator("#grid img").first.get_attribute("src")
    assert source is not None
    assert source.endswith("?gallery=family")
    await page.locator("#gallery").select_option("photos")
    await expect(page.locator("#folder-open")).to_have_text("All folders")
    await zoo.asked(lambda each: each.gallery == "photos")


async def test_a_folder_dropped_beside_the_canvas_is_added(
    gallery: FakeGallery, taker: Visitor
) -> None:
    """Folders are kept, each photo has its outcome, a refusal its words; others are left out."""
    page = taker.page
    gallery.refused["b.jpg"] = invalid("photo", "is not an image")
    names = ["trip/a.jpg", "trip/b.jpg", "trip/notes.txt", "c.jpg"]
    await page.evaluate(DROP, [names, "#answer"])
    state = page.locator("#add-state")
    await expect(state).to_have_text("Done: 2 added, 1 failed, 1 other file left out.")
    added = sorted((header.folder, header.file_name) for _, header, _ in gallery.added)
    assert added == [("", "c.jpg"), ("trip", "a.jpg")]
    assert sorted(content for _, _, content in gallery.added) == [b"c.jpg", b"trip/a.jpg"]
    failed = page.locator("#add-rows .failed")
    await expect(failed).to_contain_text("trip/b.jpg")
    await expect(failed).to_contain_text("is not an image")
    assert await taker.barriers() == []
    await taker.picture("added")
    await page.evaluate(DROP, [["c.jpg"], "#answer"])
    await expect(state).to_have_text("Done: 1 there already.")


async def test_adding_can_be_stopped(gallery: FakeGallery, taker: Visitor) -> None:
    """Some are on their way at a time; the others never leave, and the page says what was done."""
    page = taker.page
    gallery.may_answer.clear()
    await page.evaluate(DROP, [[f"{number}.jpg" for number in range(20)], "#answer"])
    await expect(page.locator("#add-state")).to_have_text("0 of 20")
    await page.locator("#add-cancel").click()
    await expect(page.locator("#add-state")).to_contain_text("Stopped.")
    await expect(page.locator("#add-cancel")).to_be_hidden()
    gallery.may_answer.set()
    assert gallery.most_under_way <= 3
    await page.evaluate(DROP, [["a.jpg"], "#answer"])
    await expect(page.locator("#add-state")).to_have_text("Done: 1 added.")


async def test_photos_go_where_they_were_dropped(
    zoo: Zoo, gallery: FakeGallery, taker: Visitor
) -> None:
    """Those that still wait as well, when the next drop is into another gallery."""
    zoo.fake.galleries = ["photos", "family"]
    page = taker.page
    await page.reload()
    await expect(page.locator("#gallery-choice")).to_be_visible()
    gallery.may_answer.clear()
    await page.evaluate(DROP, [[f"{number}.jpg" for number in range(8)], "#answer"])
    await expect(page.locator("#add-state")).to_have_text("0 of 8")
    await page.locator("#gallery").select_option("family")
    await page.evaluate(DROP, [["family.jpg"], "#answer"])
    await expect(page.locator("#add-state")).to_have_text("0 of 9")
    gallery.may_answer.set()
    await expect(page.locator("#add-state")).to_have_text("Done: 9 added.")
    named = {name for name, header, _ in gallery.added if header.file_name != "family.jpg"}
    assert named == {""}
    assert [header.file_name for name, header, _ in gallery.added if name] == ["family.jpg"]


async def test_one_picture_dropped_on_the_canvas_is_searched(
    zoo: Zoo, gallery: FakeGallery, taker: Visitor
) -> None:
    """It is not added; one that the browser cannot show goes to the search as it is."""
    zoo.fake.failure = invalid("query.photo", "is not an image")
    await taker.page.evaluate(DROP, [["a.tiff"], "#paper"])
    await expect(taker.page.locator("#picture-name")).to_contain_text("a.tiff")
    await expect(taker.page.locator("#notice")).to_contain_text("query.photo is not an image")
    assert zoo.fake.requests[-1].query.photo == b"a.tiff"
    assert gallery.added == []


async def test_a_picture_that_no_gateway_keeps_is_not_sent_without_end(
    taker: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others may need the room, or one gateway takes it and another searches."""
    sent: list[bytes] = []
    monkeypatch.setattr(Pictures, "put", lambda _, picture: str(sent.append(picture)))
    await taker.page.evaluate(DROP, [["a.tiff"], "#paper"])
    await expect(taker.page.locator("#notice")).to_contain_text("is held no more")
    assert len(sent) == 4


async def test_the_password_lets_in_and_the_address_stays(
    zoo: Zoo, context: BrowserContext, pictures: Path
) -> None:
    """A wrong one is said to be wrong; Leave and a session's end show the door again."""
    unsort(zoo.fake)
    async with live_here(zoo.target, password=WORDS) as live:
        page = await context.new_page()
        visitor = Visitor(page, live.url, pictures)
        await page.goto(f"{live.url}/#in=2022")
        field = page.get_by_label("Password")
        await field.fill("wrong horse")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text("That is not the password.")
        assert await visitor.barriers() == []
        await visitor.picture("door")
        await field.fill(WORDS)
        await page.keyboard.press("Enter")
        await expect(page.locator("#pill")).to_have_attribute("data-state", "live")
        assert page.url == f"{live.url}/#in=2022"
        await context.clear_cookies()
        await visitor.start_from("owl")
        await expect(field).to_be_visible()
        await field.fill(WORDS)
        await page.get_by_role("button", name="Come in").click()
        await expect(page.locator("#grid .tile")).to_have_count(12)
        await page.locator("#leave").click()
        await expect(field).to_be_visible()
        # The browser's own word for the WebSocket that was refused.
        assert not [error for error in visitor.errors if "403" not in error]

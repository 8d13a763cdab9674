"""Searches through the gateway, over real sockets."""

import asyncio

import grpc
import httpx

from sketchzoo.rpc import CallError, exhausted, unavailable
from tests.integration.live_demo.fake_photos import decode, examples
from tests.integration.live_demo.fake_search import FakeSearch, server
from tests.integration.live_demo.live_here import live_here
from tests.integration.live_demo.page import Page


async def test_a_drawing_is_answered_with_photos_of_what_it_shows(page: Page) -> None:
    """The strokes arrive as they were drawn: the nearest photos are of their animal."""
    drawing = decode(examples()["owl"])
    strokes = [
        {"x": [int(x) for x, _ in s.points], "y": [int(y) for _, y in s.points], "width": 14}
        for s in drawing.strokes
    ]
    answer = await page.search(
        source="drawing", drawing={"width": 1024, "height": 1024, "strokes": strokes}
    )
    assert answer["type"] == "answer"
    assert [hit["class"] for hit in answer["hits"]] == ["owl"] * 12
    assert answer["milliseconds"]["encode"] == 6
    assert answer["next_page_token"]


async def test_an_answer_tells_no_path_and_no_field_that_is_not_to_be_shown(page: Page) -> None:
    """Where a photo lies stays with the gateway; of the payload only listed fields pass."""
    hit = (await page.search())["hits"][0]
    assert set(hit) == {"id", "class", "score", "width", "height", "about"}
    assert hit["about"] == {"author": "Nobody", "licence": "CC0"}


async def test_a_newer_drawing_cancels_the_older_ones_search(fake: FakeSearch, page: Page) -> None:
    """Only the newest is answered, and the service is told to drop the others."""
    fake.delay = 0.3
    for _ in range(4):
        newest = await page.ask()
        await asyncio.sleep(0.05)
    assert (await page.hear())["sequence"] == newest
    assert fake.cancelled == 3
    assert fake.streams == 1


async def test_filters_likes_and_pages_reach_the_search(fake: FakeSearch, page: Page) -> None:
    """What the page narrows down is what the service is asked."""
    first = await page.search(classes=["fish"], limit=15)
    ids = [hit["id"] for hit in first["hits"]]
    assert {hit["class"] for hit in first["hits"]} == {"fish"}
    second = await page.search(classes=["fish"], limit=15, page_token=first["next_page_token"])
    assert len(second["hits"]) == 9
    assert not second["next_page_token"]
    refined = await page.search(liked=ids[:2], disliked=ids[2:3])
    assert not set(ids[:3]) & {hit["id"] for hit in refined["hits"]}
    assert list(fake.requests[-1].query.disliked_photo_ids) == ids[2:3]


async def test_a_photo_of_the_gallery_is_a_query(fake: FakeSearch, page: Page) -> None:
    """More like this: photos of the same class, without itself."""
    photo = next(photo for photo in fake.photos.values() if photo.class_name == "snail")
    answer = await page.search(source="photo_id", photo_id=photo.id)
    assert {hit["class"] for hit in answer["hits"]} == {"snail"}
    assert photo.id not in {hit["id"] for hit in answer["hits"]}


async def test_an_image_sent_before_is_searched_as_what_it_is_said_to_be(
    fake: FakeSearch, page: Page
) -> None:
    """One upload serves both readings: as a sketch and as a photo."""
    photo = next(photo for photo in fake.photos.values() if photo.class_name == "fish")
    assert (await page.search(source="sketch"))["code"] == "INVALID_ARGUMENT"
    await page.socket.send(photo.content)
    for source in ("sketch", "photo"):
        answer = await page.search(source=source)
        assert {hit["class"] for hit in answer["hits"]} == {"fish"}
        assert fake.requests[-1].query.WhichOneof("source") == source


async def test_failures_say_what_is_away_and_the_next_search_succeeds(
    fake: FakeSearch, page: Page
) -> None:
    """A failure of the service ends neither the page's connection nor its stream."""
    fake.failure = unavailable("encoder", "connection refused")
    failure = await page.search()
    assert (failure["code"], failure["part"]) == ("UNAVAILABLE", "encoder")
    fake.failure = exhausted("the queue is full", 0.25)
    assert (await page.search())["retry_milliseconds"] == 250
    fake.failure = CallError(grpc.StatusCode.INVALID_ARGUMENT, "strokes are wrong")
    assert (await page.search())["code"] == "INVALID_ARGUMENT"
    fake.failure = None
    assert (await page.search())["type"] == "answer"
    assert fake.streams == 1


async def test_a_search_service_that_dies_and_returns_is_found_again(fake: FakeSearch) -> None:
    """The page's own connection survives; without asking it is told of the loss."""
    async with server(fake) as first:
        await first.set_serving(True)
        port = first.port
        gateway = live_here(f"127.0.0.1:{port}")
        live = await gateway.__aenter__()
        page = await Page(live.port).__aenter__()
        assert (await page.search())["type"] == "answer"
    try:
        told = await page.hear()
        assert (told["type"], told["code"], told["sequence"]) == ("failure", "UNAVAILABLE", None)
        assert (await page.search())["code"] == "UNAVAILABLE"
        async with httpx.AsyncClient(base_url=live.url) as http:
            assert (await http.get("/readyz")).status_code == 503
            assert (await http.get("/gallery")).status_code == 503
        async with server(fake, port) as second:
            await second.set_serving(True)
            for _ in range(50):
                if (await page.search())["type"] == "answer":
                    break
                await asyncio.sleep(0.1)
            assert (await page.search())["type"] == "answer"
    finally:
        await page.__aexit__(None, None, None)
        await gateway.__aexit__(None, None, None)


async def test_a_search_that_takes_too_long_is_given_up(fake: FakeSearch, target: str) -> None:
    """The page hears of the deadline, and may ask again."""
    fake.delay = 30
    async with live_here(target, search_seconds=1.5) as process, Page(process.port) as page:
        failure = await page.search()
        assert failure["code"] == "DEADLINE_EXCEEDED"
        assert failure["sequence"] == 1
        fake.delay = 0
        assert (await page.search())["type"] == "answer"

"""Photos that visitors add: through the gateway, into the gallery service."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from live_demo.settings import LiveSettings
from sketchzoo.rpc import exhausted, invalid
from tests.integration.live_demo.fake_gallery import FakeGallery, gallery_server
from tests.integration.live_demo.live_here import Live, live_here

MEGABYTE = 1024 * 1024
WORDS = "correct horse"


@pytest.fixture
def gallery() -> FakeGallery:
    return FakeGallery()


@pytest_asyncio.fixture
async def gallery_target(gallery: FakeGallery) -> AsyncIterator[str]:
    async with gallery_server(gallery) as serving:
        await serving.set_serving(True)
        yield f"127.0.0.1:{serving.port}"


@pytest_asyncio.fixture
async def taker(target: str, gallery_target: str) -> AsyncIterator[Live]:
    async with live_here(target, gallery_target=gallery_target) as live:
        yield live


async def add(
    live: Live,
    content: bytes | AsyncIterator[bytes],
    headers: dict[str, str] | None = None,
    **to: str,
) -> httpx.Response:
    """Add a photo as the page does."""
    params = {"name": "a.jpg"} | to
    own = {"origin": live.url} | (headers or {})
    async with httpx.AsyncClient(base_url=live.url, timeout=20) as http:
        return await http.post("/photos", params=params, content=content, headers=own)


async def test_a_photo_goes_through_in_pieces(gallery: FakeGallery, taker: Live) -> None:
    """As large as it is; its name, folder and gallery go along, its outcome comes back."""
    content = bytes(range(256)) * (20 * MEGABYTE // 256)
    answer = await add(taker, content, folder="2024/summer", gallery="family")
    assert (answer.status_code, answer.json()["outcome"]) == (200, "written")
    [(name, header, kept)] = gallery.added
    assert (name, header.file_name, header.folder) == ("family", "a.jpg", "2024/summer")
    assert header.size_bytes == len(content)
    assert kept == content
    assert gallery.largest_piece <= MEGABYTE
    assert (await add(taker, content)).json()["outcome"] == "unchanged"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
async def test_another_page_adds_nothing(gallery: FakeGallery, taker: Live, origin: str) -> None:
    """A stranger's page cannot use its visitor's gateway, nor session."""
    assert (await add(taker, b"x", {"origin": origin})).status_code == 403
    assert gallery.added == []


@pytest.mark.parametrize(
    ("to", "told"),
    [
        ({"name": ""}, "must be a file's, without its folder"),
        ({"name": "a/b.jpg"}, "must be a file's, without its folder"),
        ({"folder": "a/../../b"}, "must be a folder's way down"),
    ],
)
async def test_what_names_no_photo_is_refused(
    gallery: FakeGallery, taker: Live, to: dict[str, str], told: str
) -> None:
    """Before anything is sent on."""
    answer = await add(taker, b"x", None, **to)
    assert answer.status_code == 422
    assert told in answer.json()["message"]
    assert gallery.added == []


async def test_a_photo_over_the_limit_or_empty_is_refused(
    gallery: FakeGallery, target: str, gallery_target: str
) -> None:
    """In words that name the setting; one that does not say its size as well."""

    async def unsized() -> AsyncIterator[bytes]:
        yield b"x"

    async with live_here(target, gallery_target=gallery_target, max_photo_bytes=10) as live:
        large = await add(live, b"x" * 11)
        assert (large.status_code, large.json()["code"]) == (422, "INVALID_ARGUMENT")
        assert "SKETCHZOO_LIVE_MAX_PHOTO_BYTES" in large.json()["message"]
        for content in (b"", unsized()):
            assert (await add(live, content)).status_code == 422
        assert (await add(live, b"x" * 10)).status_code == 200
    assert len(gallery.added) == 1


async def test_why_a_photo_was_not_added_is_told(gallery: FakeGallery, taker: Live) -> None:
    """The service's words, and when to try again where that may help."""
    gallery.refused["a.jpg"] = invalid("photo", "is not an image")
    refused = await add(taker, b"x")
    assert (refused.status_code, refused.json()["message"]) == (422, "is not an image")
    gallery.refused["a.jpg"] = exhausted("too many photos", 1.2)
    busy = await add(taker, b"x")
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "2")


async def test_a_service_that_is_away_or_slow_is_told(
    gallery: FakeGallery, target: str, gallery_target: str
) -> None:
    """503 and 504: the page tries again."""
    async with live_here(target, gallery_target="127.0.0.1:1") as live:
        assert (await add(live, b"x")).status_code == 503
    async with live_here(target, gallery_target=gallery_target, answer_seconds=0.5) as live:
        gallery.may_answer.clear()
        assert (await add(live, b"x")).status_code == 504
        gallery.may_answer.set()


async def test_so_many_are_on_their_way_at_once(
    gallery: FakeGallery, target: str, gallery_target: str
) -> None:
    """Of one address; the next is told to come back, and does."""
    async with live_here(target, gallery_target=gallery_target, max_client_adding=2) as live:
        gallery.may_answer.clear()
        first = [asyncio.create_task(add(live, b"x" * n)) for n in (1, 2)]
        async with asyncio.timeout(10):
            while gallery.under_way < 2:  # noqa: ASYNC110 - the fake has no event for it
                await asyncio.sleep(0.02)
        refused = await add(live, b"xxx")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        gallery.may_answer.set()
        assert [(await task).status_code for task in first] == [200, 200]
        assert (await add(live, b"xxx")).status_code == 200


async def test_a_visitor_who_goes_leaves_nothing_behind(gallery: FakeGallery, taker: Live) -> None:
    """A half sent photo is dropped, there too, and its place is free."""
    head = (
        f"POST /photos?name=a.jpg HTTP/1.1\r\nHost: 127.0.0.1:{taker.port}\r\n"
        f"Origin: {taker.url}\r\nContent-Length: 1000000\r\n\r\n"
    )
    _, writer = await asyncio.open_connection("127.0.0.1", taker.port)
    writer.write(head.encode() + b"x" * 200_000)
    async with asyncio.timeout(10):
        while not gallery.under_way:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)
        writer.close()
        while gallery.under_way:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)
    assert gallery.added == []


async def test_a_large_photo_has_its_time_piece_by_piece(
    gallery: FakeGallery, target: str, gallery_target: str
) -> None:
    """A slow line takes longer than `request_seconds` and is not cut off."""

    async def slow() -> AsyncIterator[bytes]:
        for _ in range(6):
            yield b"x" * 65536
            await asyncio.sleep(0.2)

    size = {"content-length": str(6 * 65536)}
    async with live_here(target, gallery_target=gallery_target, request_seconds=0.6) as live:
        assert (await add(live, slow(), size)).status_code == 200


@pytest.mark.parametrize(
    ("given", "may"),
    [
        ({}, True),
        ({"host": "::"}, False),
        ({"host": "::", "password": WORDS}, True),
        ({"trusted_proxies": "127.0.0.1"}, False),
        ({"allowed_hosts": "zoo.example"}, False),
        ({"trusted_proxies": "127.0.0.1", "identity_header": "X-User"}, True),
        ({"adding": False}, False),
    ],
)
def test_strangers_may_add_nothing(given: dict[str, object], *, may: bool) -> None:
    """Only where the page is this machine's own, or asks who is there."""
    assert LiveSettings(gallery_target="127.0.0.1:1", **given).lets_add is may


async def test_without_a_gallery_service_or_its_store_nothing_is_added(
    gallery: FakeGallery, live: Live, target: str, gallery_target: str
) -> None:
    """The page is told so, and shows no way."""
    async with httpx.AsyncClient(base_url=live.url) as http:
        assert (await http.get("/gallery")).json()["most_bytes"] == 0
        assert (await add(live, b"x")).status_code in {404, 405}
    gallery.takes_bytes = False
    async with (
        live_here(target, gallery_target=gallery_target) as storeless,
        httpx.AsyncClient(base_url=storeless.url) as http,
    ):
        assert (await http.get("/gallery")).json()["most_bytes"] == 0

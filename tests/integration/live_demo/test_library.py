"""A library of any kind as the gateway tells the page of it."""

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import httpx
import psutil
import pytest

from sketchzoo.rpc import CallError, invalid, not_found, precondition
from tests.integration.live_demo.fake_photos import FakePhoto
from tests.integration.live_demo.fake_search import FakeSearch
from tests.integration.live_demo.live_here import Live, live_here
from tests.integration.live_demo.live_process import LiveProcess
from tests.integration.live_demo.page import Page
from tests.integration.live_demo.unsorted import unsort

Code = grpc.StatusCode


async def test_a_hit_tells_what_is_known_of_its_photo(fake: FakeSearch, page: Page) -> None:
    """And has no field for what is not; of its uri nothing is told."""
    assert not {"file", "taken", "place", "seen", "alike"} & (await page.search())["hits"][0].keys()
    unsort(fake)
    hits = [hit for hit in (await page.search(limit=60))["hits"] if "seen" in hit]
    hit = next(hit for hit in hits if "place" in hit and hit.get("stars"))
    known = fake.known[hit["id"]]
    assert (hit["class"], hit["file"], hit["folder"]) == ("", known.file_name, known.folder)
    assert (hit["camera"], hit["stars"]) == (known.camera, known.rating)
    assert hit["place"] == [known.location.lat, known.location.lon]
    assert hit["taken"] == known.taken_at.ToDatetime().isoformat()
    assert (hit["seen"], hit["sure"]) == (known.seen_class, 0.97)
    assert "srv" not in str(hit)


async def test_a_photo_is_dated_by_its_cameras_clock(fake: FakeSearch, page: Page) -> None:
    """Where the camera told its zone, too."""
    unsort(fake)
    for known in fake.known.values():
        known.payload["taken_at"] = "2024-05-01T23:30:00+09:00"
        known.taken_at.FromJsonString("2024-05-01T14:30:00Z")
    assert (await page.search())["hits"][0]["taken"] == "2024-05-01T23:30:00"


async def test_a_search_is_narrowed(fake: FakeSearch, page: Page) -> None:
    """By gallery, folder, days, what is seen; or to those nearly the same."""
    unsort(fake)
    fake.galleries = ["photos", "family"]
    await page.search(
        gallery="family",
        folder="2022",
        first_day="2022-02-01",
        last_day="2022-02-28",
        seen_classes=["owl"],
    )
    asked = fake.requests[-1]
    assert (asked.gallery, list(asked.filter.folders)) == ("family", ["2022"])
    assert list(asked.filter.seen_classes) == ["owl"]
    [days] = asked.filter.fields
    assert days.field == "taken_at"
    assert days.datetime_range.gte.ToJsonString() == "2022-02-01T00:00:00Z"
    assert days.datetime_range.lt.ToJsonString() == "2022-03-01T00:00:00Z"
    assert not asked.no_collapse
    first = next(i for i, known in fake.known.items() if known.near_duplicates)
    answer = await page.search(source="photo_id", photo_id=first, burst=first)
    assert len(answer["hits"]) == 4
    assert fake.requests[-1].no_collapse
    refused = await page.search(first_day="yesterday")
    assert refused["message"].startswith("first_day")


async def test_the_gallery_is_told(fake: FakeSearch, live: Live) -> None:
    """Its classes, named and seen, its span of days, the others; one that is not there is 404."""
    unsort(fake)
    fake.galleries = ["family", "photos"]
    async with httpx.AsyncClient(base_url=live.url) as http:
        told = (await http.get("/gallery")).json()
        assert (told["gallery"], told["galleries"]) == ("family", ["family", "photos"])
        assert (told["total"], told["classes"]) == (192, [])
        assert {"name": "owl", "count": 16} in told["seen"]
        assert told["taken"] == ["2022-01-15", "2024-08-27"]
        assert (await http.get("/gallery", params={"gallery": "none"})).status_code == 404


@pytest.mark.parametrize(
    "error",
    [invalid("gallery", "must be 1 to 100 letters"), CallError(Code.PERMISSION_DENIED, "not good")],
)
async def test_a_gallery_that_never_will_be_there_is_not_waited_for(
    fake: FakeSearch, live: Live, error: CallError
) -> None:
    """404, as of one that is not there; without a name it is the service that is not to be had."""
    fake.no_gallery = error
    async with httpx.AsyncClient(base_url=live.url) as http:
        assert (await http.get("/gallery", params={"gallery": "b"})).status_code == 404
        assert (await http.get("/gallery")).status_code == 503


async def test_folders_are_listed_a_level_at_a_time(fake: FakeSearch, live: Live) -> None:
    """With their photos of the chosen days."""
    unsort(fake)
    async with httpx.AsyncClient(base_url=live.url) as http:

        async def below(**where: str) -> dict[str, int]:
            found = (await http.get("/folders", params=where)).json()["folders"]
            return {each["name"]: each["count"] for each in found}

        assert await below() == {"2022": 78, "2023": 38, "2024": 38, "phone": 38}
        assert await below(parent="2022") == {"2022/Alps": 39, "2022/Lisbon": 39}
        assert sum((await below(last_day="2022-01-15")).values()) == 1
        refused = await http.get("/folders", params={"first_day": "soon"})
        assert refused.status_code == 422


async def test_an_original_is_handed_out_under_its_name(fake: FakeSearch, live: Live) -> None:
    """To look at, or to keep; nobody's page runs in it."""
    unsort(fake)
    photo = next(iter(fake.photos.values()))
    fake.known[photo.id].file_name = 'Ärger "1".jpg'
    async with httpx.AsyncClient(base_url=live.url) as http:
        shown = await http.get(f"/photos/{photo.id}/original")
        assert shown.content == photo.content
        assert shown.headers["content-type"] == "image/jpeg"
        assert shown.headers["content-disposition"] == (
            "inline; filename=\"_rger _1_.jpg\"; filename*=UTF-8''%C3%84rger%20%221%22.jpg"
        )
        kept = await http.get(f"/photos/{photo.id}/original?save=1")
        assert kept.headers["content-disposition"].startswith("attachment; ")


@pytest.mark.parametrize("kind", ["image/svg+xml", "text/html", "image/x-portable-anymap", ""])
async def test_an_original_that_is_no_picture_for_a_browser_is_saved_alone(
    fake: FakeSearch, live: Live, kind: str
) -> None:
    """Whatever it is called, nothing of it runs on the page's own origin."""
    fake.content_type = kind
    photo_id = next(iter(fake.photos))
    async with httpx.AsyncClient(base_url=live.url) as http:
        given = await http.get(f"/photos/{photo_id}/original")
        assert given.headers["content-type"] == "application/octet-stream"
        assert given.headers["content-disposition"].startswith("attachment; ")
        assert given.headers["x-content-type-options"] == "nosniff"
        assert "script-src 'self'" in given.headers["content-security-policy"]
        assert (await http.get(f"/photos/{photo_id}/320")).status_code == 404


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (precondition("OUTSIDE_GALLERY", "lies at file:///srv/a"), 404, "may not read"),
        (precondition("TOO_LARGE", "file:///srv/a"), 404, "larger than"),
        (not_found("the photo's file has gone: file:///srv/a"), 404, "gone or changed"),
    ],
)
async def test_why_an_original_does_not_come_is_told_in_words(
    fake: FakeSearch, live: Live, error: Exception, status: int, words: str
) -> None:
    """Never where it lies; the place that it would have had is given back."""
    photo = next(iter(fake.photos.values()))
    async with httpx.AsyncClient(base_url=live.url) as http:
        for _ in range(4):
            fake.lost[photo.id] = error  # type: ignore[assignment] # a CallError, by its makers
            refused = await http.get(f"/photos/{photo.id}/original")
            assert (refused.status_code, words in refused.text) == (status, True)
            assert "srv" not in refused.text
        fake.lost.clear()
        assert (await http.get(f"/photos/{photo.id}/original")).status_code == 200


@contextmanager
def behind(photo: FakePhoto, size: int) -> Iterator[bytes]:
    """Make a photo's file larger while the context is open."""
    small = photo.content
    object.__setattr__(photo, "content", small + bytes(size))
    try:
        yield photo.content
    finally:
        object.__setattr__(photo, "content", small)


async def test_a_large_original_streams_through(fake: FakeSearch, target: str) -> None:
    """Of 40 MiB, six at once, in a gateway that stays small."""
    photo = next(iter(fake.photos.values()))
    with behind(photo, 40 * 1024 * 1024) as content, LiveProcess(target) as live:
        http = httpx.AsyncClient(base_url=live.url, timeout=30)
        process = psutil.Process(live.process.pid)
        before = process.memory_info().rss
        most = 0

        async def read() -> bool:
            nonlocal most
            received = hashlib.sha256()
            async with http.stream("GET", f"/photos/{photo.id}/original") as answer:
                async for piece in answer.aiter_raw():
                    received.update(piece)
                    most = max(most, process.memory_info().rss)
            return received.digest() == hashlib.sha256(content).digest()

        assert all(await asyncio.gather(*(read() for _ in range(6))))
        await http.aclose()
        assert most - before < 80 * 1024 * 1024


async def test_a_reader_who_goes_ends_the_download(fake: FakeSearch, live: Live) -> None:
    """An address has six at once; those that nobody reads on are none of them."""
    photo = next(iter(fake.photos.values()))
    ask = f"GET /photos/{photo.id}/original HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with behind(photo, 12_000_000) as content:
        async with httpx.AsyncClient(base_url=live.url, timeout=10) as http:
            writers = []
            for _ in range(6):
                reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
                writer.write(ask)
                await reader.readuntil(b"\r\n\r\n")
                writers.append(writer)
            refused = await http.get(f"/photos/{photo.id}/original")
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            for writer in writers:
                writer.transport.abort()
            while fake.downloads:  # noqa: ASYNC110 - a counter has no event
                await asyncio.sleep(0.01)
            whole = await http.get(f"/photos/{photo.id}/original")
            assert whole.content == content


async def test_an_original_that_ends_early_is_not_taken_for_whole(
    fake: FakeSearch, live: Live
) -> None:
    """Its file has changed while it was sent: the connection ends before its length."""
    photo = next(iter(fake.photos.values()))
    fake.breaks_off = True
    with behind(photo, 1_000_000):
        async with httpx.AsyncClient(base_url=live.url) as http:
            with pytest.raises(httpx.RemoteProtocolError):
                await http.get(f"/photos/{photo.id}/original")
            assert (await http.get("/healthz")).status_code == 200


async def test_a_picture_that_a_browser_cannot_shrink_is_searched(
    fake: FakeSearch, target: str
) -> None:
    """It is handed in by itself and named; too large a one is refused, an unknown one is gone."""
    photo = next(photo for photo in fake.photos.values() if photo.class_name == "owl")
    async with live_here(target, max_picture_bytes=100_000) as live, Page(live.port) as page:
        async with httpx.AsyncClient(base_url=live.url, headers={"origin": live.url}) as http:
            given = (await http.post("/pictures", content=photo.content)).json()["picture"]
            large = await http.post("/pictures", content=b"x" * 100_001)
            assert (large.status_code, large.json()["most_bytes"]) == (413, 100_000)
            strange = {"origin": "https://evil.example"}
            assert (await http.post("/pictures", content=b"x", headers=strange)).status_code == 403
        answer = await page.search(source="photo", picture=given)
        assert {hit["class"] for hit in answer["hits"]} == {"owl"}
        gone = await page.search(source="photo", picture="unknown")
        assert (gone["code"], gone["reason"]) == ("INVALID_ARGUMENT", "GONE")

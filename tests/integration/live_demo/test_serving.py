"""The page, its photos, its map and the process that serves them."""

import asyncio
import shutil
from pathlib import Path

import httpx
import numpy as np
import pytest

from live_demo.gallery_map import GalleryMap
from sketchzoo.rpc import CallError, exhausted, not_found, precondition, unavailable
from tests.integration.live_demo.fake_search import FINGERPRINT, FakeSearch, server
from tests.integration.live_demo.live_here import Live, live_here
from tests.integration.live_demo.page import Page


def drawn_map(fake: FakeSearch, path: Path) -> None:
    """Write a map of the first two principal axes, which no library is needed for."""
    photos = list(fake.photos.values())
    vectors = np.stack([photo.vector for photo in photos])
    mean = vectors.mean(axis=0)
    axes = np.linalg.svd(vectors - mean, full_matrices=False)[2][:8]
    reduced = (vectors - mean) @ axes.T
    classes = sorted({photo.class_name for photo in photos})
    GalleryMap(
        fingerprint=FINGERPRINT,
        mean=mean,
        axes=axes,
        reduced=reduced / np.linalg.norm(reduced, axis=1, keepdims=True),
        plane=(reduced[:, :2] - reduced[:, :2].min(axis=0)) / np.ptp(reduced[:, :2], axis=0),
        classes=tuple(classes),
        class_of=np.array([classes.index(photo.class_name) for photo in photos], np.uint16),
        ids=tuple(photo.id for photo in photos),
    ).save(path)


async def test_a_photo_is_served_once_and_kept(fake: FakeSearch, live: Live) -> None:
    """Its id is its content's, so browsers may keep it for ever and ask no more."""
    photo = next(iter(fake.photos.values()))
    async with httpx.AsyncClient(base_url=live.url) as http:
        first = await http.get(f"/photos/{photo.id}/320")
        assert first.content == photo.content
        assert first.headers["content-type"] == "image/jpeg"
        assert "immutable" in first.headers["cache-control"]
        again = await http.get(f"/photos/{photo.id}/320")
        assert again.content == photo.content
        unchanged = await http.get(
            f"/photos/{photo.id}/320", headers={"if-none-match": first.headers["etag"]}
        )
        assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert fake.photos_asked == 1


async def test_a_photo_larger_than_the_cache_is_served_all_the_same(
    fake: FakeSearch, target: str
) -> None:
    """It is fetched each time."""
    photo = next(iter(fake.photos.values()))
    async with (
        live_here(target, photo_cache_bytes=1) as live,
        httpx.AsyncClient(base_url=live.url) as http,
    ):
        for _ in range(2):
            assert (await http.get(f"/photos/{photo.id}/320")).content == photo.content
    assert fake.photos_asked == 2


async def test_photos_that_are_not_there_are_not_found(fake: FakeSearch, live: Live) -> None:
    """Unknown ids and sizes that the page never asks for: 404, which nobody keeps."""
    photo = next(iter(fake.photos.values()))
    async with httpx.AsyncClient(base_url=live.url) as http:
        unknown = await http.get("/photos/00000000-0000-5000-8000-000000000000/320")
        assert unknown.status_code == 404
        assert unknown.headers["cache-control"] == "no-store"
        assert (await http.get(f"/photos/{photo.id}/321")).status_code == 404
        assert (await http.get(f"/photos/{photo.id.upper()}/320")).status_code == 404


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (precondition("OUTSIDE_GALLERY", "lies at file:///srv/a"), (404, "outside", None)),
        (precondition("TOO_LARGE", "file:///srv/a"), (404, "large", None)),
        (precondition("NOT_AN_IMAGE", "file:///srv/a"), (404, "unreadable", None)),
        (not_found("the photo's file has gone: file:///srv/a"), (404, "gone", None)),
        (exhausted("too many photos", 1.2), (429, "unreadable", "2")),
        (unavailable("Qdrant", "gone"), (503, "unreadable", None)),
    ],
)
async def test_why_a_photo_does_not_come_is_told_but_not_where_it_lies(
    fake: FakeSearch, live: Live, error: CallError, told: tuple[int, str, str | None]
) -> None:
    """And when to ask again, where that may help."""
    photo = next(iter(fake.photos.values()))
    fake.lost[photo.id] = error
    async with httpx.AsyncClient(base_url=live.url) as http:
        refused = await http.get(f"/photos/{photo.id}/320")
    status, reason, wait = told
    assert refused.status_code == status
    assert refused.json() == {"reason": reason}
    assert refused.headers.get("retry-after") == wait
    assert refused.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/static/page.js", "text/javascript; charset=utf-8"),
        ("/static/page.css", "text/css; charset=utf-8"),
        ("/static/examples.json", "application/json"),
    ],
)
async def test_the_page_is_revalidated_and_compressed(
    live: Live, path: str, media_type: str
) -> None:
    """A new version is seen at once, an old one costs a 304; its type needs no guessing."""
    async with httpx.AsyncClient(base_url=live.url) as http:
        page = await http.get(path, headers={"accept-encoding": "gzip"})
        assert page.headers["content-encoding"] == "gzip"
        assert "accept-encoding" in page.headers["vary"].lower()
        assert page.headers["content-type"] == media_type
        assert page.headers["cache-control"] == "no-cache"
        again = await http.get(path, headers={"if-none-match": page.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["cache-control"] == "no-cache"
        plain = await http.get(path, headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        head = await http.head(path, headers={"accept-encoding": "identity"})
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(plain.content))


@pytest.mark.parametrize("path", ["/static/", "/static/nothing.js", "/nowhere"])
async def test_what_is_no_file_is_not_found(live: Live, path: str) -> None:
    """Nor is a folder listed."""
    async with httpx.AsyncClient(base_url=live.url) as http:
        assert (await http.get(path)).status_code == 404
        assert (await http.post("/static/page.js")).status_code == 405


async def test_it_is_ready_when_the_search_is(live: Live) -> None:
    """Alive says that it runs, ready that searches can be answered."""
    async with httpx.AsyncClient(base_url=live.url) as http:
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/readyz")).status_code == 200


async def test_metrics_count_what_happened(live: Live, page: Page) -> None:
    """Searches, photos, connections and refusals are on the metrics page."""
    hits = (await page.search())["hits"]
    await page.socket.send("{}")
    await page.hear()
    async with httpx.AsyncClient() as http:
        await http.get(f"{live.url}/photos/{hits[0]['id']}/320")
        text = (await http.get(f"http://127.0.0.1:{live.metrics_port}/metrics")).text
    for line in (
        'sketchzoo_live_searches_total{code="OK"} 1.0',
        'sketchzoo_live_photos_total{outcome="fetched"} 1.0',
        'sketchzoo_live_refused_total{reason="message"} 1.0',
        "sketchzoo_live_connections 1.0",
        "sketchzoo_live_search_seconds_count 1.0",
    ):
        assert line in text


async def test_a_map_tells_where_the_drawing_and_its_photos_lie(
    fake: FakeSearch, target: str, tmp_path: Path
) -> None:
    """A drawing lies among its photos; a map that comes later is taken up."""
    path = tmp_path / "map.npz"
    async with (
        live_here(target, map_file=path) as process,
        Page(process.port) as page,
        httpx.AsyncClient(base_url=process.url) as http,
    ):
        assert (await http.get("/map")).status_code == 404
        assert "at" not in await page.search()
        drawn_map(fake, path)
        for _ in range(50):
            found = await http.get("/map")
            if found.status_code == 200:
                break
            await asyncio.sleep(0.1)
        assert found.content.startswith(b"SZMAP1")
        kept = await http.get("/map", headers={"if-none-match": found.headers["etag"]})
        assert (kept.status_code, kept.content) == (304, b"")
        assert (await http.get("/gallery")).json()["map"] is True
        photo = next(photo for photo in fake.photos.values() if photo.class_name == "owl")
        answer = await page.search(source="photo_id", photo_id=photo.id)
        places = np.array([hit["at"] for hit in answer["hits"]])
        assert np.abs(places.mean(axis=0) - answer["at"]).max() < 0.1


async def test_a_map_of_another_model_places_nothing(
    fake: FakeSearch, target: str, tmp_path: Path
) -> None:
    """Embeddings of one model mean nothing on the map of another."""
    path = tmp_path / "map.npz"
    drawn_map(fake, path)
    with np.load(path) as file:
        changed = {**file, "fingerprint": np.array("another")}
    np.savez(path, **changed)
    async with live_here(target, map_file=path) as process, Page(process.port) as page:
        answer = await page.search()
        assert answer["type"] == "answer"
        assert "at" not in answer


async def test_it_calls_the_search_over_mutual_tls(fake: FakeSearch, tmp_path: Path) -> None:
    """With a CA and a certificate of its own; without them the search is away."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = (
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"),
        *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key)),
        *("-out", str(certificate)),
    )
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not here")
    made = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    assert await made.wait() == 0
    files = {"tls_certificate": certificate, "tls_key": key, "tls_client_ca": certificate}
    async with server(fake, **files) as serving:
        await serving.set_serving(True)
        target = f"127.0.0.1:{serving.port}"
        ours = {"ca": certificate, "client_certificate": certificate, "client_key": key}
        async with live_here(target, **ours) as ready, Page(ready.port) as page:
            assert (await page.search())["type"] == "answer"
        async with live_here(target) as stranger, Page(stranger.port) as page:
            assert (await page.search())["code"] == "UNAVAILABLE"

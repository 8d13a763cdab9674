"""The gallery service as its callers meet it: real processes, the SDK, embedded Qdrant."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sketchzoo.client import (
    AddResult,
    AsyncGalleryClient,
    GalleryClient,
    InvalidRequest,
    NewPhoto,
    NotFound,
    NotReady,
)
from tests.artefacts import picture
from tests.integration.gallery.points import points, publish_other_model
from tests.integration.gallery.service import GalleryService


@pytest.fixture
def client(service: GalleryService, gallery: str) -> Iterator[GalleryClient]:
    with GalleryClient(service.target, gallery=gallery) as client:
        yield client


def kept(service: GalleryService, *contents: bytes) -> list[bool]:
    """Tell which of these pictures the store has; nothing is under way any more."""
    assert service.leftovers() == []
    found = service.kept()
    return [key(content) in found for content in contents]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def key(content: bytes) -> str:
    digest = sha256(content)
    ending = "png" if content.startswith(b"\x89PNG") else "jpg"
    return f"{digest[:2]}/{digest[2:4]}/{digest}.{ending}"


def only(results: Iterator[AddResult]) -> AddResult:
    [result] = results
    return result


def test_bytes_are_kept_and_found(
    service: GalleryService, client: GalleryClient, qdrant_url: str, gallery: str
) -> None:
    """A photo's bytes lie in the store by their SHA-256, and its payload says what it was told."""
    content = picture(1)
    photo = NewPhoto(
        content,
        class_name="cat",
        folder="2024/summer",
        file_name="IMG_1.JPG",
        payload={"stars": 4, "score": 0.5, "tags": ["a", "b"], "own": True, "none": None},
    )
    result = only(client.add([photo]))
    assert result.ok, result.error
    assert result.outcome == "written"
    assert kept(service, content) == [True]
    [(found_id, payload)] = points(qdrant_url, gallery).items()
    assert found_id == result.photo_id
    assert payload["uri"] == (service.store / key(content)).as_uri()
    told = {name: payload[name] for name in ("class", "folder", "file_name", "stars", "score")}
    assert told == {
        "class": "cat",
        "folder": "2024/summer",
        "file_name": "IMG_1.JPG",
        "stars": 4,
        "score": 0.5,
    }
    assert (payload["tags"], payload["own"], "none" in payload) == (["a", "b"], True, False)


def test_doing_it_twice_changes_nothing(
    client: GalleryClient, service: GalleryService, qdrant_url: str, gallery: str
) -> None:
    """Sent again it is unchanged; with another class it is updated, and its embedding stays."""
    content = picture(2)
    assert only(client.add([content])).outcome == "written"
    before = points(qdrant_url, gallery)
    assert only(client.add([content])).outcome == "unchanged"
    assert points(qdrant_url, gallery) == before
    assert only(client.add([NewPhoto(content, class_name="dog")])).outcome == "updated"
    assert kept(service, content) == [True]
    assert [each["class"] for each in points(qdrant_url, gallery).values()] == ["dog"]


def test_paths_bytes_and_uris_come_together(
    client: GalleryClient, service: GalleryService, tmp_path: Path
) -> None:
    """Files go over in pieces, a file:// uri below the roots is read by the service."""
    nas = service.store.parent / "nas"
    (nas / "far.png").write_bytes(picture(3, form="PNG"))
    large = picture(4, (1500, 1500), "PNG")
    assert len(large) > 300_000
    (tmp_path / "near.png").write_bytes(large)
    given = [tmp_path / "near.png", picture(5), (nas / "far.png").as_uri()]
    results = {result.index: result for result in client.add(given)}
    assert [results[index].outcome for index in range(3)] == ["written"] * 3, results
    assert kept(service, large, picture(5), (nas / "far.png").read_bytes()) == [True, True, False]
    assert client.status().photos == 3


def test_one_bad_photo_spares_the_others(
    client: GalleryClient, service: GalleryService, tmp_path: Path
) -> None:
    """What is no image, lies outside of the roots or can't be read says why; none stays."""
    outside = tmp_path / "secret.jpg"
    outside.write_bytes(picture(6))
    given = [
        b"no image at all",
        outside.as_uri(),
        tmp_path / "gone.jpg",
        NewPhoto(picture(7), folder="../up"),
        NewPhoto(picture(7), payload={"uri": "mine"}),
        picture(8)[:-100],
        "gopher://host/a.jpg",
        picture(9),
    ]
    errors = {result.index: result.error for result in client.add(given)}
    assert errors.pop(7) is None
    told = {index: str(error) for index, error in errors.items()}
    assert "not a" in told[0]
    assert "outside" in told[1]
    assert isinstance(errors[2], FileNotFoundError)
    assert "photo.folder" in told[3]
    assert "photo.payload.uri" in told[4]
    assert "piece" in told[5]
    assert "gopher" in told[6]
    assert [isinstance(errors[index], InvalidRequest) for index in (0, 1, 3, 4, 5, 6)] == [True] * 6
    assert kept(service, picture(6), picture(7), picture(9)) == [False, False, True]
    assert kept(service, picture(8)[:-100]) == [False]


def test_photos_are_deleted_with_their_files(
    client: GalleryClient, service: GalleryService, qdrant_url: str, gallery: str
) -> None:
    """By ids or by a filter; unknown ids are no error, an empty filter is refused."""
    contents = [picture(seed) for seed in range(10, 16)]
    photos = [NewPhoto(content, payload={"n": n % 2}) for n, content in enumerate(contents)]
    ids = {result.index: result.photo_id for result in client.add(photos)}
    unknown = "00000000-0000-4000-8000-000000000000"
    assert client.delete([ids[0], unknown]) == 1
    assert kept(service, *contents) == [False] + [True] * 5
    assert client.delete(where={"n": 1}) == 3
    assert set(points(qdrant_url, gallery)) == {ids[2], ids[4]}
    assert kept(service, *contents) == [False, False, True, False, True, False]
    with pytest.raises(ValueError, match="whole gallery"):
        client.delete()


def test_a_file_stays_while_another_gallery_has_it(
    client: GalleryClient, service: GalleryService, gallery: str
) -> None:
    """Two galleries hold one file; it goes with the last of them."""
    content = picture(20)
    first = only(client.add([content]))
    second = only(client.add([content], gallery=f"{gallery}-b"))
    assert first.outcome == second.outcome == "written"
    assert client.delete([first.photo_id]) == 1
    assert kept(service, content) == [True]
    assert client.delete([second.photo_id], gallery=f"{gallery}-b") == 1
    assert kept(service, content) == [False]


def test_a_payload_is_changed(client: GalleryClient, qdrant_url: str, gallery: str) -> None:
    """Class, rating and columns are written and taken away; the rest stays."""
    photo = only(client.add([NewPhoto(picture(21), class_name="cat", payload={"a": 1, "b": 2})]))
    changed = client.set_payload(photo.photo_id, rating=5, payload={"a": None, "c": "new"})
    assert changed
    assert not client.set_payload(photo.photo_id, rating=5, payload={"c": "new"})
    [payload] = points(qdrant_url, gallery).values()
    assert (payload["class"], payload["rating"], payload["b"], payload["c"]) == ("cat", 5, 2, "new")
    assert "a" not in payload
    assert client.set_payload(photo.photo_id, class_name="", rating=0)
    [payload] = points(qdrant_url, gallery).values()
    assert "class" not in payload
    assert "rating" not in payload
    with pytest.raises(NotFound):
        client.set_payload("00000000-0000-4000-8000-000000000000", rating=1)


def test_a_gallery_of_another_model_is_told(
    client: GalleryClient, service: GalleryService, qdrant_url: str, gallery: str
) -> None:
    """Searches see another model's gallery: the error says what to do, and nothing is kept."""
    publish_other_model(qdrant_url, gallery)
    result = only(client.add([picture(22)]))
    assert isinstance(result.error, NotReady)
    assert result.error.reason == "MODEL_MISMATCH"
    assert "ingest" in str(result.error)
    assert kept(service, picture(22)) == [False]


async def test_the_asyncio_client_is_the_others_twin(
    service: GalleryService, tmp_path: Path, gallery: str
) -> None:
    """It adds paths, bytes and uris, tells of bad ones, deletes and asks as the blocking one."""
    (tmp_path / "a.jpg").write_bytes(picture(30))

    async def photos() -> AsyncIterator[Path | bytes]:
        for each in (tmp_path / "a.jpg", picture(31), b"nothing", tmp_path / "gone.jpg"):
            yield each

    async with AsyncGalleryClient(service.target, gallery=gallery) as client:
        results = {result.index: result async for result in client.add(photos())}
        assert [results[n].ok for n in range(4)] == [True, True, False, False]
        assert (await client.status()).photos == 2
        assert await client.set_payload(results[0].photo_id, rating=3)
        assert await client.delete([results[0].photo_id]) == 1
        many = [picture(seed) for seed in range(40, 80)]
        assert [result.outcome async for result in client.add(many, window=4)] == ["written"] * 40

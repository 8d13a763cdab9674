"""The store of sent photos: folders and buckets, shared files, what a killed service left."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from sketchzoo.qdrant import photo_id
from sketchzoo.rpc import CallError, unavailable
from sketchzoo_ingest.gallery_service.endings import ending
from sketchzoo_ingest.gallery_service.shelf import BucketShelf, FolderShelf, Shelf, key_of
from sketchzoo_ingest.gallery_service.store import PhotoStore

JPEG = b"\xff\xd8\xff\xe0 not much of a photo"
Make = Callable[[], tuple[Shelf, PhotoStore]]


class Galleries:
    """Which uris are in a gallery; `away` as Qdrant may be."""

    def __init__(self) -> None:
        self.uris: set[str] = set()
        self.away = False

    async def is_held(self, sha256: str, uri: str) -> bool:
        assert photo_id(sha256)  # which asks for digits
        assert sha256 in uri
        if self.away:
            raise unavailable("Qdrant", "it is not there")
        return uri in self.uris


@pytest.fixture(params=["folder", "bucket"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Return what opens the same store anew."""

    def folder() -> tuple[Shelf, PhotoStore]:
        shelf = FolderShelf(tmp_path / "kept")
        return shelf, PhotoStore(shelf, tmp_path / "kept" / ".incoming")

    def bucket() -> tuple[Shelf, PhotoStore]:
        shelf = BucketShelf(f"memory://{tmp_path.name}/kept")
        return shelf, PhotoStore(shelf, tmp_path / "spool")

    return folder if request.param == "folder" else bucket


async def keep(store: PhotoStore, galleries: Galleries, *pieces: bytes, hold: bool = True) -> str:
    """Bring a photo in; return its uri."""
    async with store.arriving() as file:
        for piece in pieces:
            await file.write(piece)
        async with store.keeping(file, galleries.is_held) as kept:
            assert kept.path.read_bytes() == b"".join(pieces)
            if not hold:
                raise ValueError("refused")
            galleries.uris.add(kept.uri)
    return kept.uri


def there(shelf: Shelf, uri: str) -> bool:
    """Tell whether something is kept under a uri."""
    if isinstance(shelf, FolderShelf):
        return Path(uri.removeprefix("file://")).is_file()
    assert isinstance(shelf, BucketShelf)
    return bool(shelf._files.exists(uri))


async def test_pieces_become_one_file_by_their_content(make: Make) -> None:
    """The uri says the SHA-256; nothing is left of its way there."""
    shelf, store = make()
    galleries = Galleries()
    uri = await keep(store, galleries, JPEG[:5], JPEG[5:])
    assert there(shelf, uri)
    assert list(shelf.marked()) == []
    assert shelf.key(uri) is not None
    assert shelf.key("file:///elsewhere/a.jpg") is None
    assert uri == await keep(store, galleries, JPEG)


async def test_what_is_refused_does_not_stay(make: Make) -> None:
    """Unless a gallery has the same photo already."""
    shelf, store = make()
    galleries = Galleries()
    with suppress(ValueError):
        await keep(store, galleries, JPEG, hold=False)
    uri = await keep(store, galleries, JPEG)
    with suppress(ValueError):
        await keep(store, galleries, JPEG, hold=False)
    assert there(shelf, uri)
    other = b"\xff\xd8\xff another"
    with suppress(ValueError):
        await keep(store, galleries, other, hold=False)
    assert list(shelf.marked()) == []


async def test_a_file_goes_with_its_last_gallery(make: Make) -> None:
    """What lies elsewhere is left alone, and so is what another gallery has."""
    shelf, store = make()
    galleries = Galleries()
    uri = await keep(store, galleries, JPEG)
    async with store.releasing([uri, "https://example.org/a.jpg"], galleries.is_held):
        pass  # another one still has it
    assert there(shelf, uri)
    async with store.releasing([uri], galleries.is_held):
        galleries.uris.clear()
    assert not there(shelf, uri)
    assert list(shelf.marked()) == []


async def test_what_the_store_did_not_keep_is_not_its_own(make: Make, tmp_path: Path) -> None:
    """Files that others put there, or that a uri's dots lead to, are neither marked nor deleted."""
    shelf, store = make()
    galleries = Galleries()
    folder = (await keep(store, galleries, JPEG)).rsplit("/", 3)[0]
    galleries.uris.clear()
    sha256 = "ab" * 32
    (tmp_path / f"{sha256}.jpg").write_bytes(JPEG)
    uris = [
        f"{folder}/../{sha256}.jpg",
        f"{folder}/ab/ab/../../../{sha256}.jpg",
        f"{folder}/{sha256}.jpg",
        f"{folder}/holiday.jpg",
        f"{folder}/cd/cd/{sha256}.jpg",
    ]
    assert [shelf.key(uri) for uri in uris] == [None] * len(uris)
    async with store.releasing(uris, galleries.is_held):
        assert list(shelf.marked()) == []
    assert (tmp_path / f"{sha256}.jpg").exists()


async def test_a_start_passes_over_what_is_no_mark(make: Make) -> None:
    """What a desktop, say, leaves among the marks keeps no service from its work."""
    shelf, store = make()
    if isinstance(shelf, FolderShelf):
        shelf._mark(".DS_Store").touch()
        shelf._mark("notes.txt").touch()
    else:
        shelf.mark([".DS_Store", "notes.txt"])
    await store.recover(Galleries().is_held)


async def test_a_photo_that_is_deleted_while_it_is_sent_again_stays(make: Make) -> None:
    """Whoever settles last decides, by what the galleries have then."""
    shelf, store = make()
    galleries = Galleries()
    uri = await keep(store, galleries, JPEG)
    async with store.arriving() as file:
        await file.write(JPEG)
        async with store.keeping(file, galleries.is_held):
            async with store.releasing([uri], galleries.is_held):
                galleries.uris.clear()
            assert there(shelf, uri)
            galleries.uris.add(uri)
    assert there(shelf, uri)
    assert list(shelf.marked()) == []


async def test_a_start_keeps_what_a_gallery_has_and_deletes_the_rest(make: Make) -> None:
    """Marks and parts that a killed service left; while Qdrant is away they stay."""
    shelf, store = make()
    galleries = Galleries()
    waiting, both = asyncio.Event(), asyncio.Semaphore(0)

    async def killed(content: bytes, *, hold: bool) -> None:
        async with store.arriving() as file:
            await file.write(content)
            async with store.keeping(file, galleries.is_held) as kept:
                if hold:
                    galleries.uris.add(kept.uri)
                uris.append(kept.uri)
                both.release()
                await waiting.wait()

    uris: list[str] = []
    tasks = [
        asyncio.create_task(killed(JPEG, hold=True)),
        asyncio.create_task(killed(JPEG + b"2", hold=False)),
    ]
    for _ in tasks:
        await both.acquire()
    # The next process finds what this one leaves.
    shelf, anew = make()
    galleries.away = True
    with pytest.raises(CallError):
        await anew.recover(galleries.is_held)
    assert len(list(shelf.marked())) == 2
    galleries.away = False
    await anew.recover(galleries.is_held)
    assert sorted(there(shelf, uri) for uri in uris) == [False, True]
    assert list(shelf.marked()) == []
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def test_a_bucket_that_is_away_is_told_as_files_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its library's own errors, which have no base class in common, come as `OSError`."""

    class EndpointConnectionError(Exception):
        pass

    def away(*_: object, **__: object) -> None:
        raise EndpointConnectionError("http://bucket.example is not there")

    shelf = BucketShelf(f"memory://{tmp_path.name}/kept")
    for name in ("pipe_file", "put_file", "rm_file", "ls"):
        monkeypatch.setattr(shelf._files, name, away)
    key = key_of(f"{'ab' * 32}.jpg")
    calls: list[Callable[[], object]] = [
        lambda: shelf.mark([key]),
        lambda: shelf.unmark(key),
        lambda: list(shelf.marked()),
        lambda: shelf.put(tmp_path, key),
        lambda: shelf.delete(key),
    ]
    for call in calls:
        with pytest.raises(OSError, match="EndpointConnectionError"):
            call()


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (JPEG, "jpg"),
        (b"\x89PNG\r\n\x1a\n....", "png"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "webp"),
        (b"\x00\x00\x00\x18ftypheic", "heic"),
        (b"\x00\x00\x00\x18ftypavif", "avif"),
        (b"II*\x00rest", "tif"),
        (b"anything", "bin"),
    ],
)
def test_the_content_says_the_ending(head: bytes, name: str) -> None:
    """Whatever its sender called it."""
    assert ending(head) == name

"""Thumbnails of photos: what they carry, and who waits for them."""

import asyncio
import gc
import hashlib
import io
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from prometheus_client import CollectorRegistry

from search_service.files import GalleryFiles
from search_service.metrics import SearchMetrics
from search_service.originals import Originals
from search_service.renditions import Rendition, RenditionLimits, Renditions, shrink
from sketchzoo.images import GivenUpError, ImageError, ImageLimits
from sketchzoo.qdrant import Photo
from sketchzoo.rpc import CallError
from tests.artefacts import picture


def test_a_thumbnail_carries_none_of_the_photos_metadata() -> None:
    """What EXIF tells of place and camera stays on the server; its turn is applied."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "a camera"
    file = io.BytesIO()
    Image.new("RGB", (80, 40), "red").save(file, "JPEG", exif=exif, comment=b"at home")
    made = shrink(file.getvalue(), 40, ImageLimits())
    with Image.open(io.BytesIO(made)) as image:
        assert image.size == (20, 40)
        assert not image.getexif()
        assert "comment" not in image.info


def test_what_is_no_image_has_no_thumbnail() -> None:
    """A damaged photo is refused."""
    with pytest.raises(ImageError):
        shrink(picture(1)[:200], 64, ImageLimits())


class Endless:
    """A decoder that ends only when it is told that nobody waits."""

    def __init__(self) -> None:
        self.begun, self.ended = threading.Event(), threading.Event()

    def __call__(
        self, content: bytes, limits: ImageLimits, unwanted: Callable[[], bool], *, enough: int
    ) -> None:
        self.begun.set()
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if unwanted():
                self.ended.set()
                raise GivenUpError
            time.sleep(0.001)


@pytest.mark.parametrize("how", ["cancelled", "closed"])
async def test_a_thumbnail_that_nobody_waits_for_is_given_up(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thread is free at once, and closing waits for no photo that takes long."""
    endless = Endless()
    monkeypatch.setattr("search_service.renditions.decode", endless)
    path = tmp_path / "cat.jpg"
    path.write_bytes(picture(1))
    photo = Photo("cat", path.as_uri(), hashlib.sha256(picture(1)).hexdigest(), 64, 48)
    originals = Originals(GalleryFiles([tmp_path]), ())
    limits = RenditionLimits(original_bytes=1000, room_bytes=1000, cache_bytes=1000, threads=1)
    metrics = SearchMetrics(CollectorRegistry())
    with Renditions(originals, ImageLimits(), limits, metrics) as renditions:
        wanted = asyncio.create_task(renditions.of(photo, 64))
        await asyncio.to_thread(endless.begun.wait, 10)
        if how == "cancelled":
            wanted.cancel()
            assert await asyncio.to_thread(endless.ended.wait, 10)
    assert endless.ended.wait(10)
    with pytest.raises((asyncio.CancelledError, CallError)):
        await wanted


class Slow(Originals):
    """Reads the first photo until another is read beside it, or half a second has passed."""

    def __init__(self, root: Path) -> None:
        super().__init__(GalleryFiles([root]), ())
        self.begun, self.beside = threading.Event(), threading.Event()
        self.inside = self.most = 0

    def read(self, photo: Photo, most: int) -> bytes:
        self.inside += 1
        self.most = max(self.most, self.inside)
        if self.begun.is_set():
            self.beside.set()
        self.begun.set()
        self.beside.wait(0.5)
        try:
            return super().read(photo, most)
        finally:
            self.inside -= 1


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[tuple[Slow, Renditions]]:
    originals = Slow(tmp_path)
    limits = RenditionLimits(1000, room_bytes=1000, cache_bytes=100_000, threads=2)
    with Renditions(
        originals, ImageLimits(), limits, SearchMetrics(CollectorRegistry())
    ) as renditions:
        yield originals, renditions


def photo_of(seed: int, path: Path) -> Photo:
    return Photo("cat", path.as_uri(), hashlib.sha256(picture(seed)).hexdigest(), 64, 48, bytes=900)


async def test_a_file_that_is_still_read_keeps_its_room(
    slow: tuple[Slow, Renditions], tmp_path: Path
) -> None:
    """Though nobody waits for it: however many leave, no more are in memory than there is room."""
    originals, renditions = slow
    for seed in (1, 2):
        (tmp_path / f"{seed}.jpg").write_bytes(picture(seed))
    left = asyncio.create_task(renditions.of(photo_of(1, tmp_path / "1.jpg"), 64))
    assert await asyncio.to_thread(originals.begun.wait, 10)
    left.cancel()
    await asyncio.wait([left])
    assert (await renditions.of(photo_of(2, tmp_path / "2.jpg"), 64)).content
    assert originals.most == 1


async def test_a_copy_is_shown_where_another_has_gone(
    slow: tuple[Slow, Renditions], tmp_path: Path
) -> None:
    """Asked for at the same moment, too: of another gallery's file nothing is told."""
    _, renditions = slow
    (tmp_path / "here.jpg").write_bytes(picture(1))
    gone, here = await asyncio.gather(
        *(renditions.of(photo_of(1, tmp_path / name), 64) for name in ("gone.jpg", "here.jpg")),
        return_exceptions=True,
    )
    assert isinstance(gone, CallError)
    assert isinstance(here, Rendition)


async def test_a_photo_that_is_refused_leaves_memory_at_once(tmp_path: Path) -> None:
    """No error that goes to its caller holds the file, however many fail before a collection."""
    size = 4 * 1024 * 1024
    path = tmp_path / "cat.jpg"
    path.write_bytes(bytes(size))
    digest = hashlib.sha256(bytes(size)).hexdigest()
    originals = Originals(GalleryFiles([tmp_path]), ())
    limits = RenditionLimits(size, size, 1000, threads=1)
    metrics = SearchMetrics(CollectorRegistry())
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        with Renditions(originals, ImageLimits(), limits, metrics) as renditions:
            for side in range(64, 70):
                photo = Photo("cat", path.as_uri(), digest, 64, 48)
                with pytest.raises(CallError, match="not a"):
                    await renditions.of(photo, side)
        assert tracemalloc.get_traced_memory()[0] < 2 * size
    finally:
        tracemalloc.stop()
        gc.enable()

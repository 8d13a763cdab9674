"""AddPhotos streams, with what brings photos in as a fake."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from sketchzoo.gallery.v1 import gallery_pb2
from sketchzoo_ingest.gallery_service.adding import Adding
from sketchzoo_ingest.gallery_service.metrics import GalleryMetrics
from sketchzoo_ingest.gallery_service.pending import Pending
from sketchzoo_ingest.gallery_service.receiving import Receiving
from sketchzoo_ingest.gallery_service.shelf import FolderShelf
from sketchzoo_ingest.gallery_service.store import PhotoStore
from sketchzoo_ingest.outcome import Outcome
from sketchzoo_ingest.sources import Candidate

Request = gallery_pb2.AddPhotosRequest
SIZE = 1000


class FakeWrites:
    """Never brings a photo in."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def add(self, gallery: str, candidate: Candidate) -> tuple[str, Outcome]:
        self.asked.set()
        await asyncio.Event().wait()
        return candidate.uri, Outcome.WRITTEN

    async def is_held(self, sha256: str, uri: str) -> bool:
        return False


def adding(store: PhotoStore, writes: FakeWrites) -> Adding:
    metrics = GalleryMetrics(CollectorRegistry())
    return Adding(writes, Pending(4, 4 * SIZE, 1.0, SIZE), store, metrics, SIZE)


async def sent(*requests: Request) -> AsyncIterator[Request]:
    for request in requests:
        yield request


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_fault_of_the_servers_own_ends_the_stream(tmp_path: Path) -> None:
    """What nobody foresaw fails the call at once: its caller does not wait without end."""
    store = PhotoStore(FolderShelf(tmp_path), tmp_path / ".incoming")
    store.close()  # no thread takes a piece any more
    receiving = Receiving(adding(store, FakeWrites()), "photos", None, 4)
    header = gallery_pb2.PhotoHeader(size_bytes=10)
    answers = receiving.answers(sent(Request(photo=header), Request(piece=b"x")))
    waiting = asyncio.ensure_future(anext(answers))
    done, _ = await asyncio.wait([waiting], timeout=10)
    assert done
    with pytest.raises(RuntimeError):
        await waiting


async def test_what_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    """A photo that nobody waits for any more at the end of the process has no file."""
    store = PhotoStore(FolderShelf(tmp_path), tmp_path / ".incoming")
    writes = FakeWrites()
    taking = adding(store, writes)
    header = gallery_pb2.PhotoHeader(size_bytes=10)
    requests = sent(Request(photo=header), Request(piece=b"x" * 10))
    answers = Receiving(taking, "photos", None, 4).answers(requests)
    waiting = asyncio.ensure_future(anext(answers))
    async with asyncio.timeout(10):
        await writes.asked.wait()
        assert files(tmp_path)
        await taking.give_up()
        waiting.cancel()
        await asyncio.wait([waiting])
    store.close()
    assert files(tmp_path) == []

"""Originals of any size through both clients, over real sockets."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from sketchzoo.client import AsyncClient, NotFound, NotReady, Overloaded, SearchError
from sketchzoo.rpc import exhausted
from tests.contract.client.clients import FakeSearch, fake
from tests.contract.search_service.test_downloads import MIB, large, under_way, until
from tests.contract.search_service.test_gallery import ingest
from tests.unit.search_service.fakes import bench, unknown_id


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_an_original_larger_than_a_message_is_written(connect: Any, tmp_path: Path) -> None:
    """To a file, or taken in pieces; either way with what is known of the photo."""
    content = large(tmp_path / "a.jpg", 40 * MIB)
    async with bench(gallery_roots=(tmp_path,)) as server, connect(server.target) as client:
        photo_id = ingest(server, tmp_path / "a.jpg")
        found = await client.call("download", photo_id, tmp_path / "copy.jpg")
        assert (found.photo_id, found.class_name) == (photo_id, "cat")
        assert (tmp_path / "copy.jpg").read_bytes() == content
        original, pieces = await client.original(photo_id)
        assert (original.size, original.content_type) == (len(content), "image/jpeg")
        assert max(map(len, pieces)) <= MIB
        assert hashlib.sha256(b"".join(pieces)).digest() == hashlib.sha256(content).digest()


async def test_what_fails_leaves_the_file_that_was_there(connect: Any, tmp_path: Path) -> None:
    """Of a photo that is not there, that has changed, or that the service may not read."""
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(b"before")
    large(tmp_path / "a.jpg")
    async with bench(gallery_roots=(tmp_path,)) as server, connect(server.target) as client:
        changed = ingest(server, tmp_path, b"as it was", (tmp_path / "a.jpg").as_uri())
        for photo_id, error in (
            (unknown_id(), NotFound),
            (changed, NotFound),
            (next(iter(server.reader.photos)), NotReady),
        ):
            with pytest.raises(error):
                await client.call("download", photo_id, str(copy))
    assert names(tmp_path) == ["a.jpg", "copy.jpg"]
    assert copy.read_bytes() == b"before"


async def test_a_place_that_cannot_be_written_is_named(connect: Any, tmp_path: Path) -> None:
    """As Python names it."""
    large(tmp_path / "a.jpg")
    async with bench(gallery_roots=(tmp_path,)) as server, connect(server.target) as client:
        photo_id = ingest(server, tmp_path / "a.jpg")
        with pytest.raises(FileNotFoundError, match="nowhere"):
            await client.call("download", photo_id, tmp_path / "nowhere" / "a.jpg")
        await until(lambda: under_way(server) == 0)


async def test_a_refused_download_is_asked_for_again(connect: Any, tmp_path: Path) -> None:
    """As every other call; one that ends early is not taken for whole."""
    servicer = FakeSearch(exhausted("full", 0.01), exhausted("full", 0.01))
    async with fake(servicer) as target, connect(target) as client:
        await client.call("download", "a", tmp_path / "a.jpg")
        assert (servicer.calls, (tmp_path / "a.jpg").read_bytes()) == (3, b"x")
        servicer.size = 2
        with pytest.raises(SearchError, match="after 1 of 2 bytes"):
            await client.call("download", "a", tmp_path / "b.jpg")
        assert not (tmp_path / "b.jpg").exists()
        servicer.errors = [exhausted("full", 0.01)] * 3
        with pytest.raises(Overloaded):
            await client.call("download", "a", tmp_path / "b.jpg")


async def test_a_cancelled_download_leaves_nothing(tmp_path: Path) -> None:
    """Neither a half file nor a place that it holds at the service."""
    large(tmp_path / "a.jpg")
    (tmp_path / "copies").mkdir()
    async with (
        bench(gallery_roots=(tmp_path,)) as server,
        AsyncClient(server.target) as client,
    ):
        photo_id = ingest(server, tmp_path / "a.jpg")
        task = asyncio.create_task(client.download(photo_id, tmp_path / "copies" / "a.jpg"))
        await until(lambda: bool(names(tmp_path / "copies")))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: under_way(server) == 0)
    assert not names(tmp_path / "copies")

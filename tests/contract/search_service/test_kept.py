"""What is kept of answers, and for how long."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from sketchzoo.qdrant import Photo
from sketchzoo.search.v1 import search_pb2 as pb
from tests.artefacts import picture
from tests.contract.search_service.calls import Code, refused, sketch
from tests.unit.search_service.fakes import Bench, bench


async def cached(server: Bench, content: bytes) -> bool:
    answer = await server.stub.Search(sketch(content), timeout=5)
    return bool(answer.timings.cached)


@pytest.mark.parametrize(
    "limits", [{"embedding_cache_entries": 2}, {"embedding_cache_bytes": 1300}]
)
async def test_the_embedding_used_longest_ago_makes_room(limits: dict[str, int]) -> None:
    """Within entries and within bytes, room for two here, those used last are kept."""
    async with bench(**limits) as server:
        for content in (b"one", b"two"):
            assert not await cached(server, content)
        assert await cached(server, b"one")
        assert not await cached(server, b"three")
        assert [await cached(server, each) for each in (b"one", b"three", b"two")] == [
            True,
            True,
            False,
        ]


@pytest.mark.parametrize("limits", [{"embedding_cache_entries": 0}, {"embedding_cache_bytes": 1}])
async def test_no_room_keeps_no_embedding(limits: dict[str, int]) -> None:
    """0 entries, or fewer bytes than one takes, is no cache, and no error."""
    async with bench(**limits) as server:
        assert [await cached(server, b"one") for _ in range(2)] == [False, False]


async def test_counts_are_asked_each_time_where_none_are_kept() -> None:
    """0 seconds keep no counts of classes."""
    async with bench(classes_cache_seconds=0) as server:
        for _ in range(2):
            await server.stub.ListClasses(pb.ListClassesRequest(), timeout=5)
        assert server.reader.counted == 2


@pytest.mark.parametrize("kept", [True, False])
async def test_thumbnails_are_kept_within_their_bytes(tmp_path: Path, kept: bool) -> None:  # noqa: FBT001 - a parameter
    """One that is kept is answered though its file has gone; 0 bytes keep none."""
    path = tmp_path / "a.jpg"
    path.write_bytes(picture(1))
    settings: dict[str, Any] = {} if kept else {"thumbnail_cache_bytes": 0}
    async with bench(gallery_roots=(tmp_path,), **settings) as server:
        digest = hashlib.sha256(picture(1)).hexdigest()
        known = server.reader.add(Photo("cat", path.as_uri(), digest, 64, 48))
        request = pb.GetPhotoRequest(photo_id=known)
        first = await server.stub.GetPhoto(request, timeout=5)
        path.unlink()
        if kept:
            assert await server.stub.GetPhoto(request, timeout=5) == first
        else:
            error = await refused(server.stub.GetPhoto(request, timeout=5))
            assert error.code() is Code.NOT_FOUND

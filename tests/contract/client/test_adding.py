"""Adding photos by the SDK, to a gallery service that misbehaves."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from sketchzoo.client import AddResult, AsyncGalleryClient, DeadlineExceeded, GalleryClient
from sketchzoo.gallery.v1 import gallery_pb2, gallery_pb2_grpc

SECONDS = 0.5


class Mute(gallery_pb2_grpc.GalleryServiceServicer):
    """Answers the first `answers` photos, says no more and never ends a stream."""

    def __init__(self) -> None:
        self.answers = 0
        self.names: list[str] = []
        self.over = threading.Event()

    def AddPhotos(  # noqa: N802 - the contract's name
        self, request_iterator: Any, context: Any
    ) -> Iterator[gallery_pb2.AddPhotosResponse]:
        left = self.answers
        for request in request_iterator:
            if request.WhichOneof("part") == "photo" and left:
                left -= 1
                self.names.append(request.photo.file_name)
                response = gallery_pb2.AddPhotosResponse(sequence=request.photo.sequence)
                response.photo.outcome = gallery_pb2.ADD_OUTCOME_WRITTEN
                yield response
        self.over.wait()


@pytest.fixture
def mute() -> Iterator[tuple[Mute, str]]:
    service = Mute()
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool)
        gallery_pb2_grpc.add_GalleryServiceServicer_to_server(service, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield service, f"127.0.0.1:{port}"
        service.over.set()
        server.stop(None).wait()


async def added(kind: str, target: str) -> list[AddResult]:
    photos = [b"one", b"two"]
    if kind == "blocking":
        with GalleryClient(target, timeout=SECONDS, retries=0) as client:
            return list(client.add(photos))
    async with AsyncGalleryClient(target, timeout=SECONDS, retries=0) as other:
        return [result async for result in other.add(photos)]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["blocking", "asyncio"])
async def test_a_stream_that_never_ends_is_left_when_all_is_answered(
    mute: tuple[Mute, str], kind: str
) -> None:
    """After the timeout: every photo has its result, so it is no error."""
    service, target = mute
    service.answers = 2
    assert [result.ok for result in await added(kind, target)] == [True, True]


def test_a_files_name_may_have_any_bytes(mute: tuple[Mute, str], tmp_path: Path) -> None:
    """A mark stands for what is no text; it keeps no other photo back."""
    service, target = mute
    service.answers = 2
    paths = [os.fsencode(tmp_path / "a") + b"\xff.jpg", os.fsencode(tmp_path / "ä.jpg")]
    for path in paths:
        Path(os.fsdecode(path)).write_bytes(b"x")
    with GalleryClient(target, timeout=SECONDS, retries=0) as client:
        results = list(client.add(os.fsdecode(path) for path in paths))
    assert [result.ok for result in results] == [True, True]
    assert service.names == ["a�.jpg", "ä.jpg"]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["blocking", "asyncio"])
async def test_a_photo_without_an_answer_is_not_waited_for_without_end(
    mute: tuple[Mute, str], kind: str
) -> None:
    """It may have been added, or not: adding it again changes nothing."""
    service, target = mute
    service.answers = 1
    with pytest.raises(DeadlineExceeded, match=r"nothing was sent or heard for 0\.5 s"):
        await added(kind, target)

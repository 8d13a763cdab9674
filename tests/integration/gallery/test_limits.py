"""Who may do what, how much at once, and how soon searches see it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from sketchzoo.client import Client, Denied, GalleryClient, SearchError
from sketchzoo.gallery.v1 import gallery_pb2, gallery_pb2_grpc
from tests.artefacts import EncoderProcess, picture
from tests.integration.gallery.conftest import parts
from tests.integration.gallery.service import SECONDS, GalleryService

Request = gallery_pb2.AddPhotosRequest
Header = gallery_pb2.PhotoHeader


@pytest.fixture(scope="module")
def guarded(
    tmp_path_factory: pytest.TempPathFactory, qdrant_url: str, encoder: EncoderProcess
) -> Iterator[GalleryService]:
    """Run a service with a token for all galleries and one for `mine`, for few photos at once."""
    folder = tmp_path_factory.mktemp("guarded")
    with GalleryService(
        folder,
        parts(qdrant_url, encoder),
        tokens="every; own mine",
        max_pending_photos=2,
        pending_share=0.5,
        exempt_peers="10.0.0.1",
    ) as running:
        yield running


def test_a_token_is_good_for_its_galleries(guarded: GalleryService) -> None:
    """Without one nothing is done; with another gallery's it is PERMISSION_DENIED."""
    photo_id = "00000000-0000-4000-8000-000000000000"
    with GalleryClient(guarded.target, gallery="mine", retries=0) as nobody:
        with pytest.raises(Denied):
            list(nobody.add([picture(1)]))
        with pytest.raises(Denied):
            nobody.delete([photo_id])
    with GalleryClient(guarded.target, token="own", retries=0) as own:  # noqa: S106 - a test's
        assert [result.ok for result in own.add([picture(2)], gallery="mine")] == [True]
        for call in (
            lambda: list(own.add([picture(3)], gallery="theirs")),
            lambda: own.delete([photo_id], gallery="theirs"),
            lambda: own.set_payload(photo_id, rating=1, gallery="theirs"),
            lambda: own.status(gallery="theirs"),
        ):
            with pytest.raises(Denied) as refused:
                call()
            assert refused.value.code == "PERMISSION_DENIED"
    with GalleryClient(guarded.target, token="every") as every:  # noqa: S106 - a test's
        assert every.status(gallery="mine").photos == 1
        assert every.status(gallery="theirs").collection == ""


def test_too_many_photos_are_told_when_to_come_back(guarded: GalleryService) -> None:
    """One caller's share is one photo here: the second gets RetryInfo, and the stream goes on."""
    content = picture(4)
    rest: SimpleQueue[Request] = SimpleQueue()

    def requests() -> Iterator[Request]:
        # It holds the only place until it is whole.
        yield Request(gallery="mine", photo=Header(sequence=1, size_bytes=len(content)))
        yield Request(piece=content[:10])
        yield rest.get(timeout=SECONDS)

    with grpc.insecure_channel(guarded.target) as channel:
        stub = gallery_pb2_grpc.GalleryServiceStub(channel)
        token = (("authorization", "Bearer every"),)
        first = stub.AddPhotos(requests(), metadata=token)
        _until_pending(stub, token)
        header = Request(gallery="mine", photo=Header(sequence=2, size_bytes=3))
        [second] = stub.AddPhotos(iter([header, Request(piece=b"abc")]), metadata=token)
        assert second.status.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
        told = error_details_pb2.RetryInfo()
        assert any(detail.Unpack(told) for detail in second.status.details)
        rest.put(Request(piece=content[10:]))
        [answer] = first
        assert answer.photo.photo_id


def _until_pending(stub: Any, token: tuple[tuple[str, str], ...]) -> None:
    """Return when a photo has its place: the next one is too many."""
    request = gallery_pb2.GetStatusRequest(gallery="mine")
    end = time.monotonic() + SECONDS
    while not stub.GetStatus(request, metadata=token, timeout=SECONDS).pending:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_what_is_out_of_step_ends_the_stream(guarded: GalleryService) -> None:
    """A piece without a header is INVALID_ARGUMENT; a cut-off photo only itself."""
    with grpc.insecure_channel(guarded.target) as channel:
        stub = gallery_pb2_grpc.GalleryServiceStub(channel)
        token = (("authorization", "Bearer every"),)
        with pytest.raises(grpc.RpcError) as refused:
            list(stub.AddPhotos(iter([Request(gallery="mine", piece=b"x")]), metadata=token))
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        content = picture(5)
        answers = list(
            stub.AddPhotos(
                iter(
                    [
                        Request(gallery="mine", photo=Header(sequence=1, size_bytes=10)),
                        Request(piece=b"12345"),
                        Request(photo=Header(sequence=2, size_bytes=len(content))),
                        Request(piece=content),
                    ]
                ),
                metadata=token,
            )
        )
        told = {answer.sequence: answer.WhichOneof("outcome") for answer in answers}
        assert told == {1: "status", 2: "photo"}
    assert guarded.leftovers() == []


def test_a_search_finds_what_was_answered(
    service: GalleryService, environment: dict[str, str], gallery: str, tmp_path: Path
) -> None:
    """Also the first photo of a gallery that was not there: search sees it by itself."""
    port_file = tmp_path / "port"
    settings = {
        "SKETCHZOO_SEARCH_PORT": "0",
        "SKETCHZOO_SEARCH_METRICS_PORT": "0",
        "SKETCHZOO_SEARCH_PORT_FILE": str(port_file),
        "SKETCHZOO_SEARCH_GALLERY_ROOTS": str(service.store),
    }
    with (tmp_path / "search.log").open("wb") as log:
        search = subprocess.Popen(
            (sys.executable, "-m", "sketchzoo", "search"),
            env={**os.environ, **environment, **settings},
            stderr=log,
        )
    try:
        end = time.monotonic() + SECONDS
        while not (port_file.exists() and port_file.read_text()):
            assert time.monotonic() < end
            time.sleep(0.02)
        content = picture(900)
        with (
            GalleryClient(service.target, gallery=gallery) as adding,
            Client(f"127.0.0.1:{port_file.read_text()}") as searching,
        ):
            [added] = adding.add([content])
            found: list[str] = []
            while not found:
                assert time.monotonic() < end
                try:
                    result = searching.search(photo=content, limit=1)
                    found = [hit.photo_id for hit in result.hits]
                except SearchError:
                    time.sleep(0.02)
            assert found == [added.photo_id]
            assert searching.photo(added.photo_id, original=True).content == content
    finally:
        search.kill()
        search.wait()

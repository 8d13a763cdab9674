"""`DownloadPhoto` over real sockets: whole, bounded, and nothing but the photo."""

import asyncio
import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import psutil
import pytest

from search_service.files import GalleryFiles
from search_service.originals import Originals
from sketchzoo.qdrant import Photo
from sketchzoo.rpc import CallError
from sketchzoo.search.v1 import search_pb2 as pb
from sketchzoo.storage import Member
from tests.artefacts import picture
from tests.contract.search_service.test_gallery import ingest
from tests.contract.search_service.test_originals import web
from tests.unit.search_service.fakes import Bench, bench, unknown_id

__all__ = ["web"]  # a fixture

Code = grpc.StatusCode
MIB = 1024 * 1024


def large(path: Path, size: int = 20 * MIB) -> bytes:
    """Write a picture with much behind it, all of it different."""
    head = picture(1)
    content = head + b"".join(
        hashlib.sha256(number.to_bytes(4)).digest() * 2048 for number in range(size // (64 * 1024))
    )
    path.write_bytes(content)
    return content


def download(server: Bench, photo_id: str, **rest: Any) -> Any:
    return server.stub.DownloadPhoto(pb.DownloadPhotoRequest(photo_id=photo_id, **rest), timeout=20)


async def whole(server: Bench, photo_id: str) -> tuple[pb.PhotoFile, bytes]:
    parts = [part async for part in download(server, photo_id)]
    assert parts[0].WhichOneof("part") == "file"
    pieces = [part.piece for part in parts[1:]]
    assert all(0 < len(piece) <= MIB for piece in pieces)
    return parts[0].file, b"".join(pieces)


async def refusal(server: Bench, photo_id: str, **rest: Any) -> grpc.StatusCode:
    """Return the code with which a download ends before anything of it has come."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await anext(aiter(download(server, photo_id, **rest)))
    found: grpc.StatusCode = caught.value.code()
    return found


async def ended(call: Any, into: list[int] | None = None, pause: float = 0.0) -> grpc.StatusCode:
    """Take what still comes, and return the code with which it ends."""
    received = [] if into is None else into
    with suppress(grpc.aio.AioRpcError):
        while (part := await call.read()) is not grpc.aio.EOF:
            received.append(len(part.piece))
            await asyncio.sleep(pause)
    code: grpc.StatusCode = await call.code()
    return code


def under_way(server: Bench) -> float:
    return server.metric("sketchzoo_search_places_taken", kind="downloads")


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - a gauge has no event
        await asyncio.sleep(0.01)


async def test_an_original_larger_than_a_message_comes_whole(tmp_path: Path) -> None:
    """What is known of it first, then its bytes; in little more memory than a piece."""
    content = large(tmp_path / "a.jpg", 40 * MIB)
    size = len(content)
    digest = hashlib.sha256(content).hexdigest()
    del content
    async with bench(gallery_roots=(tmp_path,)) as server:
        photo_id = ingest(server, tmp_path / "a.jpg")
        process = psutil.Process()
        received, count, most, base = hashlib.sha256(), 0, 0, process.memory_info().rss
        async for part in download(server, photo_id):
            received.update(part.piece)
            count += len(part.piece)
            most = max(most, process.memory_info().rss)
            if part.HasField("file"):
                file = part.file
        assert (file.size, count, received.hexdigest()) == (size, size, digest)
        assert (file.content_type, file.photo.photo_id) == ("image/jpeg", photo_id)
        assert file.photo.class_name == "cat"
        assert most - base < 20 * MIB


async def test_a_reader_who_does_not_read_holds_no_more_than_pieces(tmp_path: Path) -> None:
    """The file is read as fast as its reader, who is cut off in the end."""
    large(tmp_path / "a.jpg")
    async with bench(gallery_roots=(tmp_path,), answer_seconds=0.5) as server:
        process = psutil.Process()
        call = download(server, ingest(server, tmp_path / "a.jpg"))
        assert (await call.read()).HasField("file")
        base = process.memory_info().rss
        await until(lambda: under_way(server) == 0)
        assert process.memory_info().rss - base < 20 * MIB
        assert await ended(call) is Code.DEADLINE_EXCEEDED


async def test_a_caller_who_goes_leaves_nothing_open(tmp_path: Path) -> None:
    """His place and the file are free again."""
    large(tmp_path / "a.jpg")
    async with bench(gallery_roots=(tmp_path,), max_concurrent_downloads=1) as server:
        photo_id = ingest(server, tmp_path / "a.jpg")
        call = download(server, photo_id)
        await call.read()
        await call.read()
        assert await refusal(server, photo_id) is Code.RESOURCE_EXHAUSTED
        call.cancel()
        await until(lambda: under_way(server) == 0)
        opened = lambda: [file.path for file in psutil.Process().open_files()]  # noqa: E731 - short
        await until(lambda: str(tmp_path / "a.jpg") not in opened())
        assert (await whole(server, photo_id))[0].size


async def test_a_file_that_has_changed_sends_nothing(tmp_path: Path) -> None:
    """Nor does one outside of the roots, one that has gone, or a photo that is not there."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.jpg").write_bytes(picture(2))
    (tmp_path / "b.jpg").write_bytes(picture(1))
    async with bench(gallery_roots=(root,)) as server:
        changed = ingest(server, root / "a.jpg", picture(1))
        assert await refusal(server, changed) is Code.NOT_FOUND
        outside = ingest(server, tmp_path / "b.jpg")
        assert await refusal(server, outside) is Code.FAILED_PRECONDITION
        gone = ingest(server, root, b"gone", (root / "gone.jpg").as_uri())
        assert await refusal(server, gone) is Code.NOT_FOUND
        assert await refusal(server, unknown_id()) is Code.NOT_FOUND
        assert await refusal(server, "../a.jpg") is Code.INVALID_ARGUMENT
        assert await refusal(server, changed, gallery="nowhere") is Code.NOT_FOUND


async def test_a_file_that_changes_while_it_is_sent_never_comes_whole(tmp_path: Path) -> None:
    """Its last piece is held back; so it is where the file becomes shorter."""
    path = tmp_path / "a.jpg"
    for change in ("written", "cut"):
        content = large(path)
        async with bench(gallery_roots=(tmp_path,)) as server:
            photo_id = ingest(server, path)
            call = download(server, photo_id)
            received = [len((await call.read()).piece)]
            with path.open("r+b") as file:
                if change == "written":
                    file.seek(-1, io.SEEK_END)
                    file.write(bytes([content[-1] ^ 1]))
                else:
                    file.truncate(len(content) - 1)
            assert await ended(call, received) is Code.NOT_FOUND
            assert 0 < sum(received) < len(content)


async def test_a_file_larger_than_any_photo_is_refused(tmp_path: Path) -> None:
    """By the one limit that ingest has as well."""
    (tmp_path / "a.jpg").write_bytes(picture(1) + bytes(MIB))
    async with bench(gallery_roots=(tmp_path,), max_bytes=MIB) as server:
        assert await refusal(server, ingest(server, tmp_path / "a.jpg")) is Code.FAILED_PRECONDITION


async def test_a_token_is_good_for_its_galleries_alone(tmp_path: Path) -> None:
    """As for every other call."""
    (tmp_path / "a.jpg").write_bytes(picture(1))
    async with bench(gallery_roots=(tmp_path,), tokens="mine holiday;all") as server:
        photo_id = ingest(server, tmp_path / "a.jpg")
        request = pb.DownloadPhotoRequest(photo_id=photo_id)
        for token, code in ((None, Code.UNAUTHENTICATED), ("mine", Code.PERMISSION_DENIED)):
            metadata = [("authorization", f"Bearer {token}")] if token else []
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await anext(aiter(server.stub.DownloadPhoto(request, metadata=metadata, timeout=5)))
            assert caught.value.code() is code
        metadata = [("authorization", "Bearer all")]
        parts = [each async for each in server.stub.DownloadPhoto(request, metadata=metadata)]
        assert parts[1].piece == picture(1)


async def test_downloads_end_in_time_whatever_their_deadline(tmp_path: Path) -> None:
    """A reader who takes a piece now and then holds no place for ever."""
    large(tmp_path / "a.jpg")
    async with bench(gallery_roots=(tmp_path,), download_seconds=0.4) as server:
        call = download(server, ingest(server, tmp_path / "a.jpg"))
        assert await ended(call, pause=0.01) is Code.DEADLINE_EXCEEDED


async def test_photos_on_the_web_and_in_tar_files_come_by_a_copy(web: str, tmp_path: Path) -> None:
    """Below what is allowed; the copies are gone with their readers."""
    copies, root = tmp_path / "copies", tmp_path / "www" / "open"
    copies.mkdir()
    content = large(root / "a.jpg", 18 * MIB)
    with tarfile.open(root / "shard.tar", "w") as tar:
        info = tarfile.TarInfo("a.jpg")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    with gzip.open(root / "shard.tar.gz", "wb", compresslevel=1) as packed:
        packed.write((root / "shard.tar").read_bytes())
    settings: dict[str, Any] = {
        "gallery_roots": (root,),
        "gallery_uris": (f"{web}/open",),
        "allow_private_addresses": True,
        "download_folder": copies,
        "download_folder_bytes": 1,
    }
    async with bench(**settings) as server:
        for uri in (
            f"{web}/open/a.jpg",
            Member((root / "shard.tar").as_uri(), "a.jpg", 512, len(content)).uri,
            Member((root / "shard.tar.gz").as_uri(), "a.jpg", 512, len(content)).uri,
        ):
            photo_id = ingest(server, root, content, uri)
            assert (await whole(server, photo_id))[1] == content, uri
            server.reader.photos.pop(photo_id)
        outside = ingest(server, root, content, f"{web}/b.jpg")
        assert await refusal(server, outside) is Code.FAILED_PRECONDITION
        gone = ingest(server, root, b"gone", f"{web}/open/gone.jpg")
        assert await refusal(server, gone) is Code.NOT_FOUND
    assert not list(copies.iterdir())


async def test_a_disk_that_keeps_no_copy_is_told(tmp_path: Path) -> None:
    """UNAVAILABLE with the reason; the file itself may be fine."""
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        info = tarfile.TarInfo("a.jpg")
        info.size = len(picture(1))
        tar.addfile(info, io.BytesIO(picture(1)))
    member = Member((tmp_path / "shard.tar").as_uri(), "a.jpg", 512, len(picture(1))).uri
    settings = {"gallery_roots": (tmp_path,), "download_folder": tmp_path / "nowhere"}
    async with bench(**settings) as server:
        (tmp_path / "nowhere").rmdir()
        photo_id = ingest(server, tmp_path, picture(1), member)
        assert await refusal(server, photo_id) is Code.UNAVAILABLE


def test_a_copy_that_nobody_waits_for_is_given_up(tmp_path: Path) -> None:
    """Before it is whole."""
    content = large(tmp_path / "a.jpg")
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        info = tarfile.TarInfo("a.jpg")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    member = Member((tmp_path / "shard.tar").as_uri(), "a.jpg", 512, len(content)).uri
    photo = Photo("cat", member, hashlib.sha256(content).hexdigest(), 64, 48)
    asked: list[int] = []

    def unwanted() -> bool:
        asked.append(1)
        return len(asked) == 2

    with (
        Originals(GalleryFiles([tmp_path]), []) as originals,
        pytest.raises(CallError, match="nobody waits"),
    ):
        originals.open(photo, len(content), unwanted)
    assert len(asked) == 2

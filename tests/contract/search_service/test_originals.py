"""`GetPhoto` of photos wherever they lie, and thumbnails kept on disk, over real sockets."""

import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from PIL import Image

from search_service.originals import Originals
from sketchzoo.search.v1 import search_pb2 as pb
from sketchzoo.storage import Member
from tests.artefacts import picture
from tests.contract.search_service.test_gallery import code_of, ingest
from tests.unit.search_service.fakes import Bench, bench

Code = grpc.StatusCode
ORIGINAL = pb.PHOTO_SIZE_ORIGINAL


async def photo(server: Bench, photo_id: str, **rest: Any) -> pb.GetPhotoResponse:
    request = pb.GetPhotoRequest(photo_id=photo_id, **rest)
    answer: pb.GetPhotoResponse = await server.stub.GetPhoto(request, timeout=10)
    return answer


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """Serve the folder `www`."""
    (tmp_path / "www" / "open").mkdir(parents=True)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *rest: Any) -> None:
            super().__init__(*rest, directory=str(tmp_path / "www"))

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


async def test_answers_photos_on_the_web_below_what_is_allowed(web: str, tmp_path: Path) -> None:
    """Thumbnail and original; beside the allowed folder nothing, and what is gone is not found."""
    for name in ("open/a.jpg", "b.jpg"):
        (tmp_path / "www" / name).write_bytes(picture(1, (640, 320)))
    settings = {"gallery_uris": (f"{web}/open",), "allow_private_addresses": True}
    async with bench(**settings) as server:
        content = picture(1, (640, 320))
        inside = ingest(server, tmp_path, content, f"{web}/open/a.jpg")
        assert (await photo(server, inside, size=ORIGINAL)).content == content
        made = await photo(server, inside, max_side=64)
        assert Image.open(io.BytesIO(made.content)).size == (64, 32)
        for uri, code in (
            (f"{web}/b.jpg", Code.FAILED_PRECONDITION),
            (f"{web}/open/../b.jpg", Code.FAILED_PRECONDITION),
            (f"{web}/open/gone.jpg", Code.NOT_FOUND),
        ):
            beside = ingest(server, tmp_path, uri.encode(), uri)
            assert await code_of(server, photo_id=beside) is code, uri
        changed = ingest(server, tmp_path, b"as it was", f"{web}/open/a.jpg")
        assert await code_of(server, photo_id=changed) is Code.NOT_FOUND


async def test_private_addresses_are_not_fetched_from_unless_told(web: str, tmp_path: Path) -> None:
    """The allowed uri's host may be anybody's name: where it leads decides."""
    (tmp_path / "www" / "open" / "a.jpg").write_bytes(picture(1))
    async with bench(gallery_uris=(f"{web}/open",)) as server:
        photo_id = ingest(server, tmp_path, picture(1), f"{web}/open/a.jpg")
        assert await code_of(server, photo_id=photo_id) is Code.FAILED_PRECONDITION


async def test_a_web_that_is_away_is_unavailable(tmp_path: Path) -> None:
    """Somebody may try again."""
    settings = {"gallery_uris": ("http://127.0.0.1:9/",), "allow_private_addresses": True}
    async with bench(**settings, fetch_seconds=1.0) as server:
        photo_id = ingest(server, tmp_path, b"x", "http://127.0.0.1:9/a.jpg")
        assert await code_of(server, photo_id=photo_id) is Code.UNAVAILABLE


async def test_answers_members_of_tar_files_below_the_roots(tmp_path: Path) -> None:
    """By their own bytes; of a tar file outside of the roots none, links and all."""
    content = picture(1, (64, 48))
    root = tmp_path / "root"
    root.mkdir()
    for folder in (root, tmp_path):
        with tarfile.open(folder / "shard.tar", "w") as tar:
            info = tarfile.TarInfo("cat/a.jpg")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    (root / "link.tar").symlink_to(tmp_path / "shard.tar")
    async with bench(gallery_roots=(root,)) as server:
        for path, code in (
            (root / "shard.tar", Code.OK),
            (tmp_path / "shard.tar", Code.FAILED_PRECONDITION),
            (root / "link.tar", Code.FAILED_PRECONDITION),
            (root / "gone.tar", Code.NOT_FOUND),
        ):
            uri = Member(path.as_uri(), "cat/a.jpg", 512, len(content)).uri
            photo_id = ingest(server, tmp_path, content, uri)
            if code is Code.OK:
                assert (await photo(server, photo_id, size=ORIGINAL)).content == content
            else:
                assert await code_of(server, photo_id=photo_id, size=ORIGINAL) is code, uri


async def test_the_gallery_services_store_counts_as_allowed(tmp_path: Path) -> None:
    """A folder that may come after this service has started."""
    store = tmp_path / "store"
    async with bench(gallery_store=str(store)) as server:
        store.mkdir()
        (store / "a.jpg").write_bytes(picture(1))
        photo_id = ingest(server, store / "a.jpg")
        assert (await photo(server, photo_id)).content


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket/photosets/a.jpg",
        "s3://other/photos/a.jpg",
        "s3://bucket/photos/../a.jpg",
        "s3://bucket/photos/%2e%2e/a.jpg",
        "s3://bucket/photos%2Fa.jpg",
        "s3://bucket/photos/..%5ca.jpg",
        "s3://user@bucket/photos/a.jpg",
        "gs://bucket/photos/a.jpg",
        "https://bucket/photos/a.jpg",
        "memory://photos/a.jpg",
        "tar+s3://other/photos/a.tar!/a.jpg#bytes=0-9",
        "tar+tar+s3://bucket/photos/a.tar!/a.jpg#bytes=0-9",
        "tar+nothing",
        "s3://[",
    ],
)
async def test_no_uri_leads_out_of_what_is_allowed(uri: str, tmp_path: Path) -> None:
    """FAILED_PRECONDITION before anything is asked."""
    async with bench(gallery_uris=("s3://bucket/photos",)) as server:
        photo_id = ingest(server, tmp_path, b"x", uri)
        assert await code_of(server, photo_id=photo_id) is Code.FAILED_PRECONDITION


@pytest.mark.parametrize("uri", ["bucket/photos", "file:///photos", "s3://", "s3://b?x=1"])
def test_what_is_no_root_is_told_at_the_start(uri: str) -> None:
    """With what would be one."""
    with pytest.raises(ValueError, match="must look like s3://bucket/photos"):
        Originals(None, [uri])  # type: ignore[arg-type] # no files are looked at


async def test_thumbnails_outlast_a_restart(tmp_path: Path) -> None:
    """Kept on disk they need no file; what roots no longer allow is refused all the same."""
    root, thumbs = tmp_path / "root", tmp_path / "thumbs"
    root.mkdir()
    (root / "a.jpg").write_bytes(picture(1, (640, 320)))
    content = (root / "a.jpg").read_bytes()
    async with bench(gallery_roots=(root,), thumbnail_folder=thumbs) as server:
        first = await photo(server, ingest(server, root / "a.jpg"), max_side=64)
        outcome = "sketchzoo_search_thumbnails_total"
        assert server.metric(outcome, outcome="made") == 1
        await photo(server, first.photo.photo_id, max_side=64)
        assert server.metric(outcome, outcome="memory") == 1
    (root / "a.jpg").unlink()
    async with bench(gallery_roots=(root,), thumbnail_folder=thumbs) as server:
        photo_id = ingest(server, root / "a.jpg", content)
        assert (await photo(server, photo_id, max_side=64)).content == first.content
        assert server.metric(outcome, outcome="disk") == 1
        assert await code_of(server, photo_id=photo_id, max_side=65) is Code.NOT_FOUND
    async with bench(thumbnail_folder=thumbs) as server:
        photo_id = ingest(server, root / "a.jpg", content)
        assert await code_of(server, photo_id=photo_id, max_side=64) is Code.FAILED_PRECONDITION


async def test_a_large_photo_has_a_thumbnail_and_no_original_in_one_message(
    tmp_path: Path,
) -> None:
    """What no message holds is refused as an original; its thumbnail comes all the same."""
    path = tmp_path / "a.jpg"
    path.write_bytes(picture(1, (640, 480)) + bytes(17 * 1024 * 1024))
    async with bench(gallery_roots=(tmp_path,)) as server:
        photo_id = ingest(server, path)
        kept, vector = server.reader.photos[photo_id]
        server.reader.photos[photo_id] = replace(kept, bytes=path.stat().st_size), vector
        code = await code_of(server, photo_id=photo_id, size=ORIGINAL)
        assert code is Code.FAILED_PRECONDITION
        assert (await photo(server, photo_id)).content

"""`GetPhoto` of photos in buckets, of a real S3 API in a process of its own."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from sketchzoo.search.v1 import search_pb2 as pb
from sketchzoo.storage import Member
from tests.artefacts import picture
from tests.contract.search_service.test_downloads import whole
from tests.contract.search_service.test_gallery import code_of, ingest
from tests.contract.search_service.test_originals import photo
from tests.integration.storage.bucket_server import Buckets, bucket_server
from tests.unit.search_service.fakes import bench

Code = grpc.StatusCode


@pytest.fixture(scope="module")
def server() -> Iterator[Buckets]:
    with bucket_server() as made:
        yield made


@pytest.fixture
def buckets(server: Buckets, monkeypatch: pytest.MonkeyPatch) -> Buckets:
    server.use(monkeypatch)
    return server


async def test_answers_photos_in_a_bucket_below_what_is_allowed(
    buckets: Buckets, tmp_path: Path
) -> None:
    """Objects and members of tar files; beside the allowed folder none, and what has gone."""
    content = picture(1, (640, 320))
    root = buckets.make("photos-of-search")
    buckets.put("photos-of-search", "open/a b%41.jpg", content)
    buckets.put("photos-of-search", "secret.jpg", content)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        info = tarfile.TarInfo("a.jpg")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    buckets.put("photos-of-search", "open/shard.tar", packed.getvalue())
    member = Member(f"{root}/open/shard.tar", "a.jpg", 512, len(content)).uri
    async with bench(gallery_uris=(f"{root}/open",)) as search:
        for uri in (f"{root}/open/a b%41.jpg", member):
            photo_id = ingest(search, tmp_path, content, uri)
            original = await photo(search, photo_id, size=pb.PHOTO_SIZE_ORIGINAL)
            assert original.content == content
            assert (await whole(search, photo_id))[1] == content
            assert (await photo(search, photo_id, max_side=64)).content_type == "image/jpeg"
        photo_id = ingest(search, tmp_path, content, f"{root}/secret.jpg")
        # The thumbnail was made of the same bytes elsewhere; the original is read anew.
        code = await code_of(search, photo_id=photo_id, size=pb.PHOTO_SIZE_ORIGINAL)
        assert code is Code.FAILED_PRECONDITION
        gone = ingest(search, tmp_path, b"gone", f"{root}/open/gone.jpg")
        assert await code_of(search, photo_id=gone) is Code.NOT_FOUND


async def test_a_bucket_that_is_the_gallery_services_store_is_allowed(
    buckets: Buckets, tmp_path: Path
) -> None:
    """Where photos sent as bytes are kept."""
    root = buckets.make("store-of-gallery")
    uri = buckets.put("store-of-gallery", "kept/ab/a.jpg", picture(2))
    async with bench(gallery_store=f"{root}/kept") as search:
        photo_id = ingest(search, tmp_path, picture(2), uri)
        assert (await photo(search, photo_id)).content

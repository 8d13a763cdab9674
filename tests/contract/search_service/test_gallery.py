"""`ListClasses` and `GetPhoto` over real sockets."""

import hashlib
import io
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from PIL import Image

from sketchzoo.gallery_roots import RootsFile
from sketchzoo.qdrant import Photo
from sketchzoo.rpc import unavailable
from sketchzoo.search.v1 import search_pb2 as pb
from tests.artefacts import picture
from tests.unit.search_service.fakes import Bench, bench, unknown_id

Code = grpc.StatusCode


def ingest(server: Bench, path: Path, content: bytes = b"", uri: str = "") -> str:
    """Put a file's photo into the gallery."""
    content = content or path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return server.reader.add(Photo("cat", uri or path.as_uri(), digest, 64, 48))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "gallery"
    folder.mkdir()
    return folder


async def code_of(server: Bench, **request: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await server.stub.GetPhoto(pb.GetPhotoRequest(**request), timeout=5)
    found: grpc.StatusCode = caught.value.code()
    return found


async def test_lists_classes_by_name_with_their_counts() -> None:
    """All classes with their photos' numbers, and the total; a filter counts what meets it."""
    async with bench() as server:
        answer = await server.stub.ListClasses(pb.ListClassesRequest(), timeout=5)
        assert [(c.class_name, c.count) for c in answer.classes] == [
            ("cat", 14),
            ("dog", 13),
            ("owl", 13),
        ]
        assert answer.total == 40
        tame = pb.Filter(
            fields=[pb.FieldCondition(field="tame", equals=pb.FieldValue(bool_value=True))],
            excluded_classes=["dog"],
        )
        answer = await server.stub.ListClasses(pb.ListClassesRequest(filter=tame), timeout=5)
        assert [(c.class_name, c.count) for c in answer.classes] == [("cat", 14)]


async def test_remembers_counts_for_a_moment() -> None:
    """The same question twice costs one count; another filter its own."""
    async with bench(classes_cache_seconds=60) as server:
        for _ in range(3):
            await server.stub.ListClasses(pb.ListClassesRequest(), timeout=5)
        assert server.reader.counted == 1
        other = pb.ListClassesRequest(filter=pb.Filter(classes=["cat"]))
        await server.stub.ListClasses(other, timeout=5)
        assert server.reader.counted == 2


async def test_lists_classes_and_photos_while_the_encoder_is_away(root: Path) -> None:
    """Looking needs no model."""
    (root / "a.jpg").write_bytes(picture(1))
    async with bench(gallery_roots=(root,)) as server:
        photo_id = ingest(server, root / "a.jpg")
        server.encoder.error = unavailable("the encoder", "gone")
        await server.until_ready(state=False)
        assert (await server.stub.ListClasses(pb.ListClassesRequest(), timeout=5)).total == 41
        assert (
            await server.stub.GetPhoto(pb.GetPhotoRequest(photo_id=photo_id), timeout=5)
        ).content


async def test_answers_a_thumbnail_of_at_most_the_asked_size(root: Path) -> None:
    """A thumbnail is a JPEG within max_side, of the photo's shape, never enlarged."""
    (root / "a.png").write_bytes(picture(1, (640, 320), "PNG"))
    async with bench(gallery_roots=(root,)) as server:
        photo_id = ingest(server, root / "a.png")
        for max_side, size in ((0, (256, 128)), (64, (64, 32)), (1024, (640, 320))):
            answer = await server.stub.GetPhoto(
                pb.GetPhotoRequest(photo_id=photo_id, max_side=max_side), timeout=5
            )
            assert answer.content_type == "image/jpeg"
            with Image.open(io.BytesIO(answer.content)) as image:
                assert (image.format, image.size) == ("JPEG", size)
        assert answer.photo.photo_id == photo_id
        assert answer.photo.class_name == "cat"


async def test_answers_the_original_byte_by_byte(root: Path) -> None:
    """The original is the file, with its own media type."""
    content = picture(1, form="PNG")
    (root / "a b%41.png").write_bytes(content)
    async with bench(gallery_roots=(root,)) as server:
        photo_id = ingest(server, root / "a b%41.png")
        answer = await server.stub.GetPhoto(
            pb.GetPhotoRequest(photo_id=photo_id, size=pb.PHOTO_SIZE_ORIGINAL), timeout=5
        )
        assert answer.content == content
        assert answer.content_type == "image/png"


async def test_refuses_what_lies_outside_of_the_roots(root: Path, tmp_path: Path) -> None:
    """Other folders, dots, links, other schemes and hosts: FAILED_PRECONDITION, never a byte."""
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(picture(1))
    (root / "link.jpg").symlink_to(secret)
    (root / "folder").symlink_to(tmp_path)
    (tmp_path / "gallery-beside").mkdir()
    (tmp_path / "gallery-beside" / "a.jpg").write_bytes(picture(1))
    uris = [
        secret.as_uri(),
        (root / "link.jpg").as_uri(),
        (root / "folder" / "secret.jpg").as_uri(),
        f"{root.as_uri()}/../secret.jpg",
        f"{root.as_uri()}/%2e%2e/secret.jpg",
        (tmp_path / "gallery-beside" / "a.jpg").as_uri(),
        str(secret),
        "secret.jpg",
        f"file://elsewhere{root}/a.jpg",
        "https://example.org/a.jpg",
        "file:///proc/self/environ",
        "file:///dev/zero",
        f"{root.as_uri()}/a%00.jpg",
        "file:",
        "",
        "http://[",
    ]
    async with bench(gallery_roots=(root,)) as server:
        for uri in uris:
            photo_id = ingest(server, secret, uri=uri)
            for size in (pb.PHOTO_SIZE_THUMBNAIL, pb.PHOTO_SIZE_ORIGINAL):
                code = await code_of(server, photo_id=photo_id, size=size)
                assert code is Code.FAILED_PRECONDITION, uri


async def test_without_roots_no_file_is_answered(root: Path) -> None:
    """The default serves nothing."""
    (root / "a.jpg").write_bytes(picture(1))
    async with bench() as server:
        photo_id = ingest(server, root / "a.jpg")
        assert await code_of(server, photo_id=photo_id) is Code.FAILED_PRECONDITION


async def test_folders_that_ingest_lists_are_shown_from_then_on(root: Path, tmp_path: Path) -> None:
    """The list may come while the service runs; what it does not name stays shut."""
    (root / "a.jpg").write_bytes(picture(1))
    (tmp_path / "secret.jpg").write_bytes(picture(2))
    roots_file = tmp_path / "data" / "roots"
    async with bench(gallery_roots_file=roots_file) as server:
        photo_id = ingest(server, root / "a.jpg")
        secret = ingest(server, tmp_path / "secret.jpg")
        assert await code_of(server, photo_id=photo_id) is Code.FAILED_PRECONDITION
        RootsFile(roots_file).add([root])
        assert (
            await server.stub.GetPhoto(pb.GetPhotoRequest(photo_id=photo_id), timeout=5)
        ).content
        assert await code_of(server, photo_id=secret) is Code.FAILED_PRECONDITION


async def test_what_has_gone_or_changed_is_not_found(root: Path) -> None:
    """No file, a folder, another content, no such photo: NOT_FOUND."""
    (root / "changed.jpg").write_bytes(picture(1))
    (root / "folder.jpg").mkdir()
    async with bench(gallery_roots=(root,)) as server:
        gone = ingest(server, root / "gone.jpg", b"gone")
        changed = ingest(server, root / "changed.jpg", b"as it was")
        folder = ingest(server, root / "folder.jpg", b"a folder")
        for photo_id in (gone, changed, folder, unknown_id()):
            assert await code_of(server, photo_id=photo_id) is Code.NOT_FOUND


async def test_a_file_too_large_for_a_message_is_refused(root: Path) -> None:
    """The original that no message could hold: FAILED_PRECONDITION before it is read."""
    with (root / "huge.jpg").open("wb") as file:
        file.truncate(20 * 1024 * 1024)
    async with bench(gallery_roots=(root,)) as server:
        photo_id = ingest(server, root / "huge.jpg", b"huge")
        code = await code_of(server, photo_id=photo_id, size=pb.PHOTO_SIZE_ORIGINAL)
        assert code is Code.FAILED_PRECONDITION


@pytest.mark.parametrize(
    "request_",
    [
        {"photo_id": "no id"},
        {"photo_id": ""},
        {"photo_id": "../../etc/passwd"},
        {"photo_id": unknown_id(), "max_side": 15},
        {"photo_id": unknown_id(), "max_side": 1025},
        {"photo_id": unknown_id(), "size": 9},
    ],
)
async def test_names_the_field_that_is_wrong(request_: dict[str, Any]) -> None:
    """A photo id is a UUID, a thumbnail 16 to 1024 pixels, a size one of the enum's."""
    async with bench() as server:
        assert await code_of(server, **request_) is Code.INVALID_ARGUMENT

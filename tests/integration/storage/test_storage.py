"""Reading by uri: files, urls, buckets, and members of tar files."""

import gzip
import io
import os
import random
import socket
import subprocess
import sys
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from sketchzoo.fetch import FetchLimits
from sketchzoo.storage import Member, Storage, StorageError, StorageReason, container, moment
from sketchzoo_ingest.outcome import Reason
from tests.integration.fetch.site_server import a_site, status
from tests.integration.storage.bucket_server import Buckets

LIMIT = 1000


def failure(uri: str, storage: Storage | None = None, limit: int = LIMIT) -> StorageError:
    with storage or Storage() as opened, pytest.raises(StorageError) as error:
        opened.read(uri, limit)
    return error.value


def tar(path: Path, *members: tuple[str, bytes]) -> list[Member]:
    """Write a tar file and return where its members lie."""
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as file:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    with tarfile.open(path) as file:
        return [Member(path.as_uri(), m.name, m.offset_data, m.size) for m in file]


def test_files_and_urls(tmp_path: Path) -> None:
    """A file's uri, whatever bytes its name has, and a url lead to their bytes."""
    path = os.fsencode(tmp_path) + b"/a b\xff.jpg"
    Path(os.fsdecode(path)).write_bytes(b"file")
    local = FetchLimits(allow_private_addresses=True)
    with a_site() as site, Storage(limits=local) as storage:
        url = site.photo("/a.jpg", b"url")
        assert storage.read(f"{tmp_path.as_uri()}/a%20b%FF.jpg", LIMIT) == b"file"
        assert storage.read(url, LIMIT) == b"url"
    assert failure(url).reason is StorageReason.PRIVATE_ADDRESS


def test_objects(buckets: Buckets) -> None:
    """An object is read by bucket and key, whatever characters the key has, an empty one too."""
    keys = ("a.jpg", "2024/July 1/ö & #1?.jpg", "empty.jpg")
    uris = {buckets.put(bucket, key, key.encode()) for bucket in [_bucket(buckets)] for key in keys}
    with Storage() as storage:
        for uri in uris:
            assert storage.read(uri, LIMIT) == uri.removeprefix("s3://objects/").encode()
        assert storage.read(buckets.put("objects", "none", b""), LIMIT) == b""
        assert storage.read(buckets.put("objects", "full", bytes(LIMIT)), LIMIT) == bytes(LIMIT)


def test_threads_read_objects_side_by_side(buckets: Buckets) -> None:
    """Several threads read with one storage, and each gets its own object."""
    bucket = _bucket(buckets)
    uris = [buckets.put(bucket, f"many/{n}", bytes([n]) * 100) for n in range(20)]
    with Storage() as storage, ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda uri: storage.read(uri, LIMIT), uris))
    assert found == [bytes([n]) * 100 for n in range(20)]


def test_what_is_wrong_with_an_object_is_told(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is gone, too large, or lies in no bucket is told apart."""
    bucket = _bucket(buckets)
    assert failure(f"s3://{bucket}/missing.jpg").reason is StorageReason.NOT_FOUND
    assert failure("s3://no-such-bucket/a.jpg").reason is StorageReason.NOT_FOUND
    large = failure(buckets.put(bucket, "large", bytes(LIMIT + 5)))
    assert (large.reason, "has 1005 bytes" in str(large)) == (StorageReason.TOO_LARGE, True)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    nobody = failure(f"s3://{bucket}/large")
    assert (nobody.reason, "credentials" in str(nobody)) == (StorageReason.FETCH_FAILED, True)


def test_store_that_never_answers_is_given_up(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that takes connections and says nothing costs its deadline, no more."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        error = failure("s3://bucket/a.jpg", Storage(limits=FetchLimits(seconds=1)))
    assert (error.reason, "too long" in str(error)) == (StorageReason.FETCH_FAILED, True)


def test_passing_faults_of_a_store_are_tried_again(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that is busy for a moment is asked again; what it forbids is told at once."""

    def busy(handler: BaseHTTPRequestHandler, hit: int) -> None:
        handler.send_response(503 if hit == 1 else 206)
        handler.send_header("content-length", "0" if hit == 1 else "5")
        handler.end_headers()
        if hit > 1:
            handler.wfile.write(b"photo")

    with a_site() as site, Storage() as storage:
        monkeypatch.setenv("AWS_ENDPOINT_URL", site.url)
        site.answers["/bucket/busy.jpg"] = busy
        site.answers["/bucket/closed.jpg"] = status(403)
        assert storage.read("s3://bucket/busy.jpg", LIMIT) == b"photo"
        with pytest.raises(StorageError, match="access is denied") as error:
            storage.read("s3://bucket/closed.jpg", LIMIT)
    assert error.value.reason is StorageReason.UNREADABLE
    assert site.hits["/bucket/closed.jpg"] == 1


def test_members_of_tar_files(tmp_path: Path, buckets: Buckets) -> None:
    """A member is read by its uri, from a plain and a packed file and from a bucket."""
    contents = [("cat/a b!.jpg", b"cat"), ("dog#1.jpg", bytes(700)), ("empty", b"")]
    for name in ("x!/y.tar", "x.tar.gz"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        for member, (_, content) in zip(tar(path, *contents), contents, strict=True):
            assert Member.parse(member.uri) == member
            assert container(member.uri) == path.as_uri()
            with Storage() as storage:
                assert storage.read(member.uri, LIMIT) == content
    first = tar(tmp_path / "x.tar", *contents)[0]
    there = buckets.put(_bucket(buckets), "x.tar", (tmp_path / "x.tar").read_bytes())
    with Storage() as storage:
        uri = Member(there, first.name, first.first, first.size).uri
        assert uri == f"tar+s3://objects/x.tar!/cat/a%20b%21.jpg#bytes={first.first}-514"
        assert storage.read(uri, LIMIT) == b"cat"


def test_members_behind_urls(tmp_path: Path) -> None:
    """Of a tar file behind a url the member's range alone is asked for, where the server has it."""
    path = tmp_path / "x.tar"
    first, last = tar(path, ("a.jpg", bytes(700)), ("b.jpg", b"b" * 600))
    content = path.read_bytes()

    def ranged(handler: BaseHTTPRequestHandler, hit: int) -> None:
        begin, end = map(int, handler.headers["range"].removeprefix("bytes=").split("-"))
        sent = content[begin : end + 1]
        handler.send_response(206)
        handler.send_header("content-range", f"bytes {begin}-{end}/{len(content)}")
        handler.send_header("content-length", str(len(sent)))
        handler.end_headers()
        # A connection that breaks is gone on from.
        handler.wfile.write(sent[: len(sent) // hit] if hit == 2 else sent)

    def whole(handler: BaseHTTPRequestHandler, hit: int) -> None:
        handler.send_response(200)
        handler.send_header("content-length", str(last.first + last.size))
        handler.end_headers()
        handler.wfile.write(content[: last.first + last.size])

    limits = FetchLimits(allow_private_addresses=True, backoff_seconds=0, read_seconds=2)
    with a_site() as site, Storage(limits=limits) as storage:
        site.answers["/x.tar"], site.answers["/y.tar"] = ranged, whole
        for member, wanted in ((first, bytes(700)), (last, b"b" * 600)):
            there = Member(f"{site.url}/x.tar", member.name, member.first, member.size)
            assert storage.read(there.uri, LIMIT) == wanted
        there = Member(f"{site.url}/y.tar", last.name, last.first, last.size)
        assert storage.read(there.uri, LIMIT) == b"b" * 600
        assert site.hits["/x.tar"] == 3


def test_copies_are_what_is_read(tmp_path: Path, buckets: Buckets) -> None:
    """Of whatever a uri leads to, by pieces; what is larger than is taken is refused."""
    content = random.Random(1).randbytes(9 * 1024 * 1024)
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    [plain] = tar(tmp_path / "x.tar", ("a.jpg", content))
    [packed] = tar(tmp_path / "x.tar.gz", ("a.jpg", content))
    bucket = _bucket(buckets)
    shard = buckets.put(bucket, "x.tar", (tmp_path / "x.tar").read_bytes())

    def answer(handler: BaseHTTPRequestHandler, hit: int) -> None:
        handler.send_response(200)
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        with suppress(ConnectionError):  # a reader who has seen the length is gone
            handler.wfile.write(content)

    limits = FetchLimits(allow_private_addresses=True)
    with a_site() as site, Storage(limits=limits) as storage:
        site.answers["/a.jpg"] = answer
        for uri in (
            path.as_uri(),
            plain.uri,
            packed.uri,
            f"{site.url}/a.jpg",
            buckets.put(bucket, "a.jpg", content),
            Member(shard, plain.name, plain.first, plain.size).uri,
        ):
            copy = io.BytesIO()
            storage.copy(uri, copy, len(content))
            assert copy.getvalue() == content, uri
            with pytest.raises(StorageError) as error:
                storage.copy(uri, io.BytesIO(), len(content) - 1)
            assert error.value.reason is StorageReason.TOO_LARGE, uri


def test_members_that_are_there_no_more(tmp_path: Path) -> None:
    """A tar file that is shorter, gone or damaged is told, and a large member is not read."""
    path = tmp_path / "x.tar.gz"
    [member] = tar(path, ("a.jpg", bytes(500)))
    assert failure(member.uri, limit=10).reason is StorageReason.TOO_LARGE
    path.write_bytes(gzip.compress(bytes(600)))
    assert failure(member.uri).reason is StorageReason.NOT_FOUND
    path.write_bytes(b"no gzip")
    assert failure(member.uri).reason is StorageReason.UNREADABLE
    path.unlink()
    assert failure(member.uri).reason is StorageReason.NOT_FOUND


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "a.jpg",
        "/etc/hostname",
        "file://elsewhere/etc/hostname",
        "tar+file:///x.tar",
        f"tar+file:///x.tar!/a#bytes={10**19 - 1}-{10**19 - 1}",
        "tar+tar+file:///x.tar!/y.tar#bytes=0-1!/z#bytes=0-1",
        "http://[bad/a.jpg",
        "ftp://example.org/a.jpg",
        "memory://a.jpg",
    ],
)
def test_uris_that_lead_nowhere(uri: str) -> None:
    """What is no uri, or of a scheme that is not read from, is refused unread."""
    assert failure(uri).reason is StorageReason.OUTSIDE


def test_times_that_no_calendar_has() -> None:
    """A broken clock's or a hostile file's: nothing else of the file is lost with them."""
    assert [moment(seconds) for seconds in (1e12, -1e12, float("nan"))] == [None] * 3
    assert moment(0) == datetime(1970, 1, 1, tzinfo=UTC)


def test_schemes_are_the_operators(tmp_path: Path) -> None:
    """Schemes that were not given are not read from, behind a tar file either."""
    [member] = tar(tmp_path / "x.tar", ("a.jpg", b"x"))
    for uri in (tmp_path.as_uri(), member.uri):
        assert failure(uri, Storage({"s3", "https"})).reason is StorageReason.OUTSIDE


def test_missing_library_is_named() -> None:
    """Where a store's library is not installed, the message names the extra that brings it."""
    code = """
import sys
from sketchzoo.storage import Storage, StorageError
assert "fsspec" not in sys.modules and "httpx" not in sys.modules
sys.modules["s3fs"] = None
try:
    Storage().read("s3://bucket/a.jpg", 10)
except StorageError as error:
    print(error.reason, error)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("unreadable")
    assert "install `sketchzoo[s3]`" in done.stdout


def test_reasons_are_ingests() -> None:
    """Each reason has the name of one of ingest's."""
    assert {reason.value for reason in StorageReason} <= {reason.value for reason in Reason}


def test_unused_storage_costs_nothing() -> None:
    """Opening a storage begins no thread."""
    before = threading.active_count()
    with Storage():
        assert threading.active_count() == before


def _bucket(buckets: Buckets) -> str:
    buckets.make("objects")
    return "objects"

"""Photos in buckets, in tables and tar files, with a real S3 API and Qdrant."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from sketchzoo.call_settings import QdrantSettings
from sketchzoo.qdrant import Photo, PhotoWriter, connect
from sketchzoo.storage import Storage
from sketchzoo_ingest.job import Job, JobOptions
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.outcome import Outcome, Reason, Refusal
from sketchzoo_ingest.report import Report
from sketchzoo_ingest.retry import RetryPolicy
from sketchzoo_ingest.sources import Candidate, ClassFrom, PassedOver, Source, open_source
from sketchzoo_ingest.tally import Tally
from tests.artefacts import picture
from tests.integration.ingest.command import Command
from tests.integration.ingest.stored import FILES, archive, in_folder, listed, table
from tests.integration.storage.bucket_server import Buckets, bucket_server
from tests.unit.ingest.fakes import FakeEncoder, small_limits

FINGERPRINT = "f" * 16
# What a listing tells in its own way: where a photo lies and when its file was written.
OWN = ("uri", "modified_at", "ingested_at")


@pytest.fixture(scope="module")
def server() -> Iterator[Buckets]:
    with bucket_server() as buckets:
        yield buckets


@pytest.fixture
def bucket(server: Buckets, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Make a bucket with the photos below `zoo/`."""
    server.use(monkeypatch)
    name = tmp_path.name.replace("_", "-").lower()
    server.make(name)
    for path, content in FILES.items():
        server.put(name, f"zoo/{path}", content)
    return name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return in_folder(tmp_path / "zoo")


@pytest.fixture
async def writer(qdrant_url: str, alias: str) -> AsyncIterator[PhotoWriter]:
    connection = connect(QdrantSettings(qdrant_url=qdrant_url, qdrant_timeout_seconds=60))
    yield PhotoWriter(connection, alias)
    await connection.close()


async def run(writer: PhotoWriter, *sources: Source, **options: Any) -> Report:
    metrics = IngestMetrics(CollectorRegistry())
    stop = asyncio.Event()
    given: Any = FakeEncoder()
    job = Job(
        sources=sources,
        encoder=given,
        writer=writer,
        retry=RetryPolicy(0.0, stop),
        tally=Tally(metrics),
        metrics=metrics,
        limits=small_limits(),
        options=JobOptions("photos", **options),
        stop=stop,
    )
    return await job.run()


async def points(writer: PhotoWriter) -> dict[str, Photo]:
    return {photo.id: photo async for photo in writer.scroll(writer.name(FINGERPRINT))}


async def test_same_points_wherever_photos_lie(
    writer: PhotoWriter, bucket: str, folder: Path, storage: Storage, server: Buckets
) -> None:
    """Folder, tables, tar files, bucket and what lies in it make the same points, but for uris."""
    tar, packed = archive(folder)
    server.put(bucket, "zoo.tar.gz", packed)
    for name in ("photos.csv", "photos.parquet"):
        server.put(bucket, f"zoo/{name}", table(folder / name, "path", ""))
    table(folder / "uris.parquet", "uri", f"s3://{bucket}/zoo/")
    sets: dict[str, set[str]] = {}
    for name in (
        str(folder),
        str(folder / "photos.csv"),
        str(folder / "photos.parquet"),
        str(folder / "uris.parquet"),
        str(tar),
        f"{tar}.gz",
        f"s3://{bucket}/zoo",
        f"s3://{bucket}/zoo/photos.csv",
        f"s3://{bucket}/zoo/photos.parquet",
        f"s3://{bucket}/zoo.tar.gz",
    ):
        for stale in await points(writer) if sets else ():
            await writer.delete(writer.name(FINGERPRINT), [stale])
        source = open_source(name, storage, roots=[f"s3://{bucket}/zoo"])
        report = await run(writer, source)
        assert report.outcomes.get(Outcome.WRITTEN) == len(FILES), (name, report)
        sets[name] = {
            repr({k: v for k, v in sorted(photo.to_payload().items()) if k not in OWN}) + key
            for key, photo in (await points(writer)).items()
        }
    first = sets[str(folder)]
    assert len(first) == len(FILES)
    assert {name for name, found in sets.items() if found != first} == set()


async def test_unchanged_objects_are_not_read_again(
    writer: PhotoWriter, bucket: str, storage: Storage, server: Buckets
) -> None:
    """A second run over a bucket reads what was written anew, and nothing else."""
    name = f"s3://{bucket}/zoo"
    await run(writer, open_source(name, storage))
    server.put(bucket, "zoo/owl/1.jpg", picture(123))
    source = open_source(name, storage)
    read: list[str] = []
    real = source.read

    def noted(candidate: Candidate, limit: int) -> bytes:
        read.append(candidate.uri)
        return real(candidate, limit)

    source.read = noted  # type: ignore[method-assign]
    report = await run(writer, source)
    assert read == [f"{name}/owl/1.jpg"]
    assert report.outcomes == {Outcome.WRITTEN: 1, Outcome.UNCHANGED: len(FILES) - 1}


async def test_objects_that_are_gone_are_pruned(
    writer: PhotoWriter, bucket: str, storage: Storage, server: Buckets
) -> None:
    """Pruning deletes what is gone from a bucket, and spares a class in which nothing is left."""
    name = f"s3://{bucket}/zoo"
    await run(writer, open_source(name, storage))
    for key in ("zoo/owl/1.jpg", "zoo/swan/1.jpg", "zoo/swan/2.jpg"):
        server.client.delete_object(Bucket=bucket, Key=key)
    report = await run(writer, open_source(name, storage), prune=True)
    assert report.pruned == 1
    assert {(s.place, n) for s, n in report.spared.items()} == {(f"{name}/swan", 2)}


def test_bucket_that_goes_away_meanwhile(bucket: str, storage: Storage, server: Buckets) -> None:
    """What cannot be listed any more is refused by its uri, by which pruning spares it."""
    source = open_source(f"s3://{bucket}/zoo", storage)
    for path in FILES:
        server.client.delete_object(Bucket=bucket, Key=f"zoo/{path}")
    [refusal] = source.candidates()
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.uri) == (Reason.NOT_FOUND, f"s3://{bucket}/zoo")
    assert source.root == f"s3://{bucket}/zoo/"


def test_keys_that_are_no_paths(bucket: str, storage: Storage, server: Buckets) -> None:
    """Empty objects in folders' places are nothing, videos are passed over, odd keys refused."""
    for key in (
        "odd/",
        "odd/a.jpg",
        "odd/b.MOV",
        "odd/.hidden.jpg",
        "odd//c.jpg",
        "odd/@eaDir/d.jpg",
    ):
        server.put(bucket, key, b"x" if not key.endswith("/") else b"")
    source = open_source(f"s3://{bucket}/odd", storage)
    entries = list(source.candidates())
    assert [candidate.file_name for candidate in listed(source)] == ["a.jpg"]
    assert sum(isinstance(entry, PassedOver) for entry in entries) == 2
    assert {e.reason for e in entries if isinstance(e, Refusal)} <= {Reason.BAD_NAME}
    whole = open_source(f"s3://{bucket}", storage, class_from=ClassFrom.NONE)
    assert len(listed(whole)) == len(FILES) + 1


def test_shards_by_a_pattern(bucket: str, storage: Storage, server: Buckets, folder: Path) -> None:
    """A pattern names the tar files of a bucket, and their photos' uris are read by storage."""
    for name in ("owl", "swan"):
        tar = folder.parent / f"{name}.tar"
        subprocess.run(["tar", "cf", tar, "-C", folder, name], check=True)
        server.put(bucket, f"shards/{name}.tar", tar.read_bytes())
    for pattern in ("*.tar", "{owl,swan}.tar"):
        found = listed(open_source(f"s3://{bucket}/shards/{pattern}", storage))
        assert {storage.read(c.uri, 10**6) for c in found} == set(FILES.values())
        assert {candidate.class_name for candidate in found} == {"owl", "swan"}


def test_what_cannot_be_opened_is_said(bucket: str, storage: Storage) -> None:
    """A bucket or an object that is not there is named before anything starts."""
    for name in (f"s3://{bucket}/none", "s3://no-such-bucket/zoo"):
        with pytest.raises(ValueError, match="is not there") as error:
            open_source(name, storage)
        assert name in str(error.value)
    for name in (f"s3://{bucket}/none.csv", f"s3://{bucket}/none.parquet"):
        with pytest.raises(ValueError, match="is not there"):
            open_source(name, storage)
    with pytest.raises(ValueError, match=r"no file is called so"):
        open_source(f"s3://{bucket}/zoo/*.tar", storage)


def test_command_over_a_bucket(
    environment: dict[str, str], bucket: str, server: Buckets, tmp_path: Path
) -> None:
    """The command takes a bucket, its credentials from the environment, and tells none of them."""
    given = {**environment, **server.environment(), "AWS_SECRET_ACCESS_KEY": "tell-nobody"}
    command = Command(tmp_path, given, f"s3://{bucket}/zoo", "--json", "-")
    report = command.report()
    assert report["photos"]["written"] == len(FILES)
    [found] = report["class_from"].values()
    assert found["from"] == "folder"
    assert "tell-nobody" not in command.out + command.err

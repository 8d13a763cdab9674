"""A collection's queue of writes, and when its index is due."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import grpc as rpc
import pytest
from pydantic import ValidationError
from qdrant_client import grpc

from embedded_qdrant.catalogue import Catalogue
from embedded_qdrant.collection import Collection, Statistics
from embedded_qdrant.conversion import configs
from embedded_qdrant.indexing import IndexBuild, IndexBuildError, due, littered
from embedded_qdrant.settings import EmbeddedQdrantSettings
from embedded_qdrant.space import Space
from sketchzoo.rpc import CallError

Make = Callable[..., Collection]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    catalogues = []

    def make(**settings: Any) -> Collection:
        catalogue = Catalogue(EmbeddedQdrantSettings(path=tmp_path, **settings))
        catalogue.open()
        catalogues.append(catalogue)
        params = grpc.VectorParams(size=2, distance=grpc.Distance.Cosine)
        request = grpc.CreateCollection(vectors_config=grpc.VectorsConfig(params=params))
        catalogue.create("c", configs.created(request))
        return catalogue.get("c")

    yield make
    for catalogue in catalogues:
        await catalogue.close()


def _upsert(*numbers: int) -> grpc.UpsertPoints:
    vectors = grpc.Vectors(vector=grpc.Vector(dense=grpc.DenseVector(data=[1.0, 2.0])))
    return grpc.UpsertPoints(
        collection_name="c",
        points=[grpc.PointStruct(id=grpc.PointId(num=n), vectors=vectors) for n in numbers],
    )


def _delete(*numbers: int) -> grpc.DeletePoints:
    ids = grpc.PointsIdsList(ids=[grpc.PointId(num=n) for n in numbers])
    return grpc.DeletePoints(collection_name="c", points=grpc.PointsSelector(points=ids))


def _soon() -> float:
    return time.monotonic() + 30


def _count(collection: Collection) -> int:
    collection.refresh()
    return collection.statistics.points


async def test_a_write_past_the_queue_is_refused(make: Make) -> None:
    """Past max_waiting_writes a write is RESOURCE_EXHAUSTED with a time to come back."""
    collection = make(max_waiting_writes=2)
    async with collection.writing:
        waiting = [asyncio.create_task(collection.write(_upsert(n), _soon())) for n in range(2)]
        await asyncio.sleep(0.05)
        with pytest.raises(CallError) as caught:
            await collection.write(_upsert(9), _soon())
    assert caught.value.code.name == "RESOURCE_EXHAUSTED"
    assert caught.value.details
    await asyncio.gather(*waiting)
    assert _count(collection) == 2


async def test_waiting_bytes_are_limited_too(make: Make) -> None:
    """A write larger than the bytes that may wait is refused; a small one is made."""
    collection = make(max_waiting_write_bytes=1000, max_message_bytes=1000)
    with pytest.raises(CallError) as caught:
        await collection.write(_upsert(*range(1000)), _soon())
    assert caught.value.code.name == "RESOURCE_EXHAUSTED"
    await collection.write(_upsert(1), _soon())
    assert _count(collection) == 1


def test_a_write_that_is_taken_may_wait() -> None:
    """A message's limit above that of what waits is refused, by both names."""
    with pytest.raises(ValidationError, match=r"max_waiting_write_bytes .* max_message_bytes"):
        EmbeddedQdrantSettings(max_message_bytes=2**30, max_held_bytes=2**31)


async def test_a_write_that_would_take_the_last_of_the_disk_is_refused(make: Make) -> None:
    """Below min_free_bytes a write is RESOURCE_EXHAUSTED and not made; reads go on."""
    collection = make()
    await collection.write(_upsert(1), _soon())
    collection.space = Space(collection.folder.path, 1 << 60)
    with pytest.raises(CallError, match="No space left on device") as refused:
        await collection.write(_upsert(2), _soon())
    assert refused.value.code is rpc.StatusCode.RESOURCE_EXHAUSTED
    assert _count(collection) == 1
    collection.space = Space(collection.folder.path, 0)
    await collection.write(_upsert(2), _soon())
    assert _count(collection) == 2


async def test_an_index_build_without_room_is_not_begun(make: Make) -> None:
    """A build that would take the last of the disk fails before it copies anything."""
    collection = make()
    await collection.write(_upsert(*range(200)), _soon())
    collection.space = Space(collection.folder.path, 1 << 60)
    shard = collection.folder.current()
    with pytest.raises(IndexBuildError, match="of disk"):
        await IndexBuild(collection, EmbeddedQdrantSettings()).run()
    assert list(collection.folder.path.glob("shard-*")) == [shard]


async def test_a_write_whose_deadline_passes_while_it_waits_is_dropped(make: Make) -> None:
    """It is DEADLINE_EXCEEDED and was not made; those behind it are."""
    collection = make()
    async with collection.writing:
        late = asyncio.create_task(collection.write(_upsert(1), time.monotonic() + 0.05))
        timely = asyncio.create_task(collection.write(_upsert(2), _soon()))
        await asyncio.sleep(0.1)
    with pytest.raises(CallError) as caught:
        await late
    assert caught.value.code.name == "DEADLINE_EXCEEDED"
    await timely
    assert _count(collection) == 1


async def test_a_write_whose_caller_left_is_dropped(make: Make) -> None:
    """A cancelled call's write that has not started is not made."""
    collection = make()
    async with collection.writing:
        gone = asyncio.create_task(collection.write(_upsert(1), _soon()))
        await asyncio.sleep(0.05)
        gone.cancel()
    await collection.write(_upsert(2), _soon())
    assert _count(collection) == 1
    assert collection.waiting == 0


async def test_queries_come_between_the_slices_of_a_write(make: Make) -> None:
    """A large write lets others run before it is done."""
    collection = make(write_slice_points=1)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    await collection.write(_upsert(*range(50)), _soon())
    task.cancel()
    assert turns >= 50


async def test_writes_of_a_closing_collection_are_refused(make: Make) -> None:
    """Writes that wait when a collection is deleted are NOT_FOUND, and new ones too."""
    collection = make()
    async with collection.writing:
        waiting = asyncio.create_task(collection.write(_upsert(1), _soon()))
        await asyncio.sleep(0.05)
        closing = asyncio.create_task(collection.close())
        await asyncio.sleep(0.05)
    # The writer may have had the lock first: then the write was made, whole.
    await closing
    result = (await asyncio.gather(waiting, return_exceptions=True))[0]
    assert result == 1 or (isinstance(result, CallError) and result.code.name == "NOT_FOUND")
    with pytest.raises(CallError) as caught:
        await collection.write(_upsert(2), _soon())
    assert caught.value.code.name == "NOT_FOUND"


@pytest.mark.parametrize(
    ("unindexed", "indexed", "quiet", "expected"),
    [
        (99, 0, True, False),
        (100, 0, True, True),
        (100, 0, False, True),
        (100, 1000, False, False),
        (100, 1000, True, True),
        (1000, 1000, False, True),
    ],
)
async def test_an_index_is_due_by_size_quiet_and_growth(
    make: Make, unindexed: int, indexed: int, *, quiet: bool, expected: bool
) -> None:
    """Due from the threshold on: when writes pause, or when the rest has grown enough."""
    settings = EmbeddedQdrantSettings(index_threshold_points=100, index_quiet_seconds=10)
    collection = make()
    collection.unindexed = unindexed
    collection.statistics = Statistics(points=indexed + unindexed, indexed=indexed)
    collection.last_write = time.monotonic() - (20 if quiet else 0)
    assert due(collection, settings) is expected


@pytest.mark.parametrize(
    ("written", "deleted", "quiet", "expected"),
    [
        (100, 20, True, False),
        (100, 21, True, True),
        (99, 90, True, False),
        (200, 50, False, False),
        (200, 100, False, True),
    ],
)
async def test_many_deleted_points_make_a_vacuum_due(
    make: Make, written: int, deleted: int, *, quiet: bool, expected: bool
) -> None:
    """Due by deleted_threshold and vacuum_min_vector_number: when writes pause, or at half."""
    settings = EmbeddedQdrantSettings(index_quiet_seconds=1000)
    collection = make()
    collection.config.optimizer_config.vacuum_min_vector_number = 100
    await collection.write(_upsert(*range(written)), _soon())
    await collection.write(_delete(*range(deleted)), _soon())
    collection.flush()
    collection.refresh()
    if quiet:
        collection.last_write -= 2000
    collection.last_copy = collection.last_write - 1
    assert littered(collection, settings) is expected


@pytest.mark.parametrize(
    ("settings", "quiet_seconds", "flushed"),
    [
        ({"flush_seconds": 1000, "flush_points": 12}, 1000, False),
        ({"flush_seconds": 1000, "flush_points": 12}, 0, True),
        ({"flush_seconds": 1e-6, "flush_points": 12}, 1000, True),
        ({"flush_seconds": 1000, "flush_points": 11}, 1000, True),
    ],
)
async def test_what_is_in_the_log_alone_is_bounded(
    make: Make, *, settings: dict[str, Any], quiet_seconds: float, flushed: bool
) -> None:
    """A flush is due when writes pause, after flush_seconds, or with flush_points.

    A write of no point counts as one.
    """
    collection = make(**settings)
    for first in (0, 5):
        await collection.write(_upsert(*range(first, first + 5)), _soon())
    await collection.write(_delete(0, 1), _soon())
    flush = Mock()
    collection.shard, shard = Mock(flush=flush), collection.shard
    collection.flush_if_due(quiet_seconds)
    assert flush.called is flushed
    collection.flush_if_due(1000)
    assert flush.call_count == flushed
    collection.shard = shard


async def test_a_build_whose_journal_overflows_leaves_everything_as_it_was(make: Make) -> None:
    """Past the journal's limit the build is given up; every write is there, and no residue."""
    collection = make(index_journal_bytes=300)
    settings = EmbeddedQdrantSettings(index_journal_bytes=300)
    await collection.write(_upsert(*range(200)), _soon())
    shard = collection.folder.current()
    build = asyncio.create_task(IndexBuild(collection, settings).run())
    while not collection.journaled and not build.done():
        await collection.write(_upsert(1000), _soon())
    await collection.write(_upsert(*range(2000, 2100)), _soon())
    with pytest.raises(IndexBuildError, match="journal"):
        await build
    assert collection.folder.current() == shard
    assert list(collection.folder.path.glob("shard-*")) == [shard]
    assert not collection.building
    assert _count(collection) == 301


async def test_a_build_that_fails_names_what_its_process_said(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that ends badly fails the build with its last words, and nothing changes."""
    collection = make()
    await collection.write(_upsert(*range(200)), _soon())
    plan = configs.plan(collection.config, threads=1)
    plan["vectors"][""]["size"] = 99
    monkeypatch.setattr(configs, "plan", lambda *_args, **_kwargs: plan)
    shard = collection.folder.current()
    with pytest.raises(IndexBuildError, match="its process ended with 1"):
        await IndexBuild(collection, EmbeddedQdrantSettings()).run()
    assert list(collection.folder.path.glob("shard-*")) == [shard]
    assert _count(collection) == 200

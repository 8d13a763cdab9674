"""What the disk or the engine fails at goes to its caller, and the next write is tried."""

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from embedded_qdrant import collection as collection_module
from embedded_qdrant import supervision, wal
from embedded_qdrant.catalogue import Catalogue, StorageError
from embedded_qdrant.collection import Collection
from embedded_qdrant.journal import Journal
from sketchzoo.rpc import CallError
from tests.unit.embedded_qdrant.storage import config, opened, soon, tags, upsert

# As the engine's binding names the class of a panic, which cannot be imported.
Panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})


@pytest.fixture
async def catalogue(tmp_path: Path) -> AsyncIterator[Catalogue]:
    catalogue = opened(tmp_path)
    catalogue.create("c", config())
    yield catalogue
    await catalogue.close()


@pytest.fixture
def collection(catalogue: Catalogue) -> Collection:
    return catalogue.get("c")


def failing(error: BaseException) -> Any:
    def fail(*_: Any, **__: Any) -> NoReturn:
        raise error

    return fail


async def test_a_journal_that_cannot_be_written_ends_the_build_and_not_the_write(
    collection: Collection, tmp_path: Path
) -> None:
    """EIO of the journal's file gives the index build up; this write and the next are made."""
    journal = Journal(tmp_path, 1 << 20)
    broken: Any = journal
    broken._file.close()
    broken._file = type("Broken", (), {"seek": failing(OSError(errno.EIO, "I/O error"))})()
    collection.start_journal(journal)
    await collection.write(upsert([1]), soon())
    assert not collection.journals_to(journal)
    await collection.write(upsert([2]), soon())
    assert set(tags(collection)) == {1, 2}


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EIO, "INTERNAL"),
        (errno.EDQUOT, "RESOURCE_EXHAUSTED"),
        (errno.ENOSPC, "RESOURCE_EXHAUSTED"),
    ],
)
async def test_a_disk_that_cannot_be_asked_fails_this_write_alone(
    collection: Collection, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    """A failing statvfs is answered with a code that tells why, and the next write is made."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "statvfs", failing(OSError(number, os.strerror(number))))
        with pytest.raises(CallError, match=os.strerror(number)) as caught:
            await collection.write(upsert([1]), soon())
    assert caught.value.code.name == code
    await collection.write(upsert([2]), soon())
    assert set(tags(collection)) == {2}


async def test_a_write_is_answered_when_its_log_is_synced(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the disk syncs, the write is not answered; reads are."""
    begun, go = threading.Event(), threading.Event()
    sync = wal.sync

    def slow(shard: Path, *, again: bool) -> None:
        begun.set()
        assert go.wait(60)
        sync(shard, again=again)

    monkeypatch.setattr(wal, "sync", slow)
    writing = asyncio.create_task(collection.write(upsert([1]), soon()))
    await asyncio.to_thread(begun.wait, 60)
    assert tags(collection) == {1: "x"}
    assert not writing.done()
    go.set()
    assert await writing == 1


async def test_writes_that_wait_are_synced_together(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty writes at once cost a few syncs, and each gets a number of its own."""
    syncs = 0
    sync = wal.sync

    def counted(shard: Path, *, again: bool) -> None:
        nonlocal syncs
        syncs += 1
        sync(shard, again=again)

    monkeypatch.setattr(wal, "sync", counted)
    monkeypatch.setattr(collection_module, "_ROUND_SECONDS", 60)
    async with collection.writing:
        writes = [asyncio.create_task(collection.write(upsert([n]), soon())) for n in range(30)]
        for _ in range(100):  # turns, until all have come to wait
            await asyncio.sleep(0)
        assert collection.waiting == 30
    assert sorted(await asyncio.gather(*writes)) == list(range(1, 31))
    assert syncs == 1


async def test_a_sync_that_fails_is_answered_and_made_up_for(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EIO while syncing is INTERNAL, and the next sync writes all of the log once more."""
    rewritten: list[bool] = []
    sync = wal.sync

    def fails_once(shard: Path, *, again: bool) -> None:
        rewritten.append(again)
        if len(rewritten) == 1:
            raise OSError(errno.EIO, "Input/output error")
        sync(shard, again=again)

    monkeypatch.setattr(wal, "sync", fails_once)
    with pytest.raises(CallError, match="Input/output error") as caught:
        await collection.write(upsert([1]), soon())
    assert caught.value.code.name == "INTERNAL"
    await collection.write(upsert([2]), soon())
    await collection.write(upsert([3]), soon())
    assert rewritten == [False, True, False]


class PanickingShard:
    """A shard of which one method panics, once."""

    def __init__(self, shard: Any, method: str) -> None:
        self._shard = shard
        self._method = method

    def __getattr__(self, name: str) -> Any:
        if name == self._method:
            self._method = ""
            return failing(Panic("index out of bounds"))
        return getattr(self._shard, name)


async def test_a_panic_in_a_write_is_answered(collection: Collection) -> None:
    """The engine's panic, no Exception, is INTERNAL in one line; the next write is made."""
    broken: Any = PanickingShard(collection.shard, "update")
    collection.shard = broken
    with pytest.raises(CallError, match="the engine panicked: index out of bounds") as caught:
        await collection.write(upsert([1]), soon())
    assert caught.value.code.name == "INTERNAL"
    await collection.write(upsert([2]), soon())
    assert 2 in tags(collection)


async def test_a_writer_that_ends_is_begun_again(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody foresaw is logged, and a write that waits is made all the same."""
    monkeypatch.setattr(supervision, "_AGAIN_SECONDS", 0.01)
    write_some = Collection._write_some
    tried = 0

    async def fails_twice(self: Collection) -> None:
        nonlocal tried
        tried += 1
        if tried < 3:
            raise Panic("unforeseen")
        await write_some(self)

    monkeypatch.setattr(Collection, "_write_some", fails_twice)
    assert await collection.write(upsert([1]), soon()) == 1
    assert tried == 3


@pytest.mark.parametrize("error", [Exception("flush failed"), Panic("flush panicked")])
async def test_one_collection_that_cannot_be_closed_leaves_no_other_open(
    tmp_path: Path, error: BaseException
) -> None:
    """All are closed and the folder let go; what was not in order is told in one line."""
    catalogue = opened(tmp_path)
    for name in ("a", "b", "c"):
        catalogue.create(name, config())
        await catalogue.get(name).write(upsert([1]), soon())
    broken: Any = PanickingShard(catalogue.get("a").shard, "")
    broken.flush = failing(error)
    catalogue.get("a").shard = broken
    with pytest.raises(StorageError, match="not closed in order: a;") as caught:
        await catalogue.close()
    assert "\n" not in str(caught.value)
    again = opened(tmp_path)
    assert [tags(each) for each in again.all()] == [{1: "x"}] * 3
    await again.close()


async def test_a_collection_that_does_not_end_is_given_up(tmp_path: Path) -> None:
    """Closing waits for a write under way, but not for ever, and closes the others."""
    catalogue = opened(tmp_path, drain_seconds=0.05)
    for name in ("a", "b"):
        catalogue.create(name, config())
    stuck, other = catalogue.all()
    async with stuck.writing:
        with pytest.raises(StorageError, match="not closed in order: a;"):
            await catalogue.close()
        with pytest.raises(CallError, match="NOT_FOUND"):
            await other.write(upsert([1]), soon())
    await stuck.close()

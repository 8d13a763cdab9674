"""Feeds, and what an endless one's photos are told."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Self

from prometheus_client import CollectorRegistry

from sketchzoo.qdrant import photo_id
from sketchzoo.rpc import CallError, unavailable
from sketchzoo_ingest.feed import Inbox, Listed, Listing, entries_of
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.outcome import Outcome, Reason, Settled
from sketchzoo_ingest.sources import Candidate
from tests.artefacts import picture
from tests.unit.ingest.fakes import (
    Bench,
    FakeCollection,
    FakeEncoder,
    FakeSource,
    listed,
    photos,
)

Told = Settled | CallError


class Service:
    """Feeds an endless pipeline and collects what it is told, by file."""

    def __init__(self, bench: Bench, contents: dict[str, bytes | Reason]) -> None:
        self._bench = bench
        self._source = FakeSource([("", name, content) for name, content in contents.items()])
        self._inbox = Inbox(64)
        self.told: dict[str, list[Told]] = {name: [] for name in contents}
        self._changed = asyncio.Event()

    async def put(self, *names: str) -> None:
        for name in names:
            candidate = Candidate(f"fake://{name}", "", name, name, 1)
            await self._inbox.put(
                Listed(candidate, self._source, lambda t, n=name: self._tell(n, t))
            )

    def _tell(self, name: str, told: Told) -> None:
        self.told[name].append(told)
        self._changed.set()

    async def outcome(self, name: str) -> Told:
        """Wait for the next word on a file."""
        while not self.told[name]:
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), 10)
        return self.told[name].pop(0)

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._bench.pipeline.run(self._inbox))
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._inbox.close()
        await self._running


def bench(encoder: FakeEncoder | None = None) -> Bench:
    return Bench(encoder or FakeEncoder(), FakeCollection(), endless=True)


def outcomes(told: Sequence[Told]) -> list[Outcome]:
    return [each.outcome for each in told if isinstance(each, Settled)]


async def test_listing_has_every_source() -> None:
    """A finite feed yields each source's entries in order, so many at a time, and ends."""
    sources = [FakeSource(photos(3), name="a"), FakeSource(photos(2), name="b")]
    taken: list[str] = []
    with Listing(entries_of(sources), IngestMetrics(CollectorRegistry())) as listing:
        while (some := await listing.next(2)) is not None:
            assert 1 <= len(some) <= 2
            taken += [each.candidate.uri for each in some]
    assert taken == ["a://cat-0.jpg", "a://cat-1.jpg", "a://cat-2.jpg", *taken[3:]]
    assert [uri[:1] for uri in taken] == ["a", "a", "a", "b", "b"]


async def test_inbox_gives_what_is_there() -> None:
    """An inbox waits for one photo and never for a second; it ends behind the last."""
    inbox = Inbox(8)
    waiting = asyncio.create_task(inbox.next(4))
    await asyncio.sleep(0)
    await inbox.put(listed())
    assert len(await waiting or ()) == 1
    for _ in range(3):
        await inbox.put(listed())
    await inbox.close()
    assert [len(await inbox.next(2) or ()) for _ in range(3)] == [2, 1, 0]


async def test_single_photo_goes_on_at_once() -> None:
    """Fed alone, a photo is embedded and written alone; its feeder is told its id."""
    async with Service(bench(), {"a": picture(1), "b": picture(2), "c": b"text"}) as service:
        await service.put("a")
        told = await service.outcome("a")
        assert isinstance(told, Settled)
        assert told.outcome is Outcome.WRITTEN
        await service.put("b", "c")
        assert outcomes([await service.outcome("b")]) == [Outcome.WRITTEN]
        refused = await service.outcome("c")
    assert isinstance(refused, Settled)
    assert refused.refusal is not None
    assert (refused.outcome, refused.refusal.reason) == (Outcome.REFUSED, Reason.NOT_AN_IMAGE)


async def test_batches_fill_under_load() -> None:
    """What waits together is embedded together."""
    encoder = FakeEncoder(seconds=0.01)
    contents: dict[str, bytes | Reason] = {f"{i}": picture(i) for i in range(24)}
    async with Service(bench(encoder), contents) as service:
        await service.put(*contents)
        for name in contents:
            await service.outcome(name)
    assert max(encoder.calls) == 4
    assert len(encoder.calls) <= 8


async def test_same_content_twice_at_once() -> None:
    """The second of two photos with one content finds the first, is embedded once, and stands."""
    run = bench(FakeEncoder(seconds=0.01))
    async with Service(run, {"a": picture(1), "b": picture(1)}) as service:
        await service.put("a", "a", "b")
        assert outcomes([await service.outcome("a")]) == [Outcome.WRITTEN]
        assert outcomes([await service.outcome("a")]) == [Outcome.UNCHANGED]
        assert outcomes([await service.outcome("b")]) == [Outcome.UPDATED]
    [photo] = run.collection.photos.values()
    assert photo.uri == "fake://b"
    assert run.encoder is not None
    assert run.encoder.calls == [1]


async def test_part_that_stays_away_is_told() -> None:
    """Where the encoder stays away, the photo's feeder is told so, and the next is embedded."""
    encoder = FakeEncoder(failures=[unavailable("the encoder", "gone")])
    async with Service(bench(encoder), {"a": picture(1)}) as service:
        await service.put("a")
        told = await service.outcome("a")
        assert isinstance(told, CallError)
        await service.put("a")
        assert outcomes([await service.outcome("a")]) == [Outcome.WRITTEN]


async def test_collection_that_stays_away_is_told() -> None:
    """So it is where Qdrant stays away, be it at the lookup or at the write."""
    run = bench()
    real = {name: getattr(run.collection, name) for name in ("by_uri", "known", "upsert")}

    async def fail(*_: object) -> None:
        raise unavailable("Qdrant", "gone")

    async with Service(run, {"a": picture(1)}) as service:
        for name, works in real.items():
            setattr(run.collection, name, fail)
            await service.put("a")
            assert isinstance(await service.outcome("a"), CallError)
            setattr(run.collection, name, works)
        await service.put("a")
        assert outcomes([await service.outcome("a")]) == [Outcome.WRITTEN]
    assert run.pipeline._budget.held == 0


async def test_unchanged_file_is_not_read() -> None:
    """A file whose uri, size and time the collection has is settled unread; `verify` reads it."""
    read: list[str] = []
    when = datetime(2024, 5, 1, tzinfo=UTC)
    source = FakeSource(photos(3), on_read=read.append, modified_at=when)
    first = Bench(FakeEncoder(), FakeCollection())
    await first.run(source)
    read.clear()
    again = Bench(FakeEncoder(), first.collection)
    await again.run(source)
    assert (read, again.tally.outcomes) == ([], {Outcome.UNCHANGED: 3})
    assert all(again.pipeline.has_seen(p.sha256) for p in first.collection.photos.values())
    verified = Bench(FakeEncoder(), first.collection, verify=True)
    await verified.run(source)
    assert (len(read), verified.tally.outcomes) == (3, {Outcome.UNCHANGED: 3})


async def test_unread_photo_takes_a_new_class() -> None:
    """An unchanged file under another class is updated, neither read nor embedded."""
    read: list[str] = []
    when = datetime(2024, 5, 1, tzinfo=UTC)
    first = Bench(FakeEncoder(), FakeCollection())
    await first.run(FakeSource(photos(1), modified_at=when))
    again = Bench(FakeEncoder(), first.collection)
    [(_, name, content)] = photos(1)
    await again.run(FakeSource([("lion", name, content)], on_read=read.append, modified_at=when))
    assert (read, again.tally.outcomes) == ([], {Outcome.UPDATED: 1})
    [photo] = first.collection.photos.values()
    assert photo.class_name == "lion"


async def test_file_with_new_content_replaces_its_photo() -> None:
    """Where a file's content changed, its old photo goes as the new one comes."""
    first = Bench(FakeEncoder(), FakeCollection())
    await first.run(FakeSource([("cat", "a.jpg", picture(1)), ("cat", "b.jpg", picture(2))]))
    again = Bench(FakeEncoder(), first.collection)
    await again.run(FakeSource([("cat", "a.jpg", picture(3)), ("cat", "b.jpg", picture(2))]))
    assert again.tally.outcomes == {Outcome.WRITTEN: 1, Outcome.UNCHANGED: 1}
    assert len(first.collection.photos) == 2


async def test_replaced_content_that_lies_elsewhere_stays() -> None:
    """Two files that swap their contents keep both photos, each with its own uri."""
    first = Bench(FakeEncoder(), FakeCollection())
    await first.run(FakeSource([("cat", "a.jpg", picture(1)), ("cat", "b.jpg", picture(2))]))
    again = Bench(FakeEncoder(), first.collection)
    await again.run(FakeSource([("cat", "a.jpg", picture(2)), ("cat", "b.jpg", picture(1))]))
    again = Bench(FakeEncoder(), first.collection)
    await again.run(FakeSource([("cat", "a.jpg", picture(5)), ("cat", "b.jpg", picture(2))]))
    kept = {photo.uri: photo.sha256 for photo in first.collection.photos.values()}
    assert sorted(kept) == ["fake://a.jpg", "fake://b.jpg"]
    assert photo_id(kept["fake://a.jpg"]) in first.collection.photos


async def test_file_that_takes_over_another_s_content_leaves_no_ghost() -> None:
    """Where a file has the content of one that is gone, its own old photo goes, too."""
    first = Bench(FakeEncoder(), FakeCollection())
    await first.run(FakeSource([("cat", "a.jpg", picture(1)), ("cat", "b.jpg", picture(2))]))
    again = Bench(FakeEncoder(), first.collection)
    await again.run(FakeSource([("cat", "a.jpg", picture(2))]))
    assert again.tally.outcomes == {Outcome.UPDATED: 1}
    assert [photo.uri for photo in first.collection.photos.values()] == ["fake://a.jpg"]

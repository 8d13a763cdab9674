"""The job with a fake encoder and a real Qdrant, embedded."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from sketchzoo.call_settings import QdrantSettings
from sketchzoo.qdrant import Photo, PhotoWriter, connect
from sketchzoo.rpc import unavailable
from sketchzoo_ingest.job import Job, JobOptions
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.outcome import Outcome, Reason
from sketchzoo_ingest.report import ExitStatus, Report
from sketchzoo_ingest.retry import RetryPolicy
from sketchzoo_ingest.survey import Spared
from sketchzoo_ingest.tally import Tally
from tests.unit.ingest.fakes import MODEL, FakeEncoder, FakeSource, photos, small_limits

OLD = "f" * 16
NEW = "e" * 16


@pytest.fixture
async def writer(qdrant_url: str, alias: str) -> AsyncIterator[PhotoWriter]:
    connection = connect(QdrantSettings(qdrant_url=qdrant_url, qdrant_timeout_seconds=60))
    yield PhotoWriter(connection, alias)
    await connection.close()


async def run(
    writer: PhotoWriter,
    *sources: FakeSource,
    encoder: FakeEncoder | None = None,
    stop: asyncio.Event | None = None,
    **options: Any,
) -> Report:
    metrics = IngestMetrics(CollectorRegistry())
    stop = stop or asyncio.Event()
    given: Any = encoder or FakeEncoder()
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


async def kept(writer: PhotoWriter, fingerprint: str = OLD) -> list[str]:
    found: list[Photo] = [photo async for photo in writer.scroll(writer.name(fingerprint))]
    return sorted(photo.uri.rpartition("/")[2] for photo in found)


def new_model() -> FakeEncoder:
    """Return an encoder with another model."""
    return FakeEncoder(served=replace(MODEL, fingerprint=NEW))


async def test_alias_moves_when_all_is_there(writer: PhotoWriter) -> None:
    """The alias names the collection after the run, and names nothing while it runs."""
    seen: list[str | None] = []
    encoder = FakeEncoder()
    real = encoder.embed

    async def embed(images: Any, timeout_seconds: float) -> Any:
        seen.append(await writer.published())
        return await real(images, timeout_seconds)

    encoder.embed = embed  # type: ignore[method-assign]
    report = await run(writer, FakeSource(photos(6)), encoder=encoder)
    assert (report.status, report.published) == (ExitStatus.DONE, True)
    assert set(seen) == {None}
    assert await writer.published() == report.collection == writer.name(OLD)


async def test_new_model_fills_a_new_collection(writer: PhotoWriter) -> None:
    """Another model's photos lie in a collection of their own; the old one stays whole."""
    await run(writer, FakeSource(photos(6)))
    report = await run(writer, FakeSource(photos(6)), encoder=new_model())
    assert report.replaced == writer.name(OLD)
    assert await writer.published() == report.collection == writer.name(NEW)
    assert len(await kept(writer, OLD)) == len(await kept(writer, NEW)) == 6


async def test_second_run_publishes_nothing(writer: PhotoWriter) -> None:
    """Where the alias names the collection already, it is left alone."""
    await run(writer, FakeSource(photos(3)))
    report = await run(writer, FakeSource(photos(3)))
    assert (report.published, report.outcomes) == (False, {Outcome.UNCHANGED: 3})


async def test_failed_run_keeps_the_old_gallery(writer: PhotoWriter) -> None:
    """When the encoder goes away, status 4 says so and the alias stays where it was."""
    await run(writer, FakeSource(photos(6)))
    encoder = new_model()
    encoder.on_call = lambda: encoder.failures.append(unavailable("the encoder", "x"))
    report = await run(writer, FakeSource(photos(6)), encoder=encoder)
    assert report.status is ExitStatus.PART_AWAY
    assert "the encoder is away" in report.problem
    assert await writer.published() == writer.name(OLD)


async def test_encoder_away_from_the_start(writer: PhotoWriter) -> None:
    """Without an encoder no collection is made."""
    encoder = FakeEncoder(failures=[unavailable("the encoder", "x")])
    report = await run(writer, FakeSource(photos(1)), encoder=encoder)
    assert (report.status, report.collection) == (ExitStatus.PART_AWAY, "")


async def test_interrupted_run_goes_on_later(writer: PhotoWriter) -> None:
    """A stopped run publishes nothing; run again, it embeds only what is missing."""
    stop = asyncio.Event()
    source = FakeSource(photos(60))
    report = await run(writer, source, encoder=FakeEncoder(on_call=stop.set), stop=stop)
    done = report.outcomes[Outcome.WRITTEN]
    assert (report.status, await writer.published()) == (ExitStatus.INTERRUPTED, None)
    assert 0 < done < 60
    report = await run(writer, source)
    assert report.outcomes == {Outcome.UNCHANGED: done, Outcome.WRITTEN: 60 - done}
    assert await writer.published() == writer.name(OLD)


async def test_too_many_refused_is_not_published(writer: PhotoWriter) -> None:
    """More refused photos than allowed: status 3, and the alias stays."""
    bad = [("cat", f"bad-{i}", b"") for i in range(4)]
    source = FakeSource([*photos(3), *bad])
    report = await run(writer, source, max_bad=0.5)
    assert (report.status, await writer.published()) == (ExitStatus.TOO_MANY_REFUSED, None)
    report = await run(writer, source, max_bad=0.6)
    assert (report.status, await writer.published()) == (
        ExitStatus.DONE,
        writer.name(OLD),
    )


async def test_empty_source_is_not_published(writer: PhotoWriter) -> None:
    """No photo at all is status 3: an empty gallery is never published."""
    report = await run(writer, FakeSource([]))
    assert (report.status, report.problem) == (ExitStatus.TOO_MANY_REFUSED, "no photo was found")
    assert await writer.published() is None


async def test_dry_run_changes_nothing(writer: PhotoWriter) -> None:
    """A dry run makes no collection, moves no alias, deletes nothing, and counts all the same."""
    report = await run(writer, FakeSource(photos(3)), dry_run=True, prune=True)
    assert (report.status, report.outcomes) == (ExitStatus.DONE, {Outcome.WRITTEN: 3})
    assert await writer.published() is None
    await run(writer, FakeSource(photos(3)))
    report = await run(writer, FakeSource(photos(2)), dry_run=True, prune=True)
    assert report.pruned == 1
    assert len(await kept(writer)) == 3


async def test_prune_deletes_what_is_gone(writer: PhotoWriter) -> None:
    """Pruning deletes photos whose files are gone from the source."""
    await run(writer, FakeSource(photos(4)))
    report = await run(writer, FakeSource(photos(2)), prune=True)
    assert report.pruned == 2
    assert await kept(writer) == ["cat-0.jpg", "cat-1.jpg"]


async def test_prune_spares_what_was_added_from_elsewhere_meanwhile(
    writer: PhotoWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A photo that the gallery service is sent between looking and deleting stays."""
    await run(writer, FakeSource(photos(4)))
    scroll = writer.scroll

    async def adding(collection: str) -> AsyncIterator[Photo]:
        async for photo in scroll(collection):
            yield photo
            if photo.uri.endswith("-3.jpg"):
                await writer.set_payload(collection, replace(photo, uri="s3://kept/3.jpg"))

    monkeypatch.setattr(writer, "scroll", adding)
    await run(writer, FakeSource(photos(2)), prune=True)
    monkeypatch.undo()
    assert await kept(writer) == ["3.jpg", "cat-0.jpg", "cat-1.jpg"]


async def test_prune_spares_other_roots(writer: PhotoWriter) -> None:
    """What another source brought is not pruned."""
    await run(writer, FakeSource(photos(2)))
    await run(writer, FakeSource(photos(5)[3:], name="other"))
    report = await run(writer, FakeSource(photos(2)[:1]), prune=True)
    assert report.pruned == 1
    assert await kept(writer) == ["cat-0.jpg", "cat-3.jpg", "cat-4.jpg"]


async def test_prune_spares_what_was_refused(writer: PhotoWriter) -> None:
    """A file that cannot be read today is not gone: its photo stays."""
    await run(writer, FakeSource(photos(3)))
    entries = [
        *photos(1),
        ("cat", "cat-1.jpg", Reason.UNREADABLE),
        ("cat", "cat-2.jpg", Reason.NOT_FOUND),
    ]
    report = await run(writer, FakeSource(entries), prune=True, max_bad=1.0)
    assert report.pruned == 0
    assert report.spared == {
        Spared("", "refused this time: unreadable"): 1,
        Spared("", "refused this time: not_found"): 1,
    }
    assert len(await kept(writer)) == 3


async def test_prune_refuses_an_empty_source(writer: PhotoWriter) -> None:
    """A source in which nothing is found is more likely not mounted: it is not pruned."""
    await run(writer, FakeSource(photos(2)), FakeSource(photos(4)[2:], name="other"))
    report = await run(writer, FakeSource([]), FakeSource(photos(4)[2:], name="other"), prune=True)
    assert (report.status, report.pruned) == (ExitStatus.DONE, 0)
    assert report.prune_skipped == {"fake": "nothing was found in it"}
    assert report.spared == {Spared("fake://", "nothing was found in it"): 2}
    assert len(await kept(writer)) == 4


async def test_prune_passes_manifests_over(writer: PhotoWriter) -> None:
    """A source without a root is not pruned, and the report says so."""
    source = FakeSource(photos(2))
    source.root = None
    await run(writer, source)
    source = FakeSource(photos(1))
    source.root = None
    report = await run(writer, source, prune=True)
    assert report.pruned == 0
    assert report.prune_skipped == {"fake": "a manifest does not say which photos were in it once"}


async def test_failed_run_prunes_nothing(writer: PhotoWriter) -> None:
    """Neither a stopped run nor one with too many refused photos prunes."""
    await run(writer, FakeSource(photos(3)))
    stop = asyncio.Event()
    stop.set()
    report = await run(writer, FakeSource(photos(1)), prune=True, stop=stop)
    assert (report.status, report.pruned) == (ExitStatus.INTERRUPTED, 0)
    report = await run(writer, FakeSource([("cat", "x", b"")]), prune=True)
    assert (report.status, report.pruned) == (ExitStatus.TOO_MANY_REFUSED, 0)
    assert len(await kept(writer)) == 3

"""The pipeline with fakes at its contracts."""

import asyncio
import threading
from dataclasses import replace

import pytest

from sketchzoo.images import ImageLimits
from sketchzoo.rpc import CallError, deadline_exceeded, exhausted, unavailable
from sketchzoo_ingest.outcome import Outcome, Reason
from tests.artefacts import picture
from tests.unit.ingest.fakes import (
    Bench,
    FakeCollection,
    FakeEncoder,
    FakeSource,
    photos,
    small_limits,
)


def bench(**values: object) -> Bench:
    return Bench(FakeEncoder(), FakeCollection(), **values)  # type: ignore[arg-type]


def counts(bench: Bench) -> dict[str, int]:
    return {str(outcome): n for outcome, n in bench.tally.outcomes.items() if n}


async def test_every_photo_is_written_once() -> None:
    """Each photo lies in the collection with its own embedding, class, uri and sides."""
    run = bench()
    await run.run(FakeSource(photos(21)))
    assert counts(run) == {"written": 21}
    assert len(run.collection.photos) == 21
    for key, photo in run.collection.photos.items():
        number = int(photo.uri.removeprefix("fake://cat-").removesuffix(".jpg"))
        assert run.collection.vectors[key][0] == len(picture(number))
        assert (photo.class_name, photo.width, photo.height) == ("cat", 64, 48)


async def test_second_run_writes_nothing() -> None:
    """A second run over the same photos embeds and writes nothing."""
    first = bench()
    await first.run(FakeSource(photos(9)))
    second = Bench(FakeEncoder(), first.collection)
    first.collection.upserts.clear()
    await second.run(FakeSource(photos(9)))
    assert counts(second) == {"unchanged": 9}
    assert second.encoder is not None
    assert second.encoder.calls == []
    assert (first.collection.upserts, first.collection.payloads) == ([], [])


async def test_changed_class_replaces_the_payload_only() -> None:
    """A photo under another class keeps its embedding and the time it was first ingested."""
    first = bench()
    await first.run(FakeSource(photos(1)))
    [before] = first.collection.photos.values()
    second = Bench(FakeEncoder(), first.collection)
    await second.run(FakeSource([("lion", "cat-0.jpg", picture(0))]))
    assert counts(second) == {"updated": 1}
    assert second.encoder is not None
    assert second.encoder.calls == []
    assert list(first.collection.photos.values()) == [replace(before, class_name="lion")]


async def test_first_listed_stands_however_reads_end() -> None:
    """Of photos with the same content the one listed first is written, even when read last."""
    content = picture(7)
    entries = [("cat", "first.jpg", content), *photos(6), ("dog", "second.jpg", content)]
    entries += [("cat", "third.jpg", content)]
    collection = FakeCollection(first_lookup_seconds=0.05)
    run = Bench(FakeEncoder(), collection, small_limits(chunk_photos=1))
    await run.run(FakeSource(entries))  # type: ignore[arg-type] # invariant
    assert counts(run) == {"written": 7, "duplicate": 2}
    assert run.tally.reasons == {Reason.DUPLICATE: 1, Reason.DUPLICATE_IN_OTHER_CLASS: 1}
    uris = {photo.uri for photo in collection.photos.values()}
    assert "fake://first.jpg" in uris
    assert not {"fake://second.jpg", "fake://third.jpg"} & uris


async def test_bad_photos_never_stop_the_run() -> None:
    """Bad photos of every kind are counted by reason; the good ones are written."""
    damaged = picture(99)
    entries = [
        *photos(3),
        ("cat", "empty.jpg", b""),
        ("cat", "text.jpg", b"hello"),
        ("cat", "huge.png", picture(0, (600, 500), "PNG")),
        ("cat", "damaged.jpg", damaged),
        ("cat", "gone.jpg", Reason.NOT_FOUND),
    ]
    run = Bench(FakeEncoder(damaged={damaged}), FakeCollection(), small_limits())
    await run.run(FakeSource(entries))  # type: ignore[arg-type] # invariant
    assert counts(run) == {"written": 3, "refused": 5}
    assert run.tally.reasons == {
        Reason.EMPTY: 1,
        Reason.NOT_AN_IMAGE: 1,
        Reason.TOO_LARGE: 1,
        Reason.TRUNCATED: 1,
        Reason.NOT_FOUND: 1,
    }
    spares = run.tally.survey.spares
    assert all(spares(f"fake://{name}.jpg", "fake://") for name in ("empty", "damaged", "gone"))
    assert spares("fake://deleted.jpg", "fake://") is None


async def test_calls_overlap_within_their_limit() -> None:
    """Several calls to the encoder are under way at once, never more than allowed."""
    run = Bench(
        FakeEncoder(seconds=0.02),
        FakeCollection(),
        small_limits(buffer_bytes=10**6, calls_in_flight=3, batch_size=2),
    )
    await run.run(FakeSource(photos(24)))
    assert run.encoder is not None
    assert run.encoder.most_at_once == 3
    assert max(run.encoder.calls) == 2


async def test_waiting_writes_go_together() -> None:
    """While a write is under way, the photos embedded meanwhile are gathered into one."""
    run = Bench(FakeEncoder(), FakeCollection(), small_limits(batch_size=1, calls_in_flight=4))
    await run.run(FakeSource(photos(40)))
    assert sum(run.collection.upserts) == 40
    assert max(run.collection.upserts) <= run.limits.write_batch


async def test_memory_is_bounded() -> None:
    """However slow the encoder, the bytes read and not yet embedded stay in the budget."""
    held: list[int] = []
    limits = small_limits(images=ImageLimits(2000, 512 * 512), buffer_bytes=4000)
    encoder = FakeEncoder(seconds=0.005)
    run = Bench(encoder, FakeCollection(), limits)
    encoder.on_call = lambda: held.append(run.pipeline._budget.held)
    await run.run(FakeSource(photos(40)))
    assert counts(run) == {"written": 40}
    assert max(held) <= 4000
    assert run.pipeline._budget.held == 0


async def test_slow_reads_run_side_by_side() -> None:
    """Photos of unknown size, as urls are, are read several at once."""
    barrier = threading.Barrier(3, timeout=10)

    def meet(name: str) -> None:
        barrier.wait()

    source = FakeSource(photos(3), sizes=False, on_read=meet)
    run = Bench(FakeEncoder(), FakeCollection(), small_limits(buffer_bytes=8 * 4096))
    await run.run(source)
    assert counts(run) == {"written": 3}


async def test_busy_encoder_is_asked_again() -> None:
    """RESOURCE_EXHAUSTED and UNAVAILABLE cost time, and no photo."""
    run = bench(retry_seconds=10.0)
    assert run.encoder is not None
    run.encoder.failures = [exhausted("full", 0.01), unavailable("the encoder", "gone")]
    await run.run(FakeSource(photos(4)))
    assert counts(run) == {"written": 4}


async def test_photos_that_together_take_too_long_go_one_by_one() -> None:
    """A few that take the encoder seconds each do not fail the run with their batch."""
    run = bench()
    assert run.encoder is not None
    run.encoder.failures = [deadline_exceeded("waiting for the model")]
    await run.run(FakeSource(photos(3)))
    assert counts(run) == {"written": 3}
    # After a plain picture, which tells that the encoder answers at all.
    assert run.encoder.calls == [3, 1, 1, 1, 1]


async def test_lasting_failure_ends_the_run() -> None:
    """When a part stays away the run ends with its error; what was written stays."""
    run = bench()
    assert run.encoder is not None
    run.encoder.on_call = lambda: (
        run.encoder.failures.append(  # type: ignore[union-attr]
            unavailable("the encoder", "gone")
        )
        if len(run.encoder.calls) > 3
        else None
    )  # type: ignore[union-attr]
    with pytest.raises(CallError, match="the encoder is away"):
        await run.run(FakeSource(photos(400)))
    assert len(run.collection.photos) == run.tally.outcomes[Outcome.WRITTEN] < 400


async def test_stop_finishes_what_was_begun() -> None:
    """After `stop` nothing more is listed; all that was listed meets its outcome."""
    run = bench()
    assert run.encoder is not None
    run.encoder.on_call = run.stop.set
    await run.run(FakeSource(photos(400)))
    assert 0 < run.tally.settled < 400
    assert run.tally.settled == len(run.collection.photos)


async def test_without_an_encoder_nothing_is_written() -> None:
    """A dry run counts what would be written and updated, and writes nothing."""
    collection = FakeCollection()
    run = Bench(None, collection)
    await run.run(FakeSource(photos(5)))
    assert counts(run) == {"written": 5}
    assert (collection.photos, run.pipeline._budget.held) == ({}, 0)


async def test_sources_follow_one_another() -> None:
    """Several sources are one gallery: content seen in the first is a duplicate in the second."""
    run = bench()
    await run.run(FakeSource(photos(3), name="a"), FakeSource(photos(5), name="b"))
    assert counts(run) == {"written": 5, "duplicate": 3}


async def test_metrics_say_what_happened() -> None:
    """The metrics have the outcomes, the reasons, the bytes and the times."""
    run = bench()
    await run.run(FakeSource([*photos(3), ("cat", "x", b"")]))
    value = run.registry.get_sample_value
    assert value("sketchzoo_ingest_photos_total", {"outcome": "written"}) == 3
    assert value("sketchzoo_ingest_photos_total", {"outcome": "updated"}) == 0
    assert value("sketchzoo_ingest_refused_total", {"reason": "empty"}) == 1
    assert value("sketchzoo_ingest_read_bytes_total") == sum(len(picture(i)) for i in range(3))
    assert value("sketchzoo_ingest_buffer_bytes") == 0
    assert (value("sketchzoo_ingest_stage_seconds_count", {"stage": "encode"}) or 0) >= 1


async def test_cancelling_ends_every_task() -> None:
    """A cancelled run leaves no task behind."""
    before = asyncio.all_tasks()
    run = Bench(FakeEncoder(seconds=60), FakeCollection())
    running = asyncio.create_task(run.run(FakeSource(photos(40))))
    await asyncio.sleep(0.1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert asyncio.all_tasks() == before

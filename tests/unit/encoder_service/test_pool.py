"""The worker pool, with a runtime that the test holds."""

import asyncio
import re
import threading
import time

import numpy as np
import pytest

from encoder_service.pool import RefusedError
from encoder_service.runtimes.base import DeviceError
from encoder_service.watchdog import BrokenError
from encoder_service.work import DeadlinePassedError, NoEmbeddingError
from sketchzoo.group.ledger import Ledger
from sketchzoo.images import ImageError, Modality, decode
from tests.unit.encoder_service.bench import BROKEN, PHOTO, SKETCH, Bench, bench, held, until


async def test_each_image_gets_its_vector_in_order(either: Bench) -> None:
    """Vectors are packed little-endian float32, in the order of the call."""
    outcomes = await either.start(PHOTO, SKETCH, SKETCH, PHOTO)
    firsts = [np.frombuffer(o, "<f4")[0] for o in outcomes if isinstance(o, bytes)]
    assert firsts == [1, 0, 0, 1]
    assert either.count("images_total", modality="sketch", outcome="ok") == 2
    assert either.count("batch_size_sum") == 4


async def test_a_bad_image_spares_the_others(either: Bench) -> None:
    """One image's fault is its own outcome."""
    good, bad, other = await either.start(PHOTO, BROKEN, SKETCH)
    assert isinstance(good, bytes)
    assert isinstance(bad, ImageError)
    assert isinstance(other, bytes)
    assert either.count("images_total", modality="photo", outcome="not_an_image") == 1


async def test_whatever_an_image_does_to_the_decoder_is_that_images_fault(
    either: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decoders raise errors of any kind; none gets further than the image's outcome."""

    def explode(content: bytes, *_: object) -> None:
        raise ZeroDivisionError(content[:2])

    monkeypatch.setattr("encoder_service.pool.decode", explode)
    (outcome,) = await either.start(PHOTO)
    assert isinstance(outcome, ImageError)
    assert "could not be decoded" in str(outcome)


async def test_a_cancelled_call_never_reaches_the_model(either: Bench) -> None:
    """All its images are dropped and counted, those in the queue and those prepared."""
    first = await held(either)
    second = either.start(PHOTO, SKETCH, PHOTO)
    await asyncio.sleep(0)  # queued now; and with batches soon prepared
    await until(lambda: either.count("queue_length") == (3 if either.runtime.max_batch == 1 else 0))
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    either.runtime.gate.set()
    await first
    await until(lambda: either.dropped("cancelled") == 3)
    assert either.runtime.images == 1


async def test_an_overdue_call_never_reaches_the_model(either: Bench) -> None:
    """Its deadline passes in the queue: it is told so, and the model never sees it."""
    first = await held(either)
    second = either.start(PHOTO, SKETCH, seconds=0.01)
    await asyncio.sleep(0.05)
    either.runtime.gate.set()
    with pytest.raises(DeadlinePassedError):
        await second
    await first
    await until(lambda: either.dropped("deadline") == 2)
    assert either.runtime.images == 1


async def test_a_full_queue_refuses_with_a_time_to_come_back() -> None:
    """What has no place is refused at once and counted, image by image."""
    with bench(queue_calls=2) as made:
        first = await held(made)
        waiting = [made.start(PHOTO), made.start(SKETCH)]
        await until(lambda: made.count("queue_length") == 2)
        with pytest.raises(RefusedError) as caught:
            await made.start(PHOTO)
        assert 0 < caught.value.retry_seconds <= 10
        assert made.dropped("queue_full") == 1
        made.runtime.gate.set()
        await asyncio.gather(first, *waiting)
        await made.start(PHOTO)


async def test_a_failure_of_the_model_fails_its_calls_only(either: Bench) -> None:
    """The workers go on; the next call is answered."""
    either.runtime.error = RuntimeError("out of memory")
    with pytest.raises(RuntimeError, match="out of memory"):
        await either.start(PHOTO, SKETCH)
    either.runtime.error = None
    (outcome,) = await either.start(PHOTO)
    assert isinstance(outcome, bytes)


async def test_an_embedding_that_is_not_finite_is_not_given_out(either: Bench) -> None:
    """Half precision can overflow: better no embedding than one that poisons a gallery."""
    either.runtime.value = float("nan")
    (outcome,) = await either.start(PHOTO)
    assert isinstance(outcome, NoEmbeddingError)
    assert either.count("images_total", modality="photo", outcome="not_finite") == 1


async def test_a_device_that_failed_fails_its_calls_and_all_after_them(either: Bench) -> None:
    """The call under way is told what the next one is: the model runs no more."""
    either.runtime.error = DeviceError("cuda:0: an illegal memory access was encountered")
    for _ in range(2):
        with pytest.raises(BrokenError, match="illegal memory access"):
            await either.start(PHOTO)
    assert either.runtime.images == 1
    assert await either.watchdog.watch() == "cuda:0: an illegal memory access was encountered"


async def test_what_waits_for_a_broken_model_is_failed(either: Bench) -> None:
    """The calls of a run that never ends, and of those behind it, need not wait for it."""
    calls = [await held(either), either.start(PHOTO, SKETCH)]
    await asyncio.sleep(0)  # queued now
    either.watchdog.broke("it hangs")
    either.pool.fail("it hangs")
    for call in calls:
        with pytest.raises(BrokenError, match="it hangs"):
            await call


async def test_a_thread_that_dies_breaks_the_encoder(either: Bench) -> None:
    """What no thread survives ends the process, rather than that calls wait for nobody."""
    either.runtime.error = SystemExit("gone")  # type: ignore[assignment] # no Exception: nothing catches it
    call = either.start(PHOTO)
    reason = await either.watchdog.watch()
    assert re.fullmatch(r"the thread (encode|batch)-0 died: SystemExit\('gone'\)", reason)
    either.pool.fail(reason)
    with pytest.raises(BrokenError):
        await call


async def test_the_seconds_of_a_call_are_sums_over_its_images() -> None:
    """Time held in the model shows as encode, time behind it as queue."""
    with bench() as made:
        first = await held(made)
        second = asyncio.create_task(made.pool.embed([PHOTO, PHOTO], time.monotonic() + 30))
        await asyncio.sleep(0.05)
        made.runtime.gate.set()
        await first
        seconds = (await second).seconds
        assert seconds.queue >= 0.1
        assert seconds.decode > 0
        assert seconds.encode > 0


async def test_images_of_many_calls_share_a_batch() -> None:
    """What arrives while the model runs goes in one run, each modality in its own."""
    with bench(4, queue_calls=8) as made:
        first = await held(made)
        others = [made.start(PHOTO), made.start(SKETCH), made.start(PHOTO), made.start(PHOTO)]
        await asyncio.sleep(0)  # queued now
        await until(lambda: made.count("queue_length") == 0 and made.count("busy_workers") == 0)
        made.runtime.gate.set()
        await asyncio.gather(first, *others)
        assert sorted(made.runtime.batches[1:]) == [(Modality.PHOTO, 3), (Modality.SKETCH, 1)]


async def test_a_batch_never_exceeds_its_limit() -> None:
    """More images than a batch holds take several runs."""
    with bench(4, workers=2) as made:
        await made.start(*[PHOTO] * 21)
        assert made.runtime.images == 21
        assert max(size for _, size in made.runtime.batches) <= 4


async def test_an_image_alone_does_not_wait_for_others() -> None:
    """None is on its way: the batch goes though it might wait an hour."""
    with bench(4, max_delay_seconds=3600) as made:
        async with asyncio.timeout(20):
            await made.start(PHOTO)
            await made.start(SKETCH)
        assert made.runtime.batches == [(Modality.PHOTO, 1), (Modality.SKETCH, 1)]


async def test_a_batch_waits_for_images_of_its_modality_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A sketch that is being prepared holds no photo up."""
    preparing, go_on = threading.Event(), threading.Event()

    def waiting(content: bytes, *arguments: object, **named: object) -> object:
        if content == SKETCH.content:
            preparing.set()
            assert go_on.wait(30)
        return decode(content, *arguments, **named)  # type: ignore[arg-type] # as it was called

    monkeypatch.setattr("encoder_service.pool.decode", waiting)
    with bench(4, workers=2, max_delay_seconds=3600) as made:
        sketch = made.start(SKETCH)
        await until(preparing.is_set)
        async with asyncio.timeout(20):
            await made.start(PHOTO)
        go_on.set()
        await sketch


async def test_a_batch_waits_for_no_image_that_will_not_come() -> None:
    """One that is refused, and those of a call that was cancelled in the queue."""
    with bench(4, max_delay_seconds=3600) as made:
        async with asyncio.timeout(20):
            await made.start(PHOTO, BROKEN)
            first = await held(made)
            second, third = made.start(SKETCH, PHOTO), made.start(*[PHOTO] * 30)
            await until(lambda: made.count("queue_length") < 32 and not third.done())
            third.cancel()
            made.runtime.gate.set()
            await asyncio.gather(first, second)


def test_an_encoder_without_workers_is_refused() -> None:
    """Nothing would ever be answered."""
    with pytest.raises(ValueError, match="workers must be at least 1"):
        Bench(workers=0)


async def test_an_image_that_comes_alone_may_take_every_core() -> None:
    """Alone is said of an image that no other waits or works beside, and of no other."""
    with bench(workers=2) as made:
        await made.start(PHOTO)
        await made.idle()
        assert made.runtime.alone == [True]
        made.runtime.gate.clear()
        first = made.start(PHOTO)
        await until(lambda: len(made.runtime.alone) == 2)
        second = made.start(PHOTO)
        await until(lambda: len(made.runtime.alone) == 3)
        made.runtime.gate.set()
        await asyncio.gather(first, second)
        assert made.runtime.alone == [True, True, False]


@pytest.mark.parametrize(("seconds", "alone"), [(0, True), (3600, False)])
async def test_where_images_met_the_next_takes_one_core_for_a_while(
    *, seconds: int, alone: bool
) -> None:
    """Two runs on every core would hold each other up, so a meeting is taken for a sign."""
    with bench(workers=2, alone_after_seconds=seconds) as made:
        for images in ([PHOTO], [PHOTO, PHOTO, PHOTO], [PHOTO]):
            await made.start(*images)
            await made.idle()
        assert made.runtime.alone[0]
        assert made.runtime.alone[-1] is alone


async def test_every_call_has_its_answer_whoever_leaves_the_queue() -> None:
    """Answers are handed over several at a time while calls wait; none is left behind."""
    with bench(workers=2, queue_calls=16) as made:
        first = await held(made)
        calls = [made.start(PHOTO) for _ in range(9)]
        await until(lambda: made.count("queue_length") == 8)
        made.runtime.gate.set()
        for call in calls[4:]:
            call.cancel()
        answers = await asyncio.wait_for(asyncio.gather(first, *calls[:4]), 10)
        assert all(isinstance(outcome, bytes) for (outcome,) in answers)


@pytest.mark.parametrize(("seconds", "alone"), [(0, True), (3600, False)])
async def test_an_image_is_alone_where_no_process_of_its_group_has_another(
    *, seconds: int, alone: bool
) -> None:
    """Nor has one met another anywhere of late."""
    ledger = Ledger.create(2)
    with (
        bench(alone_after_seconds=seconds, counts=ledger.of(0)) as made,
        bench(alone_after_seconds=seconds, counts=ledger.of(1)) as other,
    ):
        first = await held(made)
        await other.start(PHOTO)
        assert other.runtime.alone == [False]
        made.runtime.gate.set()
        await first
        await made.idle()
        await other.idle()
        await made.start(PHOTO)
        assert made.runtime.alone == [True, alone]
    ledger.close()


@pytest.mark.parametrize(
    ("pace", "waiting", "follow"), [(0.005, 3, True), (0.005, 2, False), (0.5, 3, False)]
)
async def test_answers_wait_for_others_that_come_soon_alone(
    pace: float,
    waiting: int,
    follow: bool,  # noqa: FBT001 - a parameter
) -> None:
    """More images wait than there are workers, and the model is no slow one."""
    with bench(workers=2) as made:
        calls = [await held(made)]
        calls.append(made.start(PHOTO))
        await until(lambda: len(made.runtime.batches) == 2)
        calls += [made.start(PHOTO) for _ in range(waiting)]
        await until(lambda: made.count("queue_length") == waiting)
        made.pool._pace.seconds = pace
        assert made.pool._others_follow() is follow
        made.runtime.gate.set()
        await asyncio.gather(*calls)

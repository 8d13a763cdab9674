"""The encoder, with a runtime that the test holds."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from encoder_service.encoder import Encoder, RefusedError
from encoder_service.metrics import EncoderMetrics
from encoder_service.work import AbandonedError, DeadlinePassedError, ImageFile
from sketchzoo.images import GivenUpError, ImageError, ImageLimits, Modality
from tests.artefacts import picture
from tests.hostile_images import HOSTILE
from tests.unit.encoder_service.fakes import PREPROCESSING, FakeRuntime

PHOTO = ImageFile(picture(1), Modality.PHOTO)
SKETCH = ImageFile(picture(2), Modality.SKETCH)
BROKEN = ImageFile(b"no image", Modality.PHOTO)


class Bench:
    """An encoder, its runtime and its metrics."""

    def __init__(
        self,
        max_batch: int = 1,
        *,
        workers: int = 1,
        queue_calls: int = 4,
        alone_after_seconds: int = 0,
        limits: ImageLimits | None = None,
    ) -> None:
        self.runtime = FakeRuntime(max_batch)
        self.registry = CollectorRegistry()
        self.encoder = Encoder(
            self.runtime,
            PREPROCESSING,
            EncoderMetrics(self.registry),
            workers=workers,
            queue_calls=queue_calls,
            max_delay_seconds=0.2 if max_batch > 1 else 0,
            alone_after_seconds=alone_after_seconds,
            limits=limits,
        )

    def start(self, *images: ImageFile, seconds: float = 30) -> "asyncio.Task[list[object]]":
        async def run() -> list[object]:
            embeddings = await self.encoder.embed(images, time.monotonic() + seconds)
            return list(embeddings.outcomes)

        return asyncio.create_task(run())

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"sketchzoo_encoder_{name}", labels) or 0.0

    async def idle(self) -> None:
        """Wait until no worker holds an image: an answer comes a moment before that."""
        await until(lambda: not self.count("busy_workers"))

    def dropped(self, reason: str) -> float:
        return self.count("dropped_total", reason=reason)


@contextmanager
def bench(max_batch: int = 1, **options: Any) -> Iterator[Bench]:
    made = Bench(max_batch, **options)
    with made.encoder:
        try:
            yield made
        finally:
            made.runtime.gate.set()


@pytest.fixture(params=[1, 4], ids=["one by one", "in batches"])
async def either(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    with bench(request.param) as made:
        yield made


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the conditions lie in other threads
            await asyncio.sleep(0.002)


async def held(made: Bench) -> "asyncio.Task[list[object]]":
    """Close the gate and wait until an image stands in the model."""
    made.runtime.gate.clear()
    made.runtime.begun.clear()
    task = made.start(PHOTO)
    await until(made.runtime.begun.is_set)
    return task


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

    monkeypatch.setattr("encoder_service.encoder.decode", explode)
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


class Endless:
    """A decoder that ends only when it is told that nobody waits."""

    def __init__(self) -> None:
        self.begun = threading.Event()

    def __call__(self, content: bytes, limits: ImageLimits, unwanted: Callable[[], bool]) -> None:
        self.begun.set()
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if unwanted():
                raise GivenUpError
            time.sleep(0.001)


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endless]:
    """Decode what comes as Endless does."""
    decoder = Endless()
    with monkeypatch.context() as patched:
        patched.setattr("encoder_service.encoder.decode", decoder)
        yield decoder


async def test_a_cancelled_calls_image_is_decoded_no_further(
    either: Bench, endless: Endless
) -> None:
    """The worker is free for others at once; what was not decoded is counted as dropped."""
    task = either.start(PHOTO, SKETCH)
    await until(endless.begun.is_set)
    task.cancel()
    async with asyncio.timeout(10):
        await either.idle()
        await until(lambda: either.dropped("cancelled") == 2)


async def test_an_overdue_calls_image_is_decoded_no_further(
    either: Bench, endless: Endless
) -> None:
    """The call is told at its deadline, by the worker that holds its image."""
    async with asyncio.timeout(10):
        with pytest.raises(DeadlinePassedError):
            await either.start(PHOTO, seconds=0.05)
        await either.idle()
    assert endless.begun.is_set()
    assert either.dropped("deadline") == 1


async def test_an_encoder_closes_though_images_are_being_decoded(endless: Endless) -> None:
    """What is under way and what waits is given up; leaving takes no longer than a moment."""
    with bench() as made:
        under_way, waiting = made.start(PHOTO), made.start(PHOTO, SKETCH)
        await until(endless.begun.is_set)
        start = time.monotonic()
    assert time.monotonic() - start < 10
    for call in (under_way, waiting):
        with pytest.raises(AbandonedError):
            await call


async def test_an_image_that_takes_too_long_is_that_images_fault() -> None:
    """It is refused with the reason, and the others of its call are embedded."""
    with bench(limits=ImageLimits(max_seconds=0.1)) as made:
        slow = ImageFile(HOSTILE["a GIF of 4,000,000 blocks"](), Modality.SKETCH)
        good, bad, other = await made.start(PHOTO, slow, SKETCH)
    assert isinstance(good, bytes)
    assert isinstance(bad, ImageError)
    assert bad.reason == "too_slow"
    assert isinstance(other, bytes)
    assert made.count("images_total", modality="sketch", outcome="too_slow") == 1


async def test_an_embedding_that_is_not_finite_is_not_given_out(either: Bench) -> None:
    """Half precision can overflow: better no embedding than one that poisons a gallery."""
    either.runtime.value = float("nan")
    (outcome,) = await either.start(PHOTO)
    assert isinstance(outcome, ImageError)


async def test_the_seconds_of_a_call_are_sums_over_its_images() -> None:
    """Time held in the model shows as encode, time behind it as queue."""
    with bench() as made:
        first = await held(made)
        second = asyncio.create_task(made.encoder.embed([PHOTO, PHOTO], time.monotonic() + 30))
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

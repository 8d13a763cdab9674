"""Images that nobody waits for any more, or that take too long, free their worker."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from encoder_service.work import AbandonedError, DeadlinePassedError, ImageFile
from sketchzoo.images import GivenUpError, ImageError, ImageLimits, Modality
from tests.hostile_images import HOSTILE
from tests.unit.encoder_service.bench import PHOTO, SKETCH, Bench, bench, until


class Endless:
    """A decoder that ends only when it is told that nobody waits."""

    def __init__(self) -> None:
        self.begun = threading.Event()

    def __call__(
        self, content: bytes, limits: ImageLimits, unwanted: Callable[[], bool], *, enough: int
    ) -> None:
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
        patched.setattr("encoder_service.pool.decode", decoder)
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

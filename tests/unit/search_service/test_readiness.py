"""Readiness: when the service says it can answer."""

import asyncio
from typing import Any

import grpc
import pytest
from prometheus_client import CollectorRegistry

from search_service.encoders import Encoders
from search_service.metrics import SearchMetrics
from search_service.readiness import CheckTimes, Readiness
from sketchzoo.encoder_client import EncoderModel
from sketchzoo.qdrant import Gallery
from sketchzoo.rpc import CallError, deadline_exceeded, exhausted, precondition, unavailable

MODEL = EncoderModel("zoo", "a", 8, 0.5)
GALLERY = Gallery("photos-a", "a", 8)


class Parts:
    """An encoder and a reader that answer what the test says."""

    def __init__(self) -> None:
        self.model_answer: Any = MODEL
        self.gallery_answer: Any = GALLERY
        self.heard: list[bool] = []

    async def model(self, timeout_seconds: float) -> Any:
        return _given(self.model_answer)

    async def current(self, timeout_seconds: float | None = None) -> Any:
        return _given(self.gallery_answer)

    async def hear(self, ready: bool) -> None:  # noqa: FBT001 - the callback's form
        self.heard.append(ready)


def _given(answer: Any) -> Any:
    if isinstance(answer, BaseException):
        raise answer
    return answer


@pytest.fixture
def parts() -> Parts:
    return Parts()


@pytest.fixture
def readiness(parts: Parts) -> Readiness:
    metrics = SearchMetrics(CollectorRegistry())
    pair: Any = parts
    encoders = Encoders(["encoder:1"], lambda _: pair, metrics)
    return Readiness(encoders, pair, metrics, CheckTimes(), parts.hear)


async def look(readiness: Readiness) -> CallError | None:
    try:
        await readiness.look_again()
        readiness.require()
    except CallError as error:
        return error
    return None


async def test_is_not_ready_before_it_has_looked(readiness: Readiness) -> None:
    """At first the encoder counts as away."""
    assert not readiness.ready
    with pytest.raises(CallError) as caught:
        readiness.require()
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE


async def test_is_ready_when_model_and_gallery_match(readiness: Readiness, parts: Parts) -> None:
    """Both there and of one fingerprint: ready, and told once."""
    for _ in range(3):
        assert await look(readiness) is None
    assert readiness.require().gallery == GALLERY
    assert readiness.require().model == MODEL
    assert parts.heard == [True]


@pytest.mark.parametrize(
    ("model", "gallery", "code"),
    [
        (EncoderModel("zoo", "b", 8, 0), GALLERY, "FAILED_PRECONDITION"),
        (EncoderModel("zoo", "a", 9, 0), GALLERY, "FAILED_PRECONDITION"),
        (unavailable("the encoder", "gone"), GALLERY, "UNAVAILABLE"),
        (MODEL, unavailable("Qdrant", "gone"), "UNAVAILABLE"),
        (MODEL, precondition("NO_GALLERY", "ingest first"), "FAILED_PRECONDITION"),
        (MODEL, ValueError("a bug"), "UNAVAILABLE"),
        (deadline_exceeded("waiting"), GALLERY, "UNAVAILABLE"),
    ],
)
async def test_says_why_it_is_not_ready(
    readiness: Readiness, parts: Parts, model: Any, gallery: Any, code: str
) -> None:
    """What is missing is what searches fail with."""
    parts.model_answer, parts.gallery_answer = model, gallery
    error = await look(readiness)
    assert error is not None
    assert error.code.name == code
    assert parts.heard == []


async def test_tells_when_it_is_not_ready_any_more_and_again(
    readiness: Readiness, parts: Parts
) -> None:
    """Health hears of each change, once."""
    await look(readiness)
    parts.model_answer = unavailable("the encoder", "gone")
    await look(readiness)
    await look(readiness)
    parts.model_answer = MODEL
    await look(readiness)
    assert parts.heard == [True, False, True]


async def test_a_slow_answer_once_is_no_absence(readiness: Readiness, parts: Parts) -> None:
    """A busy part may miss one look; missing two in a row it is away."""
    await look(readiness)
    parts.model_answer = deadline_exceeded("waiting for the encoder")
    assert await look(readiness) is None
    error = await look(readiness)
    assert error is not None
    assert error.code is grpc.StatusCode.UNAVAILABLE


async def test_a_full_encoder_is_there(readiness: Readiness, parts: Parts) -> None:
    """An encoder that refuses for overload keeps the service ready."""
    await look(readiness)
    parts.model_answer = exhausted("the queue is full", 0.1)
    assert await look(readiness) is None
    assert readiness.ready


async def test_photos_can_be_looked_at_while_the_encoder_is_away(
    readiness: Readiness, parts: Parts
) -> None:
    """The gallery's collection is known without a model, and forgotten with its alias."""
    parts.model_answer = unavailable("the encoder", "gone")
    await look(readiness)
    assert readiness.gallery().collection == "photos-a"
    parts.gallery_answer = precondition("NO_GALLERY", "ingest first")
    await look(readiness)
    with pytest.raises(CallError):
        readiness.gallery()


async def test_watches_until_it_is_cancelled(parts: Parts) -> None:
    """The watcher sees what changes, whatever happens in between."""
    pair: Any = parts
    parts.gallery_answer = RuntimeError("a bug")
    metrics = SearchMetrics(CollectorRegistry())
    encoders = Encoders(["encoder:1"], lambda _: pair, metrics)
    readiness = Readiness(encoders, pair, metrics, CheckTimes(0.01, 0.01, 1), parts.hear)
    watching = asyncio.create_task(readiness.watch())
    await asyncio.sleep(0.05)
    parts.gallery_answer = GALLERY
    while not readiness.ready:  # noqa: ASYNC110 - what is tested is that it comes
        await asyncio.sleep(0.005)
    watching.cancel()
    await asyncio.wait([watching])
    assert parts.heard == [True]

"""A new model comes and goes while people search: docs/operations/upgrade-model.md, done."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from sketchzoo.client import AsyncClient, SearchError, Unavailable
from sketchzoo.model import ModelArtefact
from tests.artefacts import EncoderProcess, encoder_process, picture, tiny_model
from tests.contract.embedded_qdrant.server_process import ServerProcess
from tests.integration.search_service.stack import SearchProcess, search_process, write_photos

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

RATE = 50.0
# A machine that can't carry the rate has so many under way, rather than ever more.
MOST_UNDER_WAY = 16
PHOTOS = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """When a search began and ended, in monotonic seconds, and the model or error that it told."""

    began: float
    ended: float
    told: str


@dataclass(slots=True)
class Stream:
    """Searches that begin at a rate, if the machine carries it; none is tried again."""

    target: str
    answers: list[Answer] = field(default_factory=list)
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_UNDER_WAY))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Search while the context is open, and hear of what is under way at its end."""
        async with AsyncClient(self.target, timeout=30, retries=0) as client:
            beginning = asyncio.create_task(self._begin(client))
            try:
                yield
            finally:
                beginning.cancel()
                await asyncio.wait([beginning])

    async def until(self, reached: Callable[[Answer], bool], times: int = 40) -> None:
        """Wait for so many answers, from now on, of which that is true."""
        start = len(self.answers)
        async with asyncio.timeout(60):
            while sum(map(reached, self.answers[start:])) < times:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.02)

    async def _begin(self, client: AsyncClient) -> None:
        next_at = time.monotonic()
        async with asyncio.TaskGroup() as searches:
            try:
                for number in count():
                    await self.places.acquire()
                    next_at = max(next_at + 1 / RATE, time.monotonic())
                    await asyncio.sleep(next_at - time.monotonic())
                    searches.create_task(self._search(client, number))
            except asyncio.CancelledError:
                return  # what has begun is waited for

    async def _search(self, client: AsyncClient, number: int) -> None:
        began = time.monotonic()
        try:
            told = (await client.search(picture(number))).model_fingerprint
        except SearchError as error:
            told = repr(error)
        self.answers.append(Answer(began, time.monotonic(), told))
        self.places.release()


async def sketchzoo(*arguments: object, **environment: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sketchzoo",
        *map(str, arguments),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A stack that serves the old model, and an encoder of the new one beside it."""

    old: ModelArtefact
    new: ModelArtefact
    encoders: tuple[EncoderProcess, EncoderProcess]
    qdrant_url: str
    photos: Path
    search: SearchProcess

    async def ingest(self, encoder: EncoderProcess, *options: str) -> None:
        await sketchzoo(
            "ingest",
            self.photos,
            *options,
            SKETCHZOO_ENCODER_TARGET=encoder.target,
            SKETCHZOO_QDRANT_URL=self.qdrant_url,
        )

    async def gallery(self, command: str, *arguments: str) -> None:
        await sketchzoo("gallery", command, *arguments, SKETCHZOO_QDRANT_URL=self.qdrant_url)


@asynccontextmanager
async def upgrade(folder: Path) -> AsyncIterator[Upgrade]:
    with ExitStack() as scope:
        old = tiny_model(folder / "old", name="old", seed=1)
        new = tiny_model(folder / "new", name="new", seed=2, dimension=16)
        write_photos(folder / "photos", PHOTOS)
        qdrant = scope.enter_context(ServerProcess(folder / "storage"))
        url = f"http://127.0.0.1:{qdrant.port}"
        first, second = (scope.enter_context(encoder_process(each.folder)) for each in (old, new))
        search = scope.enter_context(
            search_process(
                first.target,
                url,
                encoder_targets=second.target,
                # What is measured is the switch: a slow machine refuses nothing for being slow.
                max_wait_seconds=30,
                max_concurrent_searches=250,
            )
        )
        made = Upgrade(old, new, (first, second), url, folder / "photos", search)
        await made.ingest(first)
        await asyncio.to_thread(search.wait_serving)
        yield made


async def test_a_model_comes_and_goes_without_a_failed_search(tmp_path: Path) -> None:
    """Ingest publishes the new model, rollback the old one: each search is answered by either.

    The model in the answers changes once each way: no search that began after an answer of the
    model that came is answered by the one that went.
    """
    async with upgrade(tmp_path) as stack:
        old, new = stack.old.fingerprint, stack.new.fingerprint
        stream = Stream(stack.search.target)
        async with stream.running():
            await stream.until(lambda answer: answer.told == old)
            await stack.ingest(stack.encoders[1])
            await stream.until(lambda answer: answer.told == new)
            back = time.monotonic()
            await stack.gallery("rollback")
            await stream.until(lambda answer: answer.told == old)
    failed = [each.told for each in stream.answers if each.told not in (old, new)]
    assert failed == []
    ways = (
        (new, [each for each in stream.answers if each.began < back]),
        (old, [each for each in stream.answers if each.began >= back]),
    )
    for came, answers in ways:
        first = min(each.ended for each in answers if each.told == came)
        after = {each.told for each in answers if each.began > first}
        assert after == {came}


async def test_a_gallery_waits_for_its_own_encoder_alone(tmp_path: Path) -> None:
    """A collection that was not published is, in one command, when the old encoder has died."""
    async with upgrade(tmp_path) as stack:
        await stack.ingest(stack.encoders[1], "--no-publish")
        async with AsyncClient(stack.search.target, timeout=30, retries=0) as client:
            assert (await client.search(picture(1))).model_fingerprint == stack.old.fingerprint
            stack.encoders[0].process.kill()
            await asyncio.to_thread(stack.search.wait_serving, state=False)
            with pytest.raises(Unavailable):
                await client.search(picture(2))
            await stack.gallery("publish", stack.new.fingerprint)
            await asyncio.to_thread(stack.search.wait_serving)
            assert (await client.search(picture(2))).model_fingerprint == stack.new.fingerprint

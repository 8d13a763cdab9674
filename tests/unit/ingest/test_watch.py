"""Following a real folder, with the encoder and Qdrant as fakes in this process."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from sketchzoo.qdrant import Photo
from sketchzoo_ingest import changes
from sketchzoo_ingest import watch as watch_module
from sketchzoo_ingest.job import Job, JobOptions
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.part import is_there
from sketchzoo_ingest.retry import RetryPolicy
from sketchzoo_ingest.sources import FolderSource
from sketchzoo_ingest.tally import Tally
from sketchzoo_ingest.watch import Watch
from tests.artefacts import picture
from tests.unit.ingest.fakes import MODEL, FakeCollection, FakeEncoder, small_limits


class FakeWriter:
    """Collections in memory, and which of them searches see: in order, each that they saw."""

    def __init__(self) -> None:
        self.collections: dict[str, FakeCollection] = {}
        self.seen: list[str] = []

    def name(self, fingerprint: str) -> str:
        return f"photos-{fingerprint}"

    async def open(self, fingerprint: str, dimension: int) -> str:
        self.collections.setdefault(self.name(fingerprint), FakeCollection())
        return self.name(fingerprint)

    async def published(self) -> str | None:
        return self.seen[-1] if self.seen else None

    async def publish(self, collection: str) -> None:
        self.seen.append(collection)

    async def count(self, collection: str) -> int:
        return len(self.collections[collection].photos)

    async def scroll(self, collection: str) -> AsyncIterator[Photo]:
        for photo in list(self.collections[collection].photos.values()):
            yield photo

    async def below(self, collection: str, folder: str) -> AsyncIterator[Photo]:
        for photo in list(self.collections[collection].photos.values()):
            if f"{photo.folder}/".startswith(f"{folder}/"):
                yield photo

    async def delete_at(self, collection: str, photos: Sequence[Photo]) -> None:
        for photo in photos:
            await self.collections[collection].delete_at(photo)

    def __getattr__(self, name: str) -> Any:
        """Return what is asked of a collection, as a method that takes its name."""
        name = {"get": "known"}.get(name, name)
        return lambda collection, *args: getattr(self.collections[collection], name)(*args)


class Watched:
    """A folder that is watched, and what is known of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writer = FakeWriter()
        self.encoder = FakeEncoder()
        self.stop = asyncio.Event()

    @property
    def photos(self) -> dict[str, Photo]:
        """The photos that searches see, by their paths."""
        if not self.writer.seen:
            return {}
        found = self.writer.collections[self.writer.seen[-1]].photos.values()
        return {photo.uri.removeprefix(f"{self.folder.as_uri()}/"): photo for photo in found}

    async def until(self, meets: Callable[[dict[str, Photo]], bool]) -> dict[str, Photo]:
        end = time.monotonic() + 30
        while not meets(self.photos):
            assert time.monotonic() < end, sorted(self.photos)
            await asyncio.sleep(0.02)
        return self.photos

    async def have(self, **contents: int) -> None:
        """Wait until searches see these pictures, by their files' stems."""
        wanted = {name: picture(number) for name, number in contents.items()}
        sizes = {f"{name}.jpg": len(content) for name, content in wanted.items()}
        await self.until(lambda found: {path: each.bytes for path, each in found.items()} == sizes)

    def put(self, name: str, number: int) -> None:
        """Put a picture there in one step, each of another length."""
        part = self.folder / f".{number}.part"
        part.write_bytes(picture(number))
        part.rename(self.folder / f"{name}.jpg")

    @asynccontextmanager
    async def running(self, **settings: Any) -> AsyncIterator[None]:
        """Watch while the context is open, from when the folder is listed on."""
        metrics = IngestMetrics(CollectorRegistry())
        retry = RetryPolicy(0.0, self.stop)

        def make_job(sources: Any, tell: Any, stands: Any, **options: Any) -> Job:
            given: Any = self.encoder
            writer: Any = self.writer
            return Job(
                sources=sources,
                encoder=given,
                writer=writer,
                retry=retry,
                tally=Tally(metrics),
                metrics=metrics,
                limits=small_limits(),
                options=JobOptions("photos", **options),
                stop=self.stop,
                tell=tell,
                stands=stands,
            )

        writer: Any = self.writer
        watching = asyncio.create_task(
            Watch(
                sources=[FolderSource(self.folder)],
                make_job=make_job,
                writer=writer,
                retry=retry,
                metrics=metrics,
                stop=self.stop,
                **settings,
            ).run()
        )
        try:
            await self.until(bool)
            yield
            assert not watching.done()
        finally:
            self.stop.set()
            await watching


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """Put two pictures into a folder."""
    (tmp_path / "zoo").mkdir()
    found = Watched(tmp_path / "zoo")
    found.put("a", 1)
    found.put("b", 2)
    return found


async def test_another_model_is_published_whole(watched: Watched) -> None:
    """One photo that comes when the model has changed is not what searches see alone."""
    async with watched.running():
        watched.encoder.served = replace(MODEL, fingerprint="e" * 16)
        sizes: list[int] = []
        publish = watched.writer.publish

        async def counting(collection: str) -> None:
            sizes.append(await watched.writer.count(collection))
            await publish(collection)

        watched.writer.publish = counting  # type: ignore[method-assign] # looks on
        watched.put("c", 3)
        await watched.until(lambda found: len(found) == 3 and bool(sizes))
    assert sizes == [3]


async def test_what_searches_were_moved_away_from_is_not_published_again(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `gallery publish` or `rollback`, or a new model's run: whole runs go on beside it."""
    async with watched.running(rescan_seconds=0.1):
        other = await watched.writer.open("e" * 16, MODEL.dimension)
        await watched.writer.publish(other)
        seen = list(watched.writer.seen)
        runs, asked = asyncio.Event(), watched.writer.published
        left = iter((False, False, True))

        async def counted() -> str | None:
            # The last question of a whole run: the first has ended when the next one asks it.
            if next(left, True):
                runs.set()
            return await asked()

        monkeypatch.setattr(watched.writer, "published", counted)
        async with asyncio.timeout(30):
            await runs.wait()
        assert watched.writer.seen == seen
        # It is kept up for the way back, and published where searches see none any more.
        watched.put("c", 3)
        watched.writer.seen.clear()
        await watched.have(a=1, b=2, c=3)


async def test_copy_stays_when_the_first_is_edited(watched: Watched) -> None:
    """A copy of what lay where something else lies now is in the gallery."""
    shutil.copy(watched.folder / "a.jpg", watched.folder / "copy.jpg")
    async with watched.running():
        watched.put("a", 3)
        await watched.have(a=3, b=2, copy=1)


async def test_files_that_change_places(watched: Watched) -> None:
    """Each photo is where its file lies, also where two files got each other's names."""
    async with watched.running():
        watched.put("b", 1)
        watched.put("a", 2)
        await watched.have(a=2, b=1)


async def test_a_file_that_is_there_again_stays(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was gone for a moment, as a disk that stumbles, is not deleted."""
    spared = asyncio.Event()
    loop = asyncio.get_running_loop()
    survey = watch_module.survey_of

    def stumbling(*args: Any) -> Any:
        watched.put("a", 1)
        found = survey(*args)
        loop.call_soon_threadsafe(spared.set)
        return found

    monkeypatch.setattr(watch_module, "survey_of", stumbling)
    async with watched.running():
        before = watched.photos["a.jpg"]
        (watched.folder / "a.jpg").unlink()
        async with asyncio.timeout(30):
            await spared.wait()
        watched.put("c", 3)
        await watched.have(a=1, b=2, c=3)
        assert watched.photos["a.jpg"].ingested_at == before.ingested_at


async def test_the_last_of_all_but_one_folder(watched: Watched) -> None:
    """With `prune_empty` a folder's last photo goes at once, as long as another folder has one."""
    for name in ("owl", "swan"):
        (watched.folder / name).mkdir()
    watched.put("owl/c", 3)
    watched.put("swan/d", 4)
    async with watched.running(prune_empty=True):
        (watched.folder / "owl/c.jpg").unlink()
        await watched.until(lambda found: sorted(found) == ["a.jpg", "b.jpg", "swan/d.jpg"])


async def test_what_cannot_be_looked_at_does_not_end_the_watch(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link to itself, which polling fails at, keeps nothing else from being followed."""
    monkeypatch.setattr(changes, "_AGAIN_SECONDS", 0.1)
    async with watched.running(poll=True):
        (watched.folder / "loop").symlink_to("loop")
        watched.put("c", 3)
        await watched.have(a=1, b=2, c=3)
        watched.put("d", 4)
        await watched.have(a=1, b=2, c=3, d=4)


def test_a_file_that_cannot_be_asked_for_is_not_gone(watched: Watched) -> None:
    """A disk's error says nothing about what lies on it."""
    assert is_there(str(watched.folder / "a.jpg"))
    assert not is_there(str(watched.folder / "c.jpg"))
    assert not is_there(str(watched.folder / "a.jpg/c.jpg"))
    assert is_there(str(watched.folder / ("c" * 300)))

"""`sketchzoo ingest --watch`, following a real folder in a process of its own."""

import asyncio
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from sketchzoo.call_settings import QdrantSettings
from sketchzoo.qdrant import Photo, PhotoReader, connect
from tests.artefacts import picture
from tests.integration.ingest.command import SECONDS, Command

Uris = dict[str, Photo]


class Watching:
    """A run with `--watch` over a folder, and what the gallery holds of it."""

    def __init__(self, command: Command, reader: PhotoReader, folder: Path) -> None:
        self.command = command
        self._reader = reader
        self.folder = folder

    async def photos(self) -> Uris:
        collection = await self._reader.published()
        if collection is None:
            return {}
        found = [photo async for photo in self._reader.scroll(collection)]
        return {photo.uri.removeprefix(f"file://{self.folder}/"): photo for photo in found}

    async def until(self, meets: Callable[[Uris], bool]) -> Uris:
        """Return the photos by their paths once they meet a condition."""
        until = time.monotonic() + SECONDS
        while not meets(found := await self.photos()):
            assert time.monotonic() < until, (sorted(found), self.command.err)
            await asyncio.sleep(0.1)
        return found

    async def have(self, *paths: str) -> Uris:
        return await self.until(lambda found: sorted(found) == sorted(paths))

    async def logged(self, event: str, **fields: object) -> None:
        """Return when a line was logged."""
        until = time.monotonic() + SECONDS
        while not any(
            line["event"] == event and fields.items() <= line.items()
            for line in self.command.events
        ):
            assert time.monotonic() < until, self.command.err
            await asyncio.sleep(0.1)


@pytest.fixture
async def watching(
    tmp_path: Path, folder: Path, environment: dict[str, str], qdrant_url: str, alias: str
) -> AsyncIterator[Watching]:
    """Watch a folder with two owls and a swan in it, of which search knows."""
    for number, name in enumerate(["owl/a.jpg", "owl/b.jpg", "swan/c.jpg"]):
        put(folder / name, number)
    connection = connect(QdrantSettings(qdrant_url=qdrant_url, qdrant_timeout_seconds=60))
    command = Command(tmp_path, environment, folder, "--watch")
    try:
        run = Watching(command, PhotoReader(connection, alias), folder)
        await run.logged("watching")
        await run.have("owl/a.jpg", "owl/b.jpg", "swan/c.jpg")
        yield run
    finally:
        command.send(signal.SIGKILL)
        await connection.close()


def put(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture(number))


async def test_what_changes_is_followed(watching: Watching) -> None:
    """Added, changed, renamed and removed files are so in the gallery; SIGTERM ends it, with 0."""
    folder = watching.folder
    put(folder / "owl/new/d.jpg", 3)
    found = await watching.have("owl/a.jpg", "owl/b.jpg", "owl/new/d.jpg", "swan/c.jpg")
    assert found["owl/new/d.jpg"].class_name == "owl"
    put(folder / "owl/a.jpg", 4)
    changed = await watching.until(
        lambda now: len(now) == 4 and now["owl/a.jpg"].sha256 != found["owl/a.jpg"].sha256
    )
    (folder / "owl/b.jpg").rename(folder / "swan/b.jpg")
    found = await watching.have("owl/a.jpg", "owl/new/d.jpg", "swan/b.jpg", "swan/c.jpg")
    assert found["swan/b.jpg"].ingested_at == changed["owl/b.jpg"].ingested_at
    assert found["swan/b.jpg"].class_name == "swan"
    (folder / "swan/c.jpg").unlink()
    await watching.have("owl/a.jpg", "owl/new/d.jpg", "swan/b.jpg")
    shutil.rmtree(folder / "owl/new")
    await watching.have("owl/a.jpg", "swan/b.jpg")
    watching.command.send(signal.SIGTERM)
    assert watching.command.wait() == 0


async def test_half_a_file_is_waited_for(watching: Watching) -> None:
    """A file is ingested once it is whole; until then nothing is lost by it."""
    content = picture(5, (640, 480))
    path = watching.folder / "owl/slow.jpg"
    with path.open("wb") as file:
        file.write(content[: len(content) // 2])
        file.flush()
        await watching.logged("brought", refused=1)
        file.write(content[len(content) // 2 :])
    found = await watching.have("owl/a.jpg", "owl/b.jpg", "owl/slow.jpg", "swan/c.jpg")
    assert found["owl/slow.jpg"].bytes == len(content)


async def test_disk_that_goes_away_deletes_nothing(watching: Watching) -> None:
    """A folder that is gone, or empty at once, loses none of its photos."""
    folder = watching.folder
    before = sorted(await watching.photos())
    away = folder.with_name("away")
    (folder / "owl").rename(away)
    await watching.logged("spared")
    assert sorted(await watching.photos()) == before
    away.rename(folder / "owl")
    # It goes on: what comes after is followed.
    put(folder / "owl/e.jpg", 6)
    await watching.have(*before, "owl/e.jpg")
    folder.rename(away)
    folder.mkdir()
    put(folder / "lynx/f.jpg", 7)
    await watching.have(*before, "owl/e.jpg", "lynx/f.jpg")


async def test_copy_takes_over(watching: Watching) -> None:
    """Where a photo's file goes and a copy of it stays, the copy is in the gallery."""
    folder = watching.folder
    shutil.copy(folder / "owl/a.jpg", folder / "swan/copy.jpg")
    await watching.logged("brought", duplicate=1)
    (folder / "owl/a.jpg").unlink()
    found = await watching.have("owl/b.jpg", "swan/c.jpg", "swan/copy.jpg")
    assert found["swan/copy.jpg"].class_name == "swan"


async def test_many_changes_are_listed_at_once(watching: Watching) -> None:
    """More changes than are worth following one by one lead to a whole listing."""
    (watching.folder / "many").mkdir()
    for number in range(1100):
        (watching.folder / f"many/{number}.jpg").write_bytes(b"text" if number else picture(9))
    await watching.logged("brought", refused=1099)
    await watching.until(lambda found: "many/0.jpg" in found)


def test_only_folders_are_watched(
    tmp_path: Path, folder: Path, environment: dict[str, str]
) -> None:
    """A manifest cannot be watched: wrong usage, which says what would be right."""
    manifest = tmp_path / "photos.csv"
    manifest.write_text("class,path\n", encoding="utf-8")
    command = Command(tmp_path, environment, folder, manifest, "--watch")
    assert command.wait() == 2
    assert "--watch follows folders of this machine, and" in command.err

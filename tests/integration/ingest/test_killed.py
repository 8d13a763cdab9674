"""`kill -9` at random moments, then a rerun."""

import random
import signal
import time
from pathlib import Path

import pytest

from tests.artefacts import picture
from tests.integration.ingest.command import Command
from tests.integration.ingest.gallery import Gallery

KILLS = 20
PHOTOS = 60
# Small steps, so that a run has many different moments to be killed at.
STEPS = {
    "SKETCHZOO_INGEST_CHUNK_PHOTOS": "8",
    "SKETCHZOO_INGEST_BATCH_SIZE": "4",
    "SKETCHZOO_INGEST_WRITE_BATCH": "8",
    "SKETCHZOO_INGEST_CALLS_IN_FLIGHT": "2",
}


def finish(folder: Path, environment: dict[str, str]) -> float:
    begun = time.monotonic()
    run = Command(folder.parent, environment, folder)
    assert run.wait() == 0, run.err
    return time.monotonic() - begun


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_runs_end_like_a_clean_one(
    environment: dict[str, str], folder: Path, gallery: Gallery
) -> None:
    """Killed at 20 random moments and run again, ingest comes to the clean run's gallery.

    Ten galleries, each killed twice, the second time while it goes on. After each kill
    search sees no gallery or a whole one.
    """
    for i in range(PHOTOS):
        path = folder / f"class{i % 5}" / f"{i}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(picture(i, (48, 32)))
    # The same photo in two classes: the first must stand, whichever run wrote it.
    (folder / "class4" / "again.jpg").write_bytes(picture(0, (48, 32)))
    environment = {**environment, **STEPS}
    alias = environment["SKETCHZOO_GALLERY"]
    finish(folder, {**environment, "SKETCHZOO_GALLERY": f"{alias}warm"})
    seconds = finish(folder, {**environment, "SKETCHZOO_GALLERY": f"{alias}clean"})
    expected = gallery.points(f"{alias}clean")
    assert len(expected) == PHOTOS

    moments = random.Random(20)
    written: list[int] = []
    for number in range(KILLS):
        own = f"{alias}k{number // 2}"
        killed = {**environment, "SKETCHZOO_GALLERY": own}
        run = Command(folder.parent, killed, folder)
        time.sleep(moments.uniform(0.0, seconds))
        run.send(signal.SIGKILL)
        # It may have been done before the kill came.
        assert run.wait() in (-signal.SIGKILL, 0)
        points = gallery.points(own)
        assert points.items() <= expected.items()
        assert not gallery.published(own) or points == expected
        written.append(len(points))
        if number % 2:
            finish(folder, killed)
            assert gallery.published(own)
            assert gallery.points(own) == expected
    # Otherwise the kills met no run in the middle, and this test showed nothing.
    assert any(0 < points < PHOTOS for points in written), written

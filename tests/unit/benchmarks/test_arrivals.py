"""The simulation of many workers and one Qdrant: what must come out whatever goes in."""

from pathlib import Path

import pytest

from benchmarks.arrivals import PHOTOS_PER_CORE_SECOND, POINTS, Scene, simulate, table
from sketchzoo_ingest.settings import IngestSettings

PAGE = Path(__file__).parents[3] / "docs" / "operations" / "size.md"


def rate(scene: Scene) -> float:
    return simulate(scene).points / (scene.seconds - scene.warm)


def test_few_workers_are_the_limit() -> None:
    """All that they embed is written, nothing twice, and none is idle."""
    scene = Scene(10, 2, seconds=60)
    found = simulate(scene)
    assert rate(scene) == pytest.approx(10 * PHOTOS_PER_CORE_SECOND, rel=0.05)
    assert found.in_vain == 0
    assert found.idle < 1


def test_many_are_limited_by_what_qdrant_writes() -> None:
    """They wait, and what is written is all that can be."""
    scene = Scene(100, 2, upserts_per_second=2_000, deadline=60)
    assert rate(scene) == pytest.approx(2_000, rel=0.05)
    # Of 8,000 photos a second three quarters must wait.
    idle = simulate(scene).idle / scene.workers / (scene.seconds - scene.warm)
    assert idle == pytest.approx(0.75, abs=0.05)


@pytest.mark.parametrize(("deadline", "heard_of"), [(3.0, False), (12.0, True)])
def test_writes_that_wait_past_their_deadline_are_done_in_vain(
    deadline: float, *, heard_of: bool
) -> None:
    """50 workers with two writes of 128 wait 6.4 s where 2,000 points are written a second."""
    found = simulate(Scene(50, 2, upserts_per_second=2_000, deadline=deadline))
    assert (found.in_vain == 0) is heard_of
    assert (found.points > 10 * found.in_vain) is heard_of


def test_a_write_is_ingest_s() -> None:
    """As many photos as ingest writes at once by default."""
    assert IngestSettings.model_fields["write_batch"].default == POINTS


def test_the_page_shows_what_the_simulation_says() -> None:
    """Line by line."""
    page = PAGE.read_text().splitlines()
    assert [line for line in table() if line not in page] == []

"""Progress on a terminal and elsewhere."""

import asyncio
import io

import pytest
import structlog
from prometheus_client import CollectorRegistry
from rich.console import Console

from ingest.metrics import IngestMetrics
from ingest.outcome import Outcome
from ingest.progress import Bar, Lines, progress
from ingest.tally import Tally
from tests.unit.ingest.fakes import FakeSource, photos


@pytest.fixture
def tally() -> Tally:
    return Tally(IngestMetrics(CollectorRegistry()))


async def test_lines_have_rate_and_time_left(tally: Tally) -> None:
    """Off a terminal, log lines say how many of how many, how fast and how long still."""
    lines = Lines()
    lines.interval_seconds = 0.02
    with structlog.testing.capture_logs() as logs:
        async with progress(lines, tally, [FakeSource(photos(10))]):
            for _ in range(4):
                tally.count(Outcome.WRITTEN)
                await asyncio.sleep(0.03)
    running = [log for log in logs[:-1] if log["photos_per_second"] > 0]
    assert any(log["total"] == 10 and log["seconds_left"] is not None for log in running)
    assert logs[-1]["photos"] == 4


async def test_bar_on_a_terminal(tally: Tally) -> None:
    """On a terminal a bar shows the count, the total and the refused."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    bar = Bar(console)
    async with progress(bar, tally, [FakeSource(photos(10))]):
        tally.count(Outcome.WRITTEN, 7)
        tally.count(Outcome.REFUSED, 3)
        await asyncio.sleep(2 * bar.interval_seconds)
    assert "10/10" in screen.getvalue()
    assert "3 refused" in screen.getvalue()


async def test_failing_run_closes_the_bar(tally: Tally) -> None:
    """A failure inside ends the display and comes out as it is."""
    source = FakeSource(photos(10))
    with pytest.raises(LookupError):
        async with progress(Bar(Console(file=io.StringIO())), tally, [source]):
            raise LookupError

"""Progress on a terminal and elsewhere."""

import asyncio
import io
import re
from collections.abc import Iterator

import pytest
import structlog
from prometheus_client import CollectorRegistry
from rich.console import Console

from sketchzoo.telemetry import configure_logs
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.outcome import Outcome
from sketchzoo_ingest.progress import Bar, Lines, counting, progress
from sketchzoo_ingest.tally import Tally
from tests.unit.ingest.fakes import FakeSource, counted, photos


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "\n")


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    # A command that another test called in this process may have left a level behind.
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


@pytest.fixture
def tally() -> Tally:
    return Tally(IngestMetrics(CollectorRegistry()))


async def test_lines_have_rate_and_time_left(tally: Tally) -> None:
    """Off a terminal, log lines say how many of how many, how fast and how long still."""
    lines = Lines()
    lines.interval_seconds = 0.02
    with structlog.testing.capture_logs() as logs:
        async with counting([FakeSource(photos(10))]) as total, progress(lines, tally, total):
            async with asyncio.timeout(30):
                while total() is None:  # noqa: ASYNC110 - a thread counts
                    await asyncio.sleep(0.01)
                counted(tally, Outcome.WRITTEN, 4)
                while not any(log["photos_per_second"] > 0 for log in logs):  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.01)
    running = [log for log in logs[:-1] if log["photos_per_second"] > 0]
    assert any(log["total"] == 10 and log["seconds_left"] is not None for log in running)
    assert logs[-1]["photos"] == 4


async def test_bar_on_a_terminal(tally: Tally) -> None:
    """On a terminal a bar shows the count, the total and the refused."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    bar = Bar(console)
    async with progress(bar, tally, lambda: 10):
        counted(tally, Outcome.WRITTEN, 7)
        counted(tally, Outcome.REFUSED, 3)
        await asyncio.sleep(2 * bar.interval_seconds)
    assert "10/10" in screen.getvalue()
    done = [line for line in plain(screen.getvalue()).splitlines() if "10/10" in line]
    assert "left" not in done[-1]
    assert "3 refused" in screen.getvalue()


async def test_a_log_line_stands_above_the_bar(
    tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bar makes room for it, though logs were set up before there was a bar."""
    screen = _Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    configure_logs("ingest", form="console")
    bar = Bar(Console(stderr=True, force_terminal=True, width=80))
    async with progress(bar, tally, lambda: 10):
        counted(tally, Outcome.WRITTEN, 3)
        await asyncio.sleep(2 * bar.interval_seconds)
        structlog.get_logger().warning("a word")
    (line,) = [line for line in screen.getvalue().splitlines() if "a word" in line]
    assert "3/" not in line
    assert "10" not in line.partition("a word")[2]


async def test_time_left_is_told_in_words(tally: Tally) -> None:
    """What was and what will be are not set side by side."""
    screen = io.StringIO()
    bar = Bar(Console(file=screen, force_terminal=True, width=80))
    async with progress(bar, tally, lambda: 100):
        for _ in range(3):
            counted(tally, Outcome.WRITTEN, 1)
            await asyncio.sleep(1.2 * bar.interval_seconds)
    assert re.search(r"/s +about 0:\d\d:\d\d left", screen.getvalue())
    assert all(len(line) <= 80 for line in plain(screen.getvalue()).splitlines())


async def test_failing_run_closes_the_bar(tally: Tally) -> None:
    """A failure inside ends the display and comes out as it is."""
    with pytest.raises(LookupError):
        async with progress(Bar(Console(file=io.StringIO())), tally, lambda: None):
            raise LookupError

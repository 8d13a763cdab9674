"""Progress: a bar with rate and time left on a terminal, log lines elsewhere."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Protocol

import structlog
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
)

from sketchzoo_ingest.outcome import Outcome, Refusal
from sketchzoo_ingest.sources import Candidate, Source

log = structlog.get_logger()
_BAR_SECONDS = 0.25
_LOG_SECONDS = 10.0


class Display(Protocol):
    """Shows how far a run is."""

    interval_seconds: float

    def show(self, settled: int, total: int | None, refused: int) -> None:
        """Show how many photos are settled, of how many where that is known yet."""

    def close(self) -> None:
        """Show no more."""


class Bar:
    """A bar on a terminal."""

    interval_seconds = _BAR_SECONDS

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("photos {task.fields[rate]}"),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[refused]}"),
            console=console,
            expand=True,
        )
        self._task = self._progress.add_task("", total=None, rate="", left="", refused="")
        self._progress.start()

    def show(self, settled: int, total: int | None, refused: int) -> None:
        """Move the bar."""
        task = self._progress.tasks[0]
        speed, left = task.speed, task.time_remaining
        self._progress.update(
            self._task,
            completed=settled,
            total=total,
            rate=f"{speed:.0f}/s" if speed else "",
            left=f"about {timedelta(seconds=round(left))} left"
            if left and settled != total
            else "",
            refused=f"{refused} refused" if refused else "",
        )

    def close(self) -> None:
        """Leave the bar as it is."""
        self._progress.stop()


class Lines:
    """Log lines, each with the rate since the one before."""

    interval_seconds = _LOG_SECONDS

    def __init__(self) -> None:
        self._last = (time.monotonic(), 0)

    def show(self, settled: int, total: int | None, refused: int) -> None:
        """Log a line."""
        now = time.monotonic()
        then, before = self._last
        self._last = (now, settled)
        rate = (settled - before) / (now - then) if now > then else 0.0
        left = round((total - settled) / rate) if total is not None and rate > 0 else None
        log.info(
            "progress",
            photos=settled,
            total=total,
            refused=refused,
            photos_per_second=round(rate, 1),
            seconds_left=left,
        )

    def close(self) -> None:
        """Nothing is left open."""


class Counts(Protocol):
    """How far a run is: a tally."""

    @property
    def settled(self) -> int:
        """How many photos have met their outcome."""

    @property
    def outcomes(self) -> Mapping[Outcome, int]:
        """How many met which."""


@asynccontextmanager
async def progress(
    display: Display, done: Counts, total: Callable[[], int | None]
) -> AsyncIterator[None]:
    """Show a run's progress while the context is open; `total` is None until it is known."""

    def show(total: int | None) -> None:
        display.show(done.settled, total, done.outcomes.get(Outcome.REFUSED, 0))

    async def show_forever() -> None:
        while True:
            await asyncio.sleep(display.interval_seconds)
            show(total())

    showing = asyncio.create_task(show_forever())
    try:
        yield
    finally:
        showing.cancel()
        show(done.settled)
        display.close()


@asynccontextmanager
async def counting(sources: Sequence[Source]) -> AsyncIterator[Callable[[], int | None]]:
    """Count the photos by a second listing in a thread, which the run does not wait for.

    What is given tells how many there are, None while that is not known.
    """
    counter = _Counter(sources)
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, "count") as pool:
        count = loop.run_in_executor(pool, counter.count)
        try:
            yield lambda: count.result() if count.done() else None
        finally:
            counter.stopped = True


class _Counter:
    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self.stopped = False

    def count(self) -> int | None:
        """Return how many photos there are; None where it was stopped."""
        photos = 0
        try:
            for source in self._sources:
                for entry in source.candidates():
                    photos += isinstance(entry, Candidate | Refusal)
                    if self.stopped:
                        return None
        except OSError:
            # The run meets the same and says so; only the time left stays unknown.
            return None
        return photos

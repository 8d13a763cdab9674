"""The watchdog: notices that the model will run no more in this process.

A GPU that failed gives the same error to every later call of the process, one that hangs gives
none, and a thread that died takes its work with it. No call can mend either: the process must
end, and whoever runs it starts it anew.
"""

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import structlog

log = structlog.get_logger()

_LOOKS = 10


class BrokenError(Exception):
    """The model runs no more in this process; the message says why."""


class Watchdog:
    """Watches the model's runs; threads report to it, and the event loop waits for it."""

    def __init__(self, timeout_seconds: float = 20.0) -> None:
        """Take a run that has no answer after `timeout_seconds` for one that will have none."""
        if timeout_seconds <= 0:
            raise ValueError(f"timeout_seconds must be above 0, not {timeout_seconds}")
        self._timeout = timeout_seconds
        self._runs: set[int] = set()
        self._seen: dict[int, int] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._tell: Callable[[], object] = lambda: None
        self.reason: str | None = None

    def began(self) -> int:
        """Note that a run began; returns its number."""
        run = next(self._numbers)
        self._runs.add(run)
        return run

    def ended(self, run: int) -> None:
        """Note that a run ended, well or not."""
        self._runs.discard(run)

    def broke(self, reason: str) -> None:
        """Note that the model runs no more; the first reason counts."""
        with self._lock:
            if self.reason is None:
                self.reason = reason
            tell = self._tell
        with suppress(RuntimeError):  # the loop has ended by itself
            tell()

    @contextmanager
    def thread(self) -> Iterator[None]:
        """Run a thread's work: whatever ends it by an error ends the encoder."""
        try:
            yield
        except BaseException as error:
            name = threading.current_thread().name
            log.critical("a thread died", thread=name, exc_info=True)
            self.broke(f"the thread {name} died: {error!r}")

    async def watch(self) -> str:
        """Wait until the model runs no more, and return why."""
        loop, noticed = asyncio.get_running_loop(), asyncio.Event()
        with self._lock:
            self._tell = lambda: loop.call_soon_threadsafe(noticed.set)
        while self.reason is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._timeout / _LOOKS):
                    await noticed.wait()
            self._look()
        return self.reason

    def _look(self) -> None:
        """Count how often each run was seen: not by a clock, which goes on while all stands still.

        A process that was stopped, or a machine that was asleep, has lost no run.
        """
        self._seen = {run: self._seen.get(run, 0) + 1 for run in list(self._runs)}
        if any(looks > _LOOKS for looks in self._seen.values()):
            self.broke(f"a run of the model has had no answer for {self._timeout:g} s")

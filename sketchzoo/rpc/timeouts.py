"""Timeouts: many waits of one length over one timer, since hardly any of them runs out.

A timer of the event loop for each call would be made and closed for nothing each time.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from types import TracebackType


class Timeouts:
    """Waits of `seconds` each, the oldest first."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waits: OrderedDict[Wait, None] = OrderedDict()
        self._is_watched = False

    def start(self, run_out: Callable[[], None]) -> "Wait":
        """Call `run_out` after the time, unless the wait has ended before."""
        loop = asyncio.get_running_loop()
        wait = Wait(self._waits, loop.time() + self._seconds, run_out)
        self._waits[wait] = None
        if not self._is_watched:
            self._is_watched = True
            loop.call_at(wait.due, self._look, loop)
        return wait

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        while self._waits:
            wait = next(iter(self._waits))
            if wait.due > now:
                loop.call_at(wait.due, self._look, loop)
                return
            wait.end()
            wait.run_out()
        self._is_watched = False


class Wait:
    """One wait of many: `end` it when what was waited for has come."""

    __slots__ = ("_waits", "due", "run_out")

    def __init__(
        self, waits: "OrderedDict[Wait, None]", due: float, run_out: Callable[[], None]
    ) -> None:
        self._waits = waits
        self.due = due
        self.run_out = run_out

    def end(self) -> None:
        """Wait no longer; without effect on a wait that has ended."""
        self._waits.pop(self, None)


class Limit:
    """Around what the running task awaits: `pass_by` ends that with `TimeoutError`.

    It is `asyncio.timeout` without a timer of its own: whoever holds it says when.
    """

    __slots__ = ("_cancelling", "_has_passed", "_task")

    def __init__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("only a task has limits")
        self._task = task
        self._cancelling = task.cancelling()
        self._has_passed = False

    def pass_by(self) -> None:
        """End what is awaited, once."""
        if not self._has_passed:
            self._has_passed = True
            self._task.cancel()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if (
            self._has_passed
            # Someone else's cancelling beside it goes before.
            and self._task.uncancel() <= self._cancelling
            and isinstance(error, asyncio.CancelledError)
        ):
            raise TimeoutError from error

"""Waiting for the user to stop what is running."""

import signal
import threading
from types import FrameType

from sketchzoo.cli.stack import Stack

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def exit_on_sigterm() -> None:
    """Let SIGTERM end this process as `sys.exit` does, so that what it started is stopped."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, leave)


def until_stopped(stack: Stack) -> None:
    """Return on Ctrl-C or SIGTERM.

    Raises:
        StackError: a part ended before.

    """
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        while not stop.wait(1.0):
            stack.check()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

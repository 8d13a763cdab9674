"""Stopping: the signals that end a command which has started processes."""

import signal
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_asked: list[int] = []


class Stopped(SystemExit):
    """This process was asked to end; its status is 128 and the signal's number."""


def stop_on_signals() -> None:
    """Let Ctrl-C, SIGTERM and a closed terminal end this process as `sys.exit` does.

    So what it started is stopped first. A SIGHUP that is ignored, as under `nohup`, stays so.
    """
    for number in _SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def check_stopped() -> None:
    """Raise Stopped where a signal came: raised in a callback of a library's it gets lost."""
    if _asked:
        raise Stopped(128 + _asked[0])


def _stop(number: int, _frame: FrameType | None) -> None:
    _asked.append(number)
    raise Stopped(128 + number)

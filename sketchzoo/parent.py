"""The parent: a process that ends with the one that started it, where the system can do that."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with_parent(number: signal.Signals) -> None:
    """Ask Linux to send this process a signal when its parent has ended; elsewhere do nothing.

    The parent is the thread that started it (prctl(2)): that has to live as long as it is to.
    """
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it had ended before
            os.kill(os.getpid(), number)

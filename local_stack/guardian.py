"""The guardian: ends all that a stack has started, once the stack is gone.

    python -I -S guardian.py      (in a process group of its own, which the parts join)

It reads from a pipe whose other end the stack alone holds, so it hears of the stack's end
whatever ended it: `kill -9` too, which no program sees coming. A process group holds what the
parts start themselves as well, an index build for instance, whose interpreter is busy for
minutes and would look at no pipe of its own.
"""

import os
import signal
import time

READY = b"."
DONE = b"!"
_MOMENT_SECONDS = 1.0


def main() -> None:
    """Wait for the stack's end, then end this process's group and with it this process."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.write(1, READY)
    if os.read(0, 1) != DONE:
        os.killpg(0, signal.SIGTERM)
        time.sleep(_MOMENT_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()

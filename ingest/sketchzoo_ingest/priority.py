"""Priority: a job may take long, a search may not."""

import os
import sys


def step_back(nice: int) -> None:
    """Let other processes of this machine have a core first, and what this one starts with it.

    `nice` is Unix's, 0 to 19. It stays where it is further back already.
    """
    if sys.platform != "win32":
        here = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, 0, max(here, nice))

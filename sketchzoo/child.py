"""Child processes made by multiprocessing: they end with their parent, however it ended."""

import multiprocessing
import os
import threading


def end_with_parent() -> None:
    """Let this process end when the one that made it is gone; a pool's `initializer`.

    A worker that waits for work reads from a pipe that its siblings hold open too, so it
    would wait for ever once its parent was killed.
    """
    threading.Thread(target=_wait, daemon=True, name="parent").start()


def _wait() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

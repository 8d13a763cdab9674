"""Child processes made by multiprocessing: they end with their parent, however it ended."""

import multiprocessing
import os
import threading
from collections.abc import Callable


def end_with_parent(clean_up: Callable[[], object] = lambda: None) -> None:
    """Let this process end when the one that made it is gone; a pool's `initializer`.

    A worker that waits for work reads from a pipe that its siblings hold open too, so it
    would wait for ever once its parent was killed. `clean_up` is called before the end.
    """
    threading.Thread(target=_wait, args=(clean_up,), daemon=True, name="parent").start()


def _wait(clean_up: Callable[[], object]) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        try:
            clean_up()
        finally:
            os._exit(1)

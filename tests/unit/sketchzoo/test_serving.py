"""A program that serves, until it is asked to stop."""

import gc
import os
import signal

from sketchzoo.rpc import run_until_signal


async def test_what_is_loaded_by_then_is_not_looked_through_for_garbage() -> None:
    """A full collection holds no call up to look at modules and models that stay anyhow."""
    before = len(gc.get_objects())
    looked_at: list[int] = []

    def ready() -> None:
        looked_at.append(len(gc.get_objects()))
        os.kill(os.getpid(), signal.SIGTERM)

    try:
        await run_until_signal(ready=ready)
    finally:
        gc.unfreeze()
    assert looked_at[0] < before / 20

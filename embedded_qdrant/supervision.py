"""Tasks that must not end: one that fails is logged and begun again."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from embedded_qdrant.errors import engine_panics

log = structlog.get_logger()

# Not at once: what failed by itself would most likely fail again, and fill the log.
_AGAIN_SECONDS = 1.0


def supervised(work: Callable[[], Awaitable[None]], *, name: str) -> asyncio.Task[None]:
    """Run `work` in a task until that is cancelled, again and again where it fails."""
    return asyncio.create_task(_forever(work, name), name=name)


async def _forever(work: Callable[[], Awaitable[None]], name: str) -> None:
    while True:
        try:
            with engine_panics():
                await work()
        except Exception:  # whatever it was, what waits for the task must not wait for ever
            log.exception("task failed; it begins again", task=name)
        await asyncio.sleep(_AGAIN_SECONDS)

"""The gateway in this process, behind a real socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from live_demo.bootstrap import running
from live_demo.settings import LiveSettings


@dataclass(frozen=True, slots=True)
class Live:
    """A gateway that is being served."""

    port: int
    metrics_port: int

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def live_here(target: str, **settings: Any) -> AsyncIterator[Live]:
    """Serve a gateway with these settings on a free port."""
    chosen = {"port": 0, "metrics_port": 0, "search_target": target, "drain_seconds": 0.5}
    async with running(LiveSettings(**(chosen | settings))) as gateway:
        yield Live(gateway.port, gateway.metrics_port or 0)

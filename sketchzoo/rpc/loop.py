"""The event loop that servers run on."""

import asyncio
from collections.abc import Coroutine
from typing import Any

try:
    import uvloop
except ModuleNotFoundError:  # there is none for Windows
    run_main = asyncio.run
else:
    run_main = uvloop.run


def run_server(main: Coroutine[Any, Any, None]) -> None:
    """Run a server to its end, on uvloop where there is one (docs/adr/0041-uvloop.md)."""
    run_main(main)

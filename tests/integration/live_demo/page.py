"""A page without a browser: the WebSocket that it opens, and what it sends."""

import asyncio
import contextlib
import json
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

LINE = {"x": [100, 500, 900], "y": [200, 800, 300], "width": 14}


class Page:
    """Speaks with a gateway as the page does; open while the context is."""

    def __init__(self, port: int, **options: Any) -> None:
        self._port = port
        self._options = {"origin": f"http://127.0.0.1:{port}", **options}
        self._sequence = 0

    async def __aenter__(self) -> Self:
        options = {"uri": f"ws://127.0.0.1:{self._port}/live", **self._options}
        self.socket: ClientConnection = await connect(**options)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self.socket.close()

    async def ask(self, **changes: Any) -> int:
        """Send a search of one line, or of what `changes` say; return its sequence."""
        self._sequence += 1
        message: dict[str, Any] = {"sequence": self._sequence, **changes}
        if "source" not in message:
            drawing = {"width": 1024, "height": 1024, "strokes": [LINE]}
            message |= {"source": "drawing", "drawing": drawing}
        await self.socket.send(json.dumps(message))
        return self._sequence

    async def hear(self) -> dict[str, Any]:
        """Return the next message."""
        async with asyncio.timeout(10):
            return dict(json.loads(await self.socket.recv()))

    async def search(self, **changes: Any) -> dict[str, Any]:
        """Ask, and return the answer or the failure."""
        sequence = await self.ask(**changes)
        while (message := await self.hear())["sequence"] not in (sequence, None):
            pass
        return message

"""The load generator's connections, counted by a server."""

from collections import Counter
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from benchmarks.load import calls_of, closed_loop
from sketchzoo.load import connected
from sketchzoo.rpc import ChannelSettings


class _Counting(grpc.GenericRpcHandler):
    """Answers any call with nothing, and counts whose connection it came by."""

    def __init__(self) -> None:
        self.peers: Counter[str] = Counter()

    def service(self, handler_call_details: Any) -> Any:
        async def answer(_: bytes, context: Any) -> bytes:
            self.peers[context.peer()] += 1
            return b""

        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.mark.parametrize(("connections", "seen"), [(1, 1), (3, 3)])
async def test_callers_take_turns_at_the_connections(
    tmp_path: Path, connections: int, seen: int
) -> None:
    """Three callers with three connections have each his own: its calls go to one process."""
    (tmp_path / "1.png").write_bytes(b"an image")
    counting = _Counting()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([counting])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with connected(ChannelSettings(f"127.0.0.1:{port}"), connections) as channels:
            call = calls_of("embed", channels, tmp_path, 5, 1)
            tally = await closed_loop(call, 3, 0.1)
    finally:
        await server.stop(0)
    assert tally.codes["OK"] == sum(counting.peers.values())
    assert len(counting.peers) == seen

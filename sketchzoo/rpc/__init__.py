"""gRPC as every part speaks it: one way to serve, to call, to fail and to be observed."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sketchzoo.rpc.channel import (
    BETWEEN_PARTS,
    ChannelSettings,
    Keepalive,
    open_channel,
    outgoing_metadata,
)
from sketchzoo.rpc.errors import (
    CallError,
    NotFoundError,
    deadline_exceeded,
    exhausted,
    from_rpc_error,
    internal,
    invalid,
    not_found,
    precondition,
    unavailable,
    unimplemented,
)

if TYPE_CHECKING:
    from sketchzoo.rpc.loop import run_main
    from sketchzoo.rpc.reading import parsed
    from sketchzoo.rpc.server import RpcServer, Service, run_until_signal

_LAZY = {
    "RpcServer": "sketchzoo.rpc.server",
    "Service": "sketchzoo.rpc.server",
    "parsed": "sketchzoo.rpc.reading",
    "run_main": "sketchzoo.rpc.loop",
    "run_until_signal": "sketchzoo.rpc.server",
}

__all__ = [
    "BETWEEN_PARTS",
    "CallError",
    "ChannelSettings",
    "Keepalive",
    "NotFoundError",
    "RpcServer",
    "Service",
    "deadline_exceeded",
    "exhausted",
    "from_rpc_error",
    "internal",
    "invalid",
    "not_found",
    "open_channel",
    "outgoing_metadata",
    "parsed",
    "precondition",
    "run_main",
    "run_until_signal",
    "unavailable",
    "unimplemented",
]


def __getattr__(name: str) -> Any:
    """Load what serves when it is asked for: who only calls waits for none of it."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)

"""gRPC as every part speaks it: one way to serve, to call, to fail and to be observed."""

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
    invalid,
    not_found,
    precondition,
    unavailable,
)
from sketchzoo.rpc.loop import run_main
from sketchzoo.rpc.reading import parsed
from sketchzoo.rpc.server import RpcServer, Service, run_until_signal

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
    "invalid",
    "not_found",
    "open_channel",
    "outgoing_metadata",
    "parsed",
    "precondition",
    "run_main",
    "run_until_signal",
    "unavailable",
]

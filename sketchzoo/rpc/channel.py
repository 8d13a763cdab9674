"""Channels: how one part calls another."""

import json
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from pydantic import SecretStr

from sketchzoo.proxy import proxy_options
from sketchzoo.rpc.target import check_target
from sketchzoo.rpc.tls import ClientTls
from sketchzoo.telemetry import TRACEPARENT, current_request_id, traceparent

REQUEST_ID = "x-request-id"

_LOOK_UP_MS = 1_000

# gRPC's own retries (gRFC A6), with a throttle that stops them when most calls fail:
# UNAVAILABLE, and CANCELLED as a server sends it to a call that reaches it while it stops.
# Every call may be repeated: they read, or write the same points again.
_SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.05s",
                "maxBackoff": "0.5s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
            },
        }
    ],
    "retryThrottling": {"maxTokens": 20, "tokenRatio": 0.5},
}


@dataclass(frozen=True, slots=True)
class Keepalive:
    """How soon a connection whose other end has gone without a word is found and replaced.

    After `time_ms` of silence a ping is sent; without an answer within `timeout_ms` the
    connection is given up. An attempt to connect may take `connect_ms`, and the next begins
    at most `max_backoff_ms` after it.
    """

    time_ms: int
    timeout_ms: int
    connect_ms: int
    max_backoff_ms: int


# A phone's network may be away for seconds, and pings cost battery.
OVER_INTERNET = Keepalive(time_ms=20_000, timeout_ms=5_000, connect_ms=2_000, max_backoff_ms=1_000)
# Parts ask each other every second whether they are there.
BETWEEN_PARTS = Keepalive(time_ms=1_000, timeout_ms=1_000, connect_ms=1_000, max_backoff_ms=300)


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """How to reach a server.

    `target` is a gRPC name: `host:port`, or `dns:///name:port` for every address
    behind a name, called in turn. Channels to one target share a connection, but for those
    with an `own_connection`. `host` is the name that the server is known by, where the target
    is an address. Without `retries` a failed call is its caller's to make again.
    """

    target: str
    tls: ClientTls | None = None
    token: SecretStr | None = None
    max_message_bytes: int = 16 * 1024 * 1024
    keepalive: Keepalive = OVER_INTERNET
    own_connection: bool = False
    retries: bool = True
    host: str | None = None

    def __post_init__(self) -> None:
        check_target(self.target)


def channel_options(
    target: str, max_message_bytes: int, keepalive: Keepalive = OVER_INTERNET
) -> list[tuple[str, int | str]]:
    """Return the options of every channel: keepalive, retries, round robin, sizes, proxies."""
    return [
        *proxy_options(target),
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.keepalive_time_ms", keepalive.time_ms),
        ("grpc.keepalive_timeout_ms", keepalive.timeout_ms),
        # What gRPC goes by in fact: without it a ping is waited for 60 seconds, whatever
        # the keepalive's own timeout says.
        ("grpc.http2.ping_timeout_ms", keepalive.timeout_ms),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.initial_reconnect_backoff_ms", 100),
        # Despite its name, how long one attempt to connect may take.
        ("grpc.min_reconnect_backoff_ms", keepalive.connect_ms),
        ("grpc.max_reconnect_backoff_ms", keepalive.max_backoff_ms),
        # When a connection is lost its name is looked up again, by itself at most every 30 s: an
        # address that is not the name's any more would be called, and another server may have it.
        ("grpc.dns_min_time_between_resolutions_ms", _LOOK_UP_MS),
        ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ]


def open_channel(settings: ChannelSettings) -> grpc.aio.Channel:
    """Open an asyncio channel; it connects when it is first called."""
    channel: grpc.aio.Channel = _open(grpc.aio, settings)
    return channel


def open_blocking_channel(settings: ChannelSettings) -> grpc.Channel:
    """Open a channel for threads; it connects when it is first called."""
    channel: grpc.Channel = _open(grpc, settings)
    return channel


def _open(module: Any, settings: ChannelSettings) -> Any:
    # Whether a proxy stands between is the name's to say.
    called = settings.host or settings.target
    options = channel_options(called, settings.max_message_bytes, settings.keepalive)
    if settings.own_connection:
        options.append(("grpc.use_local_subchannel_pool", 1))
    if not settings.retries:
        options.append(("grpc.enable_retries", 0))
    if settings.host is not None:
        options.append(("grpc.default_authority", settings.host))
        if settings.tls is not None:
            options.append(("grpc.ssl_target_name_override", settings.host))
    if settings.tls is None:
        return module.insecure_channel(settings.target, options=options)
    return module.secure_channel(settings.target, settings.tls.credentials(), options=options)


def outgoing_metadata(token: SecretStr | None = None) -> tuple[tuple[str, str], ...]:
    """Return what goes along with a call: the request's id, its trace, the bearer token."""
    request_id = current_request_id()
    metadata = [(REQUEST_ID, request_id)] if request_id else []
    parent = traceparent()
    if parent is not None:
        metadata.append((TRACEPARENT, parent))
    if token is not None:
        metadata.append(("authorization", f"Bearer {token.get_secret_value()}"))
    return tuple(metadata)

"""Channels: how one part calls another."""

import json
from dataclasses import dataclass

import grpc
import grpc.aio
from pydantic import SecretStr

from sketchzoo.proxy import proxy_options
from sketchzoo.rpc.target import check_target
from sketchzoo.rpc.tls import ClientTls
from sketchzoo.telemetry import TRACEPARENT, current_request_id, traceparent

REQUEST_ID = "x-request-id"

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
class Vigilance:
    """How soon a connection whose other end has gone without a word is found and replaced.

    A connection silent for `silence_ms` is asked for a sign of life, and given up after
    `answer_ms` without one. An attempt to connect may take `connect_ms`, and the next begins
    at most `pause_ms` after it.
    """

    silence_ms: int
    answer_ms: int
    connect_ms: int
    pause_ms: int


# Over the internet: a phone's network may be away for seconds, and pings cost battery.
PATIENT = Vigilance(silence_ms=20_000, answer_ms=5_000, connect_ms=2_000, pause_ms=1_000)
# Between parts, which ask each other every second whether they are there.
BETWEEN_PARTS = Vigilance(silence_ms=1_000, answer_ms=1_000, connect_ms=1_000, pause_ms=300)


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """How to reach a server.

    `target` is a gRPC name: `host:port`, or `dns:///name:port` for every address
    behind a name, called in turn.
    """

    target: str
    tls: ClientTls | None = None
    token: SecretStr | None = None
    max_message_bytes: int = 16 * 1024 * 1024
    vigilance: Vigilance = PATIENT

    def __post_init__(self) -> None:
        check_target(self.target)


def channel_options(
    target: str, max_message_bytes: int, vigilance: Vigilance = PATIENT
) -> list[tuple[str, int | str]]:
    """Return the options of every channel: keepalive, retries, round robin, sizes, proxies."""
    return [
        *proxy_options(target),
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.keepalive_time_ms", vigilance.silence_ms),
        ("grpc.keepalive_timeout_ms", vigilance.answer_ms),
        # What gRPC goes by in fact: without it a ping is waited for 60 seconds, whatever
        # the keepalive's own timeout says.
        ("grpc.http2.ping_timeout_ms", vigilance.answer_ms),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.initial_reconnect_backoff_ms", 100),
        # Despite its name, how long one attempt to connect may take.
        ("grpc.min_reconnect_backoff_ms", vigilance.connect_ms),
        ("grpc.max_reconnect_backoff_ms", vigilance.pause_ms),
        ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ]


def open_channel(settings: ChannelSettings) -> grpc.aio.Channel:
    """Open an asyncio channel; it connects when it is first called."""
    options = channel_options(settings.target, settings.max_message_bytes, settings.vigilance)
    if settings.tls is None:
        return grpc.aio.insecure_channel(settings.target, options=options)
    return grpc.aio.secure_channel(settings.target, settings.tls.credentials(), options=options)


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

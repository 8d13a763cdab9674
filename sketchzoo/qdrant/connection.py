"""The connection to Qdrant: one channel, a deadline on every call, errors by type.

Messages and stubs are those that qdrant-client ships; of the client itself nothing is used
(docs/adr/0063-one-channel-to-qdrant.md).
"""

import asyncio
import time
from typing import Any
from urllib.parse import urlsplit

import grpc
import grpc.aio
import structlog
from google.protobuf.message import Message
from prometheus_client import CollectorRegistry, Histogram
from pydantic import SecretStr
from qdrant_client import grpc as api

from sketchzoo.address import authority
from sketchzoo.call_settings import QdrantSettings
from sketchzoo.proxy import is_near
from sketchzoo.qdrant.errors import PART, from_qdrant
from sketchzoo.rpc import (
    BETWEEN_PARTS,
    ChannelSettings,
    deadline_exceeded,
    open_channel,
    outgoing_metadata,
)
from sketchzoo.rpc.tls import ClientTls
from sketchzoo.telemetry import SECONDS_BUCKETS, exemplar, span

log = structlog.get_logger()

_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_SYSTEM: dict[str, str | int] = {"db.system.name": "qdrant"}


def call_seconds(registry: CollectorRegistry | None) -> Histogram:
    """Register the metric of calls to Qdrant."""
    return Histogram(
        "sketchzoo_qdrant_call_seconds",
        "Seconds of calls to Qdrant as the caller sees them, by method and status code.",
        ["method", "code"],
        buckets=SECONDS_BUCKETS,
        registry=registry,
    )


def remaining(deadline: float | None) -> float | None:
    """Return the seconds until a deadline in `time.monotonic()` seconds, None without one.

    DEADLINE_EXCEEDED where it has passed: gRPC might answer a call of no seconds.
    """
    if deadline is None:
        return None
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise deadline_exceeded(f"waiting for {PART}")
    return seconds


class QdrantConnection:
    """A channel to Qdrant and the rules of calling it; made by `connect`."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        timeout_seconds: float,
        *,
        api_key: SecretStr | None = None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._channel = channel
        self._stubs = {
            "Points": api.PointsStub(channel),  # type: ignore[no-untyped-call] # generated
            "Collections": api.CollectionsStub(channel),  # type: ignore[no-untyped-call] # generated
        }
        self._own = (("api-key", api_key.get_secret_value()),) if api_key is not None else ()
        self._timeout_seconds = timeout_seconds
        self._seconds = call_seconds(registry)

    async def ask(self, method: str, request: Message, timeout_seconds: float | None = None) -> Any:
        """Make a call, named as in `Points/Upsert`, and return its answer.

        It ends within `timeout_seconds` or the setting, whichever is sooner.

        Raises:
            CallError: UNAVAILABLE, DEADLINE_EXCEEDED, or what Qdrant refused.

        """
        service, name = method.split("/")
        call = getattr(self._stubs[service], name)
        limit = self._timeout_seconds
        if timeout_seconds is not None:
            limit = min(limit, timeout_seconds)
        start = time.perf_counter()
        code = grpc.StatusCode.UNKNOWN
        try:
            with span(method, "client", attributes=_SYSTEM):
                metadata = (*self._own, *outgoing_metadata())
                answer = await call(request, timeout=limit, metadata=metadata)
            code = grpc.StatusCode.OK
        except grpc.aio.AioRpcError as error:
            problem = from_qdrant(error)
            code = problem.code
            raise problem from error
        except asyncio.CancelledError:
            code = grpc.StatusCode.CANCELLED
            raise
        finally:
            seconds = time.perf_counter() - start
            self._seconds.labels(method, code.name).observe(seconds, exemplar())
        return answer

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close(None)


def _read_url(text: str) -> tuple[bool, str, int]:
    """Return whether by TLS, to which host and port."""
    try:
        url = urlsplit(text)
        port = url.port or 6334
    except ValueError:
        pass
    else:
        if url.scheme in ("http", "https") and url.hostname:
            return url.scheme == "https", url.hostname, port
    raise ValueError(
        "qdrant_url must look like http://host:6334, https://host:6334 or http://[::1]:6334"
    )


def connect(
    settings: QdrantSettings, registry: CollectorRegistry | None = None
) -> QdrantConnection:
    """Open a channel to the Qdrant at the settings' address; nothing is sent yet.

    Calls are timed in `registry`, if one is given.

    Raises:
        ValueError: the address is none, or a TLS file holds no certificate or key.
        OSError: a TLS file is missing.

    """
    secure, host, port = _read_url(settings.qdrant_url)
    key = settings.qdrant_api_key
    if key is not None and not secure and not is_near(host):
        log.warning("the key goes unencrypted", qdrant_url=settings.qdrant_url, right="https://")
    tls = ClientTls(
        settings.qdrant_ca, settings.qdrant_client_certificate, settings.qdrant_client_key
    )
    channel = open_channel(
        ChannelSettings(
            authority(host, port),
            tls=tls if secure else None,
            max_message_bytes=_MAX_MESSAGE_BYTES,
            keepalive=BETWEEN_PARTS,
        )
    )
    return QdrantConnection(
        channel, settings.qdrant_timeout_seconds, api_key=key, registry=registry
    )

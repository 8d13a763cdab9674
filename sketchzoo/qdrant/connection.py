"""The connection to Qdrant: one client, deadlines on every call, errors in our words."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import grpc
import grpc.aio
import structlog
from google.protobuf.message import Message
from prometheus_client import CollectorRegistry, Histogram
from pydantic import SecretStr
from qdrant_client import AsyncQdrantClient
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.context_headers import headers
from qdrant_client.grpc import PointsStub

from sketchzoo.address import authority
from sketchzoo.proxy import is_near
from sketchzoo.qdrant.errors import PART, from_qdrant
from sketchzoo.rpc import CallError, deadline_exceeded, exhausted
from sketchzoo.rpc.channel import BETWEEN_PARTS, REQUEST_ID, channel_options
from sketchzoo.settings import QdrantSettings
from sketchzoo.telemetry import (
    SECONDS_BUCKETS,
    TRACEPARENT,
    current_request_id,
    exemplar,
    span,
    traceparent,
)

log = structlog.get_logger()

Answer = TypeVar("Answer", bound=Message)


def call_seconds(registry: CollectorRegistry | None) -> Histogram:
    """Register the metric of calls to Qdrant."""
    return Histogram(
        "sketchzoo_qdrant_call_seconds",
        "Seconds of calls to Qdrant as the caller sees them, by method and status code.",
        ["method", "code"],
        buckets=SECONDS_BUCKETS,
        registry=registry,
    )


class QdrantConnection:
    """A client, its API's bare stub, and the rules of calling them; made by `connect`.

    The client is for everything but queries. These go as messages over `points`, since the
    client's models, made of every hit and thrown away, cost more than the rest of the call.
    """

    def __init__(
        self,
        client: AsyncQdrantClient,
        channel: grpc.aio.Channel,
        timeout_seconds: float,
        *,
        api_key: SecretStr | None = None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self.client = client
        self.points: Any = PointsStub(channel)  # type: ignore[no-untyped-call] # generated
        self._channel = channel
        self._own = {"api-key": api_key.get_secret_value()} if api_key is not None else {}
        self._timeout_seconds = timeout_seconds
        self._seconds = call_seconds(registry)

    @asynccontextmanager
    async def call(self, method: str, timeout_seconds: float | None = None) -> AsyncIterator[None]:
        """Run one call of the client: timed as `method`, within the deadline, with its id.

        Raises:
            CallError: UNAVAILABLE, DEADLINE_EXCEEDED, or what Qdrant refused.

        """
        start = time.perf_counter()
        code = grpc.StatusCode.UNKNOWN
        try:
            with span(f"Qdrant/{method}", "client", attributes=_SYSTEM):
                async with self._limited(timeout_seconds):
                    yield
            code = grpc.StatusCode.OK
        except CallError as error:
            code = error.code
            raise
        except asyncio.CancelledError:
            code = grpc.StatusCode.CANCELLED
            raise
        finally:
            self._observe(method, code, time.perf_counter() - start)

    async def ask(
        self,
        method: str,
        call: Callable[..., grpc.aio.UnaryUnaryCall[Any, Answer]],
        request: Message,
        timeout_seconds: float | None = None,
    ) -> Answer:
        """Make one call of the stub, as `call` does of the client.

        Raises:
            CallError: UNAVAILABLE, DEADLINE_EXCEEDED, or what Qdrant refused.

        """
        start = time.perf_counter()
        code = grpc.StatusCode.UNKNOWN
        try:
            with span(f"Qdrant/{method}", "client", attributes=_SYSTEM):
                sent = tuple({**self._own, **_headers()}.items())
                answer = await call(request, timeout=self._limit(timeout_seconds), metadata=sent)
            code = grpc.StatusCode.OK
        except grpc.aio.AioRpcError as error:
            problem = from_qdrant(error)
            code = problem.code
            raise problem from error
        except asyncio.CancelledError:
            code = grpc.StatusCode.CANCELLED
            raise
        finally:
            self._observe(method, code, time.perf_counter() - start)
        return answer

    @asynccontextmanager
    async def _limited(self, timeout_seconds: float | None) -> AsyncIterator[None]:
        """Keep the deadline, send the request's id, and tell failures in our words.

        Raises:
            CallError: UNAVAILABLE, DEADLINE_EXCEEDED, or what Qdrant refused.

        """
        try:
            # The client's own timeout has whole seconds only.
            async with asyncio.timeout(self._limit(timeout_seconds)):
                with headers(_headers()):
                    yield
        except TimeoutError as error:
            raise deadline_exceeded(f"waiting for {PART}") from error
        except ResourceExhaustedResponse as error:
            raise exhausted(f"{PART} is busy", error.retry_after_s) from error
        except grpc.aio.AioRpcError as error:
            raise from_qdrant(error) from error

    def _limit(self, timeout_seconds: float | None) -> float:
        if timeout_seconds is None:
            return self._timeout_seconds
        return min(self._timeout_seconds, timeout_seconds)

    def _observe(self, method: str, code: grpc.StatusCode, seconds: float) -> None:
        self._seconds.labels(method, code.name).observe(seconds, exemplar())

    async def close(self) -> None:
        """Close the channels."""
        await self._channel.close(None)
        await self.client.close()


_SYSTEM: dict[str, str | int] = {"db.system.name": "qdrant"}


def _headers() -> dict[str, str]:
    sent = {REQUEST_ID: current_request_id() or ""}
    parent = traceparent()
    return sent if parent is None else {**sent, TRACEPARENT: parent}


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
    """Open a client for the Qdrant at the settings' address; nothing is sent yet.

    Calls are timed in `registry`, if one is given.
    """
    secure, host, port = _read_url(settings.qdrant_url)
    key = settings.qdrant_api_key
    target = authority(host, port)
    if key is not None and not secure and not is_near(host):
        log.warning("the key goes unencrypted", qdrant_url=settings.qdrant_url, right="https://")
    options = channel_options(target, 64 * 1024 * 1024, BETWEEN_PARTS)
    client = AsyncQdrantClient(
        host=target.removesuffix(f":{port}"),
        grpc_port=port,
        https=secure,
        prefer_grpc=True,
        # As a header: given as `api_key` it would be warned of by a Python warning, which no
        # log takes up.
        headers={"api-key": key.get_secret_value()} if key else None,
        timeout=max(1, round(settings.qdrant_timeout_seconds)),
        # It would ask over REST, which embedded Qdrant does not serve.
        check_compatibility=False,
        grpc_options=dict(options),
        pool_size=1,
        # Its REST client is never called, and would stumble over a proxy that it does not know.
        trust_env=False,
    )
    channel = (
        grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(), options=options)
        if secure
        else grpc.aio.insecure_channel(target, options=options)
    )
    return QdrantConnection(
        client, channel, settings.qdrant_timeout_seconds, api_key=key, registry=registry
    )

"""The connection to Qdrant: one client, deadlines on every call, errors in our words."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import grpc
import grpc.aio
from prometheus_client import CollectorRegistry, Histogram
from qdrant_client import AsyncQdrantClient
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.context_headers import headers

from sketchzoo.rpc import CallError, deadline_exceeded, exhausted, from_rpc_error, not_found
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

PART = "Qdrant"


class QdrantConnection:
    """A client and the rules of calling it; made by `connect`."""

    def __init__(
        self,
        client: AsyncQdrantClient,
        timeout_seconds: float,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self.client = client
        self._timeout_seconds = timeout_seconds
        self._seconds = Histogram(
            "sketchzoo_qdrant_call_seconds",
            "Seconds of calls to Qdrant as the caller sees them, by method and status code.",
            ["method", "code"],
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )

    @asynccontextmanager
    async def call(self, method: str, timeout_seconds: float | None = None) -> AsyncIterator[None]:
        """Run one call to Qdrant: timed by `method`, within the deadline, with the request's id.

        Raises:
            CallError: UNAVAILABLE, DEADLINE_EXCEEDED, or what Qdrant refused.

        """
        start = time.perf_counter()
        code = grpc.StatusCode.OK
        try:
            with span(f"Qdrant/{method}", "client", attributes={"db.system.name": "qdrant"}):
                async with self._limited(timeout_seconds):
                    yield
        except CallError as error:
            code = error.code
            raise
        except asyncio.CancelledError:
            code = grpc.StatusCode.CANCELLED
            raise
        except BaseException:
            code = grpc.StatusCode.UNKNOWN
            raise
        finally:
            seconds = time.perf_counter() - start
            self._seconds.labels(method, code.name).observe(seconds, exemplar())

    @asynccontextmanager
    async def _limited(self, timeout_seconds: float | None) -> AsyncIterator[None]:
        """Keep the deadline, send the request's id, and tell failures in our words.

        Raises:
            CallError: UNAVAILABLE, DEADLINE_EXCEEDED, or what Qdrant refused.

        """
        limit = self._timeout_seconds
        if timeout_seconds is not None:
            limit = min(limit, timeout_seconds)
        try:
            # The client's own timeout has whole seconds only.
            async with asyncio.timeout(limit):
                with headers(_headers()):
                    yield
        except TimeoutError as error:
            raise deadline_exceeded(f"waiting for {PART}") from error
        except ResourceExhaustedResponse as error:
            raise exhausted(f"{PART} is busy", error.retry_after_s) from error
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND:
                raise not_found(error.details() or f"{PART} does not have it") from error
            raise from_rpc_error(error, PART) from error

    async def close(self) -> None:
        """Close the client's channels."""
        await self.client.close()


def _headers() -> dict[str, str]:
    sent = {REQUEST_ID: current_request_id() or ""}
    parent = traceparent()
    return sent if parent is None else {**sent, TRACEPARENT: parent}


def connect(
    settings: QdrantSettings, registry: CollectorRegistry | None = None
) -> QdrantConnection:
    """Open a client for the Qdrant at the settings' address; nothing is sent yet.

    Calls are timed in `registry`, if one is given.
    """
    url = urlsplit(settings.qdrant_url)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("qdrant_url must look like http://host:6334 or https://host:6334")
    key = settings.qdrant_api_key
    client = AsyncQdrantClient(
        host=url.hostname,
        grpc_port=url.port or 6334,
        https=url.scheme == "https",
        prefer_grpc=True,
        api_key=key.get_secret_value() if key else None,
        timeout=max(1, round(settings.qdrant_timeout_seconds)),
        # It would ask over REST, which embedded Qdrant does not serve.
        check_compatibility=False,
        grpc_options=dict(channel_options(64 * 1024 * 1024, BETWEEN_PARTS)),
        pool_size=1,
    )
    return QdrantConnection(client, settings.qdrant_timeout_seconds, registry)

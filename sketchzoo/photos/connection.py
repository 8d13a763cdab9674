"""The connection to Qdrant: one client, deadlines on every call, errors in our words."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import grpc.aio
from qdrant_client import AsyncQdrantClient
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.context_headers import headers

from sketchzoo.rpc import deadline_exceeded, exhausted, from_rpc_error, not_found
from sketchzoo.rpc.channel import REQUEST_ID, channel_options
from sketchzoo.settings import QdrantSettings
from sketchzoo.telemetry import current_request_id

PART = "Qdrant"


class QdrantConnection:
    """A client and the rules of calling it; made by `connect`."""

    def __init__(self, client: AsyncQdrantClient, timeout_seconds: float) -> None:
        self.client = client
        self._timeout_seconds = timeout_seconds

    @asynccontextmanager
    async def call(self, timeout_seconds: float | None = None) -> AsyncIterator[None]:
        """Run one call to Qdrant: the request's id goes along, the deadline is kept.

        Raises:
            CallError: UNAVAILABLE, DEADLINE_EXCEEDED, or what Qdrant refused.

        """
        limit = self._timeout_seconds
        if timeout_seconds is not None:
            limit = min(limit, timeout_seconds)
        try:
            # The client's own timeout has whole seconds only.
            async with asyncio.timeout(limit):
                with headers({REQUEST_ID: current_request_id() or ""}):
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


def connect(settings: QdrantSettings) -> QdrantConnection:
    """Open a client for the Qdrant at the settings' address; nothing is sent yet."""
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
        grpc_options=dict(channel_options(64 * 1024 * 1024)),
        pool_size=1,
    )
    return QdrantConnection(client, settings.qdrant_timeout_seconds)

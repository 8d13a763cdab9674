"""The search service as the gateway calls it: one channel, the token, deadlines."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from live_demo.settings import LiveSettings
from sketchzoo.rpc import (
    BETWEEN_PARTS,
    ChannelSettings,
    from_rpc_error,
    not_found,
    open_channel,
)
from sketchzoo.rpc.channel import outgoing_metadata
from sketchzoo.rpc.tls import ClientTls
from sketchzoo.search.v1 import search_pb2, search_pb2_grpc
from sketchzoo.telemetry import span

PART = "search"
_SERVICE = "sketchzoo.search.v1.SearchService"


class Searcher:
    """Calls the search service; failures raise `CallError`."""

    def __init__(self, settings: LiveSettings) -> None:
        self._token = settings.search_token
        self._seconds = settings.search_seconds
        self._channel = open_channel(
            ChannelSettings(
                settings.search_target,
                tls=ClientTls.of(settings),
                token=self._token,
                keepalive=BETWEEN_PARTS,
            )
        )
        self._stub = search_pb2_grpc.SearchServiceStub(self._channel)
        # The stubs of health know nothing of asyncio.
        self._health: Any = health_pb2_grpc.HealthStub(self._channel)

    def live(self) -> Any:
        """Open a LiveSearch; it lasts until it is cancelled or breaks."""
        # Without an iterator of requests they are written one by one; the stubs ask for one.
        call: Any = self._stub.LiveSearch
        return call(metadata=outgoing_metadata(self._token))

    async def classes(self) -> dict[str, int]:
        """Return the gallery's classes with their number of photos, by name."""
        async with self._call("ListClasses"):
            found = await self._stub.ListClasses(
                search_pb2.ListClassesRequest(),
                timeout=self._seconds,
                metadata=outgoing_metadata(self._token),
            )
        return {each.class_name: each.count for each in found.classes}

    async def photo(self, photo_id: str, max_side: int) -> tuple[bytes, str]:
        """Return a photo's thumbnail and its media type."""
        async with self._call("GetPhoto"):
            photo = await self._stub.GetPhoto(
                search_pb2.GetPhotoRequest(
                    photo_id=photo_id,
                    size=search_pb2.PHOTO_SIZE_THUMBNAIL,
                    max_side=max_side,
                ),
                timeout=self._seconds,
                metadata=outgoing_metadata(self._token),
            )
        return photo.content, photo.content_type

    async def is_serving(self) -> bool:
        """Ask whether searches can be answered now."""
        try:
            answer = await self._health.Check(
                health_pb2.HealthCheckRequest(service=_SERVICE), timeout=1.0
            )
        except grpc.aio.AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    async def close(self) -> None:
        """Close the channel; what is under way ends."""
        await self._channel.close(None)

    @asynccontextmanager
    async def _call(self, method: str) -> AsyncIterator[None]:
        try:
            with span(f"live/{method}", "server"), span(f"SearchService/{method}", "client"):
                yield
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise not_found(error.details() or "no such photo") from error
            raise from_rpc_error(error, PART) from error

"""The gallery service as the gateway calls it: a photo's bytes go through as they come."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import grpc.aio

from live_demo.settings import LiveSettings
from sketchzoo.gallery.v1 import gallery_pb2, gallery_pb2_grpc
from sketchzoo.rpc import BETWEEN_PARTS, ChannelSettings, from_rpc_error, open_channel, unavailable
from sketchzoo.rpc.channel import outgoing_metadata
from sketchzoo.rpc.errors import from_status
from sketchzoo.rpc.tls import ClientTls
from sketchzoo.telemetry import span

PART = "gallery"
# A page waits for it.
_STATUS_SECONDS = 1.0


class Adder:
    """Calls the gallery service; failures raise `CallError`."""

    def __init__(self, settings: LiveSettings) -> None:
        self._token = settings.gallery_token
        self._channel = open_channel(
            ChannelSettings(
                settings.gallery_target,
                tls=ClientTls.of(settings),
                token=self._token,
                keepalive=BETWEEN_PARTS,
            )
        )
        self._stub = gallery_pb2_grpc.GalleryServiceStub(self._channel)

    async def takes_photos(self) -> bool:
        """Ask whether photos may be sent; False where the service is away."""
        try:
            status = await self._stub.GetStatus(
                gallery_pb2.GetStatusRequest(),
                timeout=_STATUS_SECONDS,
                metadata=outgoing_metadata(self._token),
            )
        except grpc.aio.AioRpcError:
            return False
        return bool(status.takes_bytes)

    async def add(
        self, header: gallery_pb2.PhotoHeader, gallery: str, pieces: AsyncIterator[bytes]
    ) -> gallery_pb2.AddedPhoto:
        """Send one photo, and return what became of it once it can be found.

        Raises:
            CallError: it was not added.

        """
        # Without an iterator of requests they are written one by one; the stubs ask for one.
        add: Any = self._stub.AddPhotos
        with span("live/AddPhotos", "server"), span("GalleryService/AddPhotos", "client"):
            call = add(metadata=outgoing_metadata(self._token))
            try:
                return await _first(_answer(call), _send(call, header, gallery, pieces))
            except grpc.aio.AioRpcError as error:
                raise from_rpc_error(error, PART) from error
            finally:
                call.cancel()

    async def close(self) -> None:
        """Close the channel; what is under way ends."""
        await self._channel.close(None)


async def _first(
    answer: Coroutine[Any, Any, gallery_pb2.AddedPhoto], sending: Coroutine[Any, Any, None]
) -> gallery_pb2.AddedPhoto:
    """Return the answer; what is still sent by then is of no use any more."""
    reading, writing = asyncio.create_task(answer), asyncio.create_task(sending)
    try:
        await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            await writing  # whoever sent it may have gone
        return await reading
    finally:
        for task in (reading, writing):
            task.cancel()
        await asyncio.gather(reading, writing, return_exceptions=True)


async def _send(
    call: Any, header: gallery_pb2.PhotoHeader, gallery: str, pieces: AsyncIterator[bytes]
) -> None:
    try:
        await call.write(gallery_pb2.AddPhotosRequest(gallery=gallery, photo=header))
        async for piece in pieces:
            await call.write(gallery_pb2.AddPhotosRequest(piece=piece))
        await call.done_writing()
    except asyncio.InvalidStateError:
        return  # it has ended, and reading tells why


async def _answer(call: Any) -> gallery_pb2.AddedPhoto:
    response = await call.read()
    if not isinstance(response, gallery_pb2.AddPhotosResponse):  # the end
        raise unavailable(PART, "it ended without an answer")
    if response.WhichOneof("outcome") == "status":
        raise from_status(response.status)
    return response.photo

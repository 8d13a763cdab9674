"""The asyncio client of the gallery service: the blocking one's twin, method by method."""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import grpc.aio
from tenacity import AsyncRetrying

from sketchzoo.client import arguments, calls, gallery_calls
from sketchzoo.client.calls import Call
from sketchzoo.client.connection import Connection
from sketchzoo.client.errors import DeadlineExceeded
from sketchzoo.client.gallery import (
    AddResult,
    Conditions,
    GalleryStatus,
    NewPhoto,
    Source,
    as_photo,
)
from sketchzoo.client.gallery_ledger import Ledger, Sending
from sketchzoo.gallery.v1 import gallery_pb2_grpc
from sketchzoo.rpc.channel import ChannelSettings, open_channel
from sketchzoo.rpc.tls import ClientTls
from sketchzoo.telemetry import span

R = TypeVar("R")
Photos = Iterable[NewPhoto | Source] | AsyncIterable[NewPhoto | Source]
_MAX_MESSAGE_BYTES = 2 * 1024 * 1024
_aio: Any = grpc.aio  # the stubs lack EOF
_EOF = _aio.EOF


class AsyncGalleryClient:
    """Changes galleries through the gallery service; belongs to one event loop.

    Its arguments are `GalleryClient`'s. It connects when first called.
    """

    def __init__(
        self,
        target: str,
        *,
        token: str | None = None,
        tls: ClientTls | None = None,
        gallery: str = "",
        timeout: float = 60.0,
        retries: int = 5,
    ) -> None:
        self._connection = Connection(target, token, tls, timeout, retries, _MAX_MESSAGE_BYTES)
        self._gallery = arguments.text("gallery", gallery)
        self._closed = False
        # gRPC's asyncio channels take the event loop that runs when they are made.
        self._channel: grpc.aio.Channel | None = None
        self._methods: Any = None

    async def add(
        self, photos: Photos, *, gallery: str | None = None, window: int = 16
    ) -> AsyncIterator[AddResult]:
        """Add photos; yield each one's result once it can be found, in the order they are settled.

        Files go over in pieces, read in threads: at most `window` photos are on their way.

        Raises:
            SearchError: the service is away, or refuses the caller; what was yielded stays.
            TypeError, ValueError: a photo makes no sense; raised after the results before it.

        """
        ledger = Ledger(arguments.whole("window", window, 1, 1_000), self._connection.retries)
        named = self._named(gallery)
        sender = _Sender(ledger, photos, named)
        try:
            while not ledger.is_done:
                stream: Any = self._stub().AddPhotos(
                    sender.requests(), metadata=self._connection.metadata()
                )
                try:
                    while (response := await self._heard(stream, ledger)) is not _EOF:
                        result = sender.answered(response)
                        if result is not None:
                            yield result
                        for failure in ledger.failures():
                            yield failure
                    ledger.unsent()
                except grpc.aio.AioRpcError as error:
                    await asyncio.sleep(ledger.lost(error))
                finally:
                    sender.stop()
                    stream.cancel()
            for failure in ledger.failures():
                yield failure
            if sender.error is not None:
                raise sender.error
        finally:
            await sender.close()

    async def delete(
        self,
        photo_ids: Sequence[str] | None = None,
        *,
        gallery: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - a deadline that travels with the call
        **condition: Unpack[Conditions],
    ) -> int:
        """Delete photos by ids, or all that meet a filter; return how many there were."""
        named = self._named(gallery)
        call = gallery_calls.delete(named, photo_ids, condition)
        return await self._call(call, timeout)

    async def set_payload(
        self,
        photo_id: str,
        *,
        class_name: str | None = None,
        rating: int | None = None,
        payload: Mapping[str, Any] | None = None,
        gallery: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> bool:
        """Change what is kept of a photo; return whether anything was different."""
        named = self._named(gallery)
        call = gallery_calls.set_payload(named, photo_id, class_name, rating, payload)
        return await self._call(call, timeout)

    async def status(
        self,
        *,
        gallery: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> GalleryStatus:
        """Return what a gallery holds and what is under way."""
        return await self._call(gallery_calls.status(self._named(gallery)), timeout)

    async def close(self) -> None:
        """Close the connection; calls under way fail."""
        self._closed = True
        if self._channel is not None:
            await self._channel.close(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _heard(self, stream: Any, ledger: Ledger) -> Any:
        """Return the next answer, or gRPC's EOF; raises where nothing happens for too long.

        Where only the stream's end does not come, it has come.
        """
        seconds = self._connection.timeout
        reading = asyncio.ensure_future(stream.read())
        try:
            while not (await asyncio.wait([reading], timeout=min(1.0, seconds / 4)))[0]:
                if ledger.is_stuck(seconds) and ledger.is_done:
                    return _EOF
                if ledger.is_stuck(seconds):
                    raise DeadlineExceeded(f"nothing was sent or heard for {seconds:g} s")
            return reading.result()
        finally:
            reading.cancel()

    def _named(self, gallery: str | None) -> str:
        return self._gallery if gallery is None else arguments.text("gallery", gallery)

    async def _call(self, call: Call[R], timeout: float | None) -> R:  # noqa: ASYNC109 - as above
        until = self._connection.until(timeout)
        method = getattr(self._stub(), call.method)

        async def attempt() -> R:
            remaining = max(0.0, until - time.monotonic())
            try:
                with span(f"GalleryService/{call.method}", "client"):
                    answer = await method(
                        call.request, timeout=remaining, metadata=self._connection.metadata()
                    )
            except grpc.aio.AioRpcError as error:
                raise calls.from_rpc_error(error) from error
            return call.read(answer)

        answer: R = await AsyncRetrying(**self._connection.retrying(until))(attempt)
        return answer

    def _stub(self) -> Any:
        if self._closed:
            raise RuntimeError("the client is closed")
        if self._channel is None:
            connection = self._connection
            self._channel = open_channel(
                ChannelSettings(
                    connection.target, connection.tls, max_message_bytes=_MAX_MESSAGE_BYTES
                )
            )
            self._methods = gallery_pb2_grpc.GalleryServiceStub(self._channel)
        return self._methods


class _Sender:
    """Sends a ledger's photos; a task of its own asks the caller's iterator, one photo ahead."""

    def __init__(self, ledger: Ledger, photos: Photos, gallery: str) -> None:
        self._ledger = ledger
        self._gallery = gallery
        self._changed = asyncio.Event()
        self._ahead: list[NewPhoto] = []
        self._room = asyncio.Event()
        self._room.set()
        self._stream = 0
        self.error: Exception | None = None
        # gRPC cancels what waits for a stream's next request; the caller's iterator lives on.
        self._taking = asyncio.create_task(self._take_all(photos))

    def requests(self) -> AsyncIterator[gallery_calls.Request]:
        """Return the requests of one stream."""
        self._stream += 1
        return self._requests(self._stream)

    def answered(self, response: Any) -> AddResult | None:
        """Return a photo's result, if it has one."""
        result = self._ledger.answered(response)
        self._changed.set()
        return result

    def stop(self) -> None:
        """Let the last stream take nothing more."""
        self._stream += 1
        self._changed.set()

    async def close(self) -> None:
        """Take no more photos."""
        self._taking.cancel()
        await asyncio.wait([self._taking])

    async def _requests(self, stream: int) -> AsyncIterator[gallery_calls.Request]:
        while (sending := await self._next(stream)) is not None:
            pieces = gallery_calls.photo_requests(sending.index, sending.photo, self._gallery)
            try:
                # A disk may be slow, and a network's more so.
                while (request := await asyncio.to_thread(_following, pieces)) is not None:
                    if stream != self._stream:
                        return
                    self._ledger.touch()
                    yield request
            except OSError as error:
                self._ledger.failed(sending, error)
            except (TypeError, ValueError) as error:
                self._ledger.dropped(sending)
                self._end(error)

    async def _next(self, stream: int) -> Sending | None:
        while stream == self._stream and not self._ledger.is_done:
            self._changed.clear()
            again = self._ledger.again()
            if isinstance(again, Sending):
                return again
            if self._ledger.takes_another and self._ahead:
                sending = self._ledger.add(self._ahead.pop(0))
                self._room.set()
                return sending
            try:
                async with asyncio.timeout(again):
                    await self._changed.wait()
            except TimeoutError:
                continue
        return None

    async def _take_all(self, photos: Photos) -> None:
        try:
            if isinstance(photos, AsyncIterable):
                async for photo in photos:
                    await self._take(photo)
            else:
                for photo in photos:
                    await self._take(photo)
        except Exception as error:  # noqa: BLE001 - raised where the results are awaited
            self._end(error)
            return
        # What is ahead is still to be sent.
        await self._room.wait()
        self._end(None)

    async def _take(self, photo: NewPhoto | Source) -> None:
        await self._room.wait()
        self._ahead.append(as_photo(photo))
        self._room.clear()
        self._changed.set()

    def _end(self, error: Exception | None) -> None:
        self.error = self.error or error
        self._ledger.is_exhausted = True
        self._changed.set()


def _following(pieces: Iterator[gallery_calls.Request]) -> gallery_calls.Request | None:
    return next(pieces, None)

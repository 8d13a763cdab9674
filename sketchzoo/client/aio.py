"""The asyncio client: the blocking one's twin, method by method."""

import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import grpc.aio
from tenacity import AsyncRetrying

from sketchzoo.client import arguments, calls
from sketchzoo.client.calls import Answer, Call
from sketchzoo.client.connection import Connection
from sketchzoo.client.live import AsyncDrawings, Progress
from sketchzoo.client.options import FilterOptions, Options, as_query, several
from sketchzoo.client.original import AsyncOriginal, opened_later, save_later
from sketchzoo.client.picture import Picture
from sketchzoo.client.query import MAX_MESSAGE_BYTES, Query
from sketchzoo.client.results import (
    ClassCounts,
    Gallery,
    Hit,
    LiveAnswer,
    PhotoFile,
    SearchResult,
)
from sketchzoo.rpc.channel import ChannelSettings, open_channel
from sketchzoo.rpc.tls import ClientTls
from sketchzoo.search.v1 import search_pb2, search_pb2_grpc
from sketchzoo.strokes import Strokes
from sketchzoo.telemetry import span

R = TypeVar("R")


class AsyncClient:
    """Searches through the service at `target`, `host:port`; belongs to one event loop.

    `timeout` is every call's deadline in seconds unless it has its own; `retries` says
    how often a call that was refused for overload is repeated within it. It connects
    when first called; close it, or use it in an `async with` statement.
    """

    def __init__(
        self,
        target: str,
        *,
        token: str | None = None,
        tls: ClientTls | None = None,
        timeout: float = 10.0,
        retries: int = 2,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        self._connection = Connection(target, token, tls, timeout, retries, max_message_bytes)
        self._most = self._connection.max_message_bytes
        self._closed = False
        # gRPC's asyncio channels take the event loop that runs when they are made.
        self._channel: grpc.aio.Channel | None = None
        self._methods: Any = None

    async def search(
        self,
        sketch: Picture | Strokes | Query | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - a deadline that travels with the call
        **options: Unpack[Options],
    ) -> SearchResult:
        """Return the photos nearest to a sketch, or to what the options name; see `Query`.

        Raises:
            SearchError: why there is no answer.
            OSError: a picture's file is missing.
            TypeError, ValueError: an argument makes no sense; nothing was sent.

        """
        return await self._call(calls.search(as_query(sketch, options), self._most), timeout)

    async def pages(
        self,
        sketch: Picture | Strokes | Query | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
        **options: Unpack[Options],
    ) -> AsyncIterator[SearchResult]:
        """Yield page after page of a search, each of `limit` hits; one call each.

        Raises:
            SearchError: why there is no answer.

        """
        call: Call[SearchResult] | None = calls.search(as_query(sketch, options), self._most)
        while call is not None:
            page = await self._call(call, timeout)
            yield page
            call = calls.following(call, page)

    async def batch(
        self,
        queries: Iterable[Query | Picture | Strokes],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> list[Answer]:
        """Answer up to 64 searches at once, each with its result or its SearchError.

        Raises:
            SearchError: why none has an answer.

        """
        call = calls.batch(several("queries", queries, Iterable), self._most)
        return await self._call(call, timeout)

    async def live(
        self,
        drawings: AsyncIterable[Query | Picture | Strokes],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> AsyncIterator[LiveAnswer]:
        """Yield answers while drawings come; one overtaken by a newer gets none.

        `timeout` ends the whole search; without it it lasts, over further streams where the
        service ends one in good order.

        Raises:
            SearchError: why it ended.
            TypeError, ValueError, OSError: a drawing cannot be sent; it ends the search, and is
                raised after the answers to those before it. So is what `drawings` raises.

        """
        several("drawings", drawings, AsyncIterable)
        until = None if timeout is None else arguments.seconds("timeout", timeout)

        async def requests() -> AsyncIterator[search_pb2.LiveSearchRequest]:
            number = 0
            async for each in drawings:
                yield calls.drawing(number, as_query(each, {}), self._most)
                number += 1

        progress = Progress(until)
        taken = AsyncDrawings(requests(), progress)
        try:
            while (first := await taken.first()) is not None:
                stream = self._stub().LiveSearch(
                    taken.over(first),
                    timeout=progress.remaining(),
                    metadata=self._connection.metadata(),
                )
                try:
                    async for response in stream:
                        progress.answered(response.sequence)
                        yield calls.live_answer(response)
                except grpc.aio.AioRpcError as error:
                    if not progress.goes_on(error):
                        raise calls.from_rpc_error(error) from error
                else:
                    break
                finally:
                    stream.cancel()
            if taken.error is not None:
                raise taken.error
        finally:
            await taken.close()

    async def classes(
        self,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
        **condition: Unpack[FilterOptions],
    ) -> dict[str, int]:
        """Return the classes that people named with their number of photos that meet the filter."""
        return await self._call(calls.classes(self._most, **condition), timeout)

    async def list_classes(
        self,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
        **condition: Unpack[FilterOptions],
    ) -> ClassCounts:
        """Count photos that meet the filter by classes, named and seen, and all of them."""
        return await self._call(calls.list_classes(self._most, **condition), timeout)

    async def list_folders(
        self,
        parent: str = "",
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
        **condition: Unpack[FilterOptions],
    ) -> dict[str, int]:
        """Count photos that meet the filter in and below each folder right below one."""
        return await self._call(calls.list_folders(parent, self._most, **condition), timeout)

    async def get_gallery(
        self,
        gallery: str = "",
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> Gallery:
        """Return what a gallery holds; the service's own where none is named.

        Raises:
            NotFound: there is no such gallery.

        """
        return await self._call(calls.get_gallery(gallery), timeout)

    async def list_galleries(
        self,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> list[str]:
        """Return the names of the galleries that this client may search."""
        return await self._call(calls.list_galleries(), timeout)

    async def photo(
        self,
        photo_id: str,
        *,
        max_side: int | None = None,
        original: bool = False,
        gallery: str = "",
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> PhotoFile:
        """Return a photo's thumbnail of at most `max_side` pixels (256), or its original file.

        Raises:
            NotFound: the gallery has no such photo, or its file has gone.
            NotReady: the photo lies where the service may not read.

        """
        call = calls.photo(photo_id, max_side, gallery, original=original)
        return await self._call(call, timeout)

    def original(
        self,
        photo_id: str,
        *,
        gallery: str = "",
        timeout: float | None = None,
    ) -> AbstractAsyncContextManager[AsyncOriginal]:
        """Give a photo's original, however large, to be taken in pieces while the context is open.

        `timeout` ends it, 10 minutes where none is given.

        Raises:
            NotFound, NotReady: as `photo`.

        """
        begin = partial(self._stub().DownloadPhoto, calls.download(photo_id, gallery))
        return opened_later(begin, self._connection, timeout)

    async def download(
        self,
        photo_id: str,
        path: Path | str,
        *,
        gallery: str = "",
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> Hit:
        """Write a photo's original to a file, whole or not at all; return what is known of it.

        Raises:
            NotFound, NotReady: as `photo`.
            OSError: the file cannot be written.

        """
        async with self.original(photo_id, gallery=gallery, timeout=timeout) as original:
            await save_later(original, path)
        return original.photo

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

    async def _call(self, call: Call[R], timeout: float | None) -> R:  # noqa: ASYNC109 - as above
        until = self._connection.until(timeout)
        method = getattr(self._stub(), call.method)

        async def attempt() -> R:
            remaining = max(0.0, until - time.monotonic())
            try:
                with span(f"SearchService/{call.method}", "client"):
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
                ChannelSettings(connection.target, connection.tls, max_message_bytes=self._most)
            )
            self._methods = search_pb2_grpc.SearchServiceStub(self._channel)
        return self._methods

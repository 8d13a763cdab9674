"""The blocking client."""

import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import grpc
from tenacity import Retrying

from sketchzoo.client import arguments, calls
from sketchzoo.client.calls import Answer, Call
from sketchzoo.client.connection import Connection
from sketchzoo.client.live import Drawings, Progress
from sketchzoo.client.options import FilterOptions, Options, as_query, several
from sketchzoo.client.original import Original, opened, save
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
from sketchzoo.rpc.channel import ChannelSettings, open_blocking_channel
from sketchzoo.rpc.tls import ClientTls
from sketchzoo.search.v1 import search_pb2_grpc
from sketchzoo.strokes import Strokes
from sketchzoo.telemetry import span

R = TypeVar("R")


class Client:
    """Searches through the service at `target`, `host:port`; threads may share one.

    `timeout` is every call's deadline in seconds unless it has its own; `retries` says
    how often a call that was refused for overload is repeated within it. It connects
    when first called; close it, or use it in a `with` statement.
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
        connection = Connection(target, token, tls, timeout, retries, max_message_bytes)
        self._connection = connection
        self._most = connection.max_message_bytes
        self._closed = False
        self._channel = open_blocking_channel(
            ChannelSettings(connection.target, tls, max_message_bytes=self._most)
        )
        self._stub = search_pb2_grpc.SearchServiceStub(self._channel)

    def search(
        self,
        sketch: Picture | Strokes | Query | None = None,
        *,
        timeout: float | None = None,
        **options: Unpack[Options],
    ) -> SearchResult:
        """Return the photos nearest to a sketch, or to what the options name; see `Query`.

        Raises:
            SearchError: why there is no answer.
            OSError: a picture's file is missing.
            TypeError, ValueError: an argument makes no sense; nothing was sent.

        """
        return self._call(calls.search(as_query(sketch, options), self._most), timeout)

    def pages(
        self,
        sketch: Picture | Strokes | Query | None = None,
        *,
        timeout: float | None = None,
        **options: Unpack[Options],
    ) -> Iterator[SearchResult]:
        """Yield page after page of a search, each of `limit` hits; one call each.

        Raises:
            SearchError: why there is no answer.

        """
        call: Call[SearchResult] | None = calls.search(as_query(sketch, options), self._most)
        while call is not None:
            page = self._call(call, timeout)
            yield page
            call = calls.following(call, page)

    def batch(
        self, queries: Iterable[Query | Picture | Strokes], *, timeout: float | None = None
    ) -> list[Answer]:
        """Answer up to 64 searches at once, each with its result or its SearchError.

        Raises:
            SearchError: why none has an answer.

        """
        call = calls.batch(several("queries", queries, Iterable), self._most)
        return self._call(call, timeout)

    def live(
        self, drawings: Iterable[Query | Picture | Strokes], *, timeout: float | None = None
    ) -> Iterator[LiveAnswer]:
        """Yield answers while drawings come; one overtaken by a newer gets none.

        The drawings are taken in a thread of gRPC's own. `timeout` ends the whole search;
        without it it lasts, over further streams where the service ends one in good order.

        Raises:
            SearchError: why it ended.
            TypeError, ValueError, OSError: a drawing cannot be sent; it ends the search, and is
                raised after the answers to those before it. So is what `drawings` raises.

        """
        several("drawings", drawings, Iterable)
        self._check_open()
        progress = Progress(None if timeout is None else arguments.seconds("timeout", timeout))
        requests = (
            calls.drawing(number, as_query(each, {}), self._most)
            for number, each in enumerate(drawings)
        )
        taken = Drawings(requests, progress)
        while (first := taken.first()) is not None:
            stream: Any = self._stub.LiveSearch(
                taken.over(first),
                timeout=progress.remaining(),
                metadata=self._connection.metadata(),
            )
            try:
                for response in stream:
                    progress.answered(response.sequence)
                    yield calls.live_answer(response)
            except grpc.RpcError as error:
                if not progress.goes_on(error):
                    raise calls.from_rpc_error(error) from error
            else:
                break
            finally:
                stream.cancel()
        if taken.error is not None:
            raise taken.error

    def classes(
        self,
        *,
        timeout: float | None = None,
        **condition: Unpack[FilterOptions],
    ) -> dict[str, int]:
        """Return the classes that people named with their number of photos that meet the filter."""
        return self._call(calls.classes(self._most, **condition), timeout)

    def list_classes(
        self,
        *,
        timeout: float | None = None,
        **condition: Unpack[FilterOptions],
    ) -> ClassCounts:
        """Count photos that meet the filter by classes, named and seen, and all of them."""
        return self._call(calls.list_classes(self._most, **condition), timeout)

    def list_folders(
        self,
        parent: str = "",
        *,
        timeout: float | None = None,
        **condition: Unpack[FilterOptions],
    ) -> dict[str, int]:
        """Count photos that meet the filter in and below each folder right below one."""
        return self._call(calls.list_folders(parent, self._most, **condition), timeout)

    def get_gallery(self, gallery: str = "", *, timeout: float | None = None) -> Gallery:
        """Return what a gallery holds; the service's own where none is named.

        Raises:
            NotFound: there is no such gallery.

        """
        return self._call(calls.get_gallery(gallery), timeout)

    def list_galleries(self, *, timeout: float | None = None) -> list[str]:
        """Return the names of the galleries that this client may search."""
        return self._call(calls.list_galleries(), timeout)

    def photo(
        self,
        photo_id: str,
        *,
        max_side: int | None = None,
        original: bool = False,
        gallery: str = "",
        timeout: float | None = None,
    ) -> PhotoFile:
        """Return a photo's thumbnail of at most `max_side` pixels (256), or its original file.

        Raises:
            NotFound: the gallery has no such photo, or its file has gone.
            NotReady: the photo lies where the service may not read.

        """
        call = calls.photo(photo_id, max_side, gallery, original=original)
        return self._call(call, timeout)

    def original(
        self, photo_id: str, *, gallery: str = "", timeout: float | None = None
    ) -> AbstractContextManager[Original]:
        """Give a photo's original, however large, to be taken in pieces while the context is open.

        `timeout` ends it, 10 minutes where none is given.

        Raises:
            NotFound, NotReady: as `photo`.

        """
        self._check_open()
        begin = partial(self._stub.DownloadPhoto, calls.download(photo_id, gallery))
        return opened(begin, self._connection, timeout)

    def download(
        self,
        photo_id: str,
        path: Path | str,
        *,
        gallery: str = "",
        timeout: float | None = None,
    ) -> Hit:
        """Write a photo's original to a file, whole or not at all; return what is known of it.

        Raises:
            NotFound, NotReady: as `photo`.
            OSError: the file cannot be written.

        """
        with self.original(photo_id, gallery=gallery, timeout=timeout) as original:
            save(original, path)
        return original.photo

    def close(self) -> None:
        """Close the connection; calls under way fail."""
        self._closed = True
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _call(self, call: Call[R], timeout: float | None) -> R:
        self._check_open()
        until = self._connection.until(timeout)
        method = getattr(self._stub, call.method)

        def attempt() -> R:
            remaining = max(0.0, until - time.monotonic())
            try:
                with span(f"SearchService/{call.method}", "client"):
                    answer = method(
                        call.request, timeout=remaining, metadata=self._connection.metadata()
                    )
            except grpc.RpcError as error:
                raise calls.from_rpc_error(error) from error
            return call.read(answer)

        return Retrying(**self._connection.retrying(until))(attempt)

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the client is closed")

"""The blocking client."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import grpc
from pydantic import SecretStr

from sketchzoo.client import calls
from sketchzoo.client.calls import Answer, Call, Retries
from sketchzoo.client.options import Options, as_query, following
from sketchzoo.client.query import Picture, Query
from sketchzoo.client.results import LiveAnswer, PhotoFile, SearchResult
from sketchzoo.rpc.channel import channel_options, outgoing_metadata
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
        max_message_bytes: int = 16 * 1024 * 1024,
    ) -> None:
        if not target:
            raise ValueError("target must name the search service, for instance 127.0.0.1:50052")
        if timeout <= 0:
            raise ValueError(f"timeout must be above 0 seconds, not {timeout}")
        self._timeout = timeout
        self._retries = Retries(retries)
        self._token = SecretStr(token) if token else None
        options = channel_options(target, max_message_bytes)
        if tls is None:
            self._channel = grpc.insecure_channel(target, options=options)
        else:
            self._channel = grpc.secure_channel(target, tls.credentials(), options=options)
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

        """
        return self._call(calls.search(as_query(sketch, options)), timeout)

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
        query: Query | None = as_query(sketch, options)
        while query is not None:
            page = self._call(calls.search(query), timeout)
            yield page
            query = following(query, page)

    def batch(
        self, queries: Iterable[Query | Picture | Strokes], *, timeout: float | None = None
    ) -> list[Answer]:
        """Answer up to 64 searches at once, each with its result or its SearchError.

        Raises:
            SearchError: why none has an answer.

        """
        return self._call(calls.batch([as_query(query, {}) for query in queries]), timeout)

    def live(
        self, drawings: Iterable[Query | Picture | Strokes], *, timeout: float | None = None
    ) -> Iterator[LiveAnswer]:
        """Yield answers while drawings come; one overtaken by a newer gets none.

        The drawings are taken in a thread of gRPC's own. `timeout` ends the whole stream;
        without it the stream lasts.

        Raises:
            SearchError: why the stream ended.

        """
        requests = (
            calls.drawing(number, as_query(query, {})) for number, query in enumerate(drawings)
        )
        stream: Any = self._stub.LiveSearch(requests, timeout=timeout, metadata=self._metadata())
        try:
            for response in stream:
                yield calls.live_answer(response)
        except grpc.RpcError as error:
            raise calls.from_rpc_error(error) from error
        finally:
            stream.cancel()

    def classes(
        self,
        *,
        classes: Sequence[str] = (),
        excluded_classes: Sequence[str] = (),
        where: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> dict[str, int]:
        """Return the gallery's classes with their number of photos that meet the filter."""
        return self._call(calls.classes(classes, excluded_classes, where), timeout)

    def photo(
        self,
        photo_id: str,
        *,
        max_side: int | None = None,
        original: bool = False,
        timeout: float | None = None,
    ) -> PhotoFile:
        """Return a photo's thumbnail of at most `max_side` pixels (256), or its original file.

        Raises:
            NotFound: the gallery has no such photo, or its file has gone.
            NotReady: the photo lies outside of the service's gallery roots.

        """
        return self._call(calls.photo(photo_id, max_side, original=original), timeout)

    def close(self) -> None:
        """Close the connection; calls under way fail."""
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
        until = time.monotonic() + (self._timeout if timeout is None else timeout)
        method = getattr(self._stub, call.method)
        attempt = 0
        while True:
            remaining = max(0.0, until - time.monotonic())
            try:
                with span(f"SearchService/{call.method}", "client"):
                    answer = method(call.request, timeout=remaining, metadata=self._metadata())
                return call.read(answer)
            except grpc.RpcError as error:
                failure = calls.from_rpc_error(error)
                pause = self._retries.pause(failure, attempt, until - time.monotonic())
                if pause is None:
                    raise failure from error
            time.sleep(pause)
            attempt += 1

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return outgoing_metadata(self._token)

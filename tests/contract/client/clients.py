"""What both clients are tested with: one way to call either, and a fake service."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry

from sketchzoo.client import (
    AsyncClient,
    Client,
    Stroke,
    Strokes,
)
from sketchzoo.rpc import CallError, RpcServer, Service
from sketchzoo.search.v1 import search_pb2, search_pb2_grpc
from sketchzoo.settings import ServerSettings

DRAWING = Strokes(100, 100, (Stroke(((10, 10), (90, 90))),))


class Twin:
    """A client of either kind, called as the asyncio one."""

    def __init__(self, client: Client | AsyncClient) -> None:
        self._client = client

    async def call(self, method: str, *values: Any, **options: Any) -> Any:
        if isinstance(self._client, AsyncClient):
            return await getattr(self._client, method)(*values, **options)
        return await asyncio.to_thread(partial(getattr(self._client, method), *values, **options))

    async def collect(
        self, method: str, *values: Any, into: list[Any] | None = None, **options: Any
    ) -> list[Any]:
        answers = [] if into is None else into
        if isinstance(self._client, AsyncClient):
            async for each in getattr(self._client, method)(*values, **options):
                answers.append(each)
        else:
            each_answer = getattr(self._client, method)(*values, **options)
            await asyncio.to_thread(answers.extend, each_answer)
        return answers

    async def original(self, *values: Any, **options: Any) -> tuple[Any, list[bytes]]:
        """Take an original piece by piece."""
        opened: Any = self._client.original(*values, **options)
        if isinstance(self._client, AsyncClient):
            async with opened as original:
                return original, [piece async for piece in original]

        def take() -> tuple[Any, list[bytes]]:
            with opened as original:
                return original, list(original)

        return await asyncio.to_thread(take)

    def drawings(self, *drawings: Any, pause: float = 0.0) -> Any:
        """Return an iterator of drawings that takes so many seconds for each."""

        def drawn() -> Iterator[Any]:
            for each in drawings:
                if isinstance(each, Exception):
                    raise each
                yield each

        async def stream() -> AsyncIterator[Any]:
            for each in drawn():
                yield each
                await asyncio.sleep(pause)

        def blocking() -> Iterator[Any]:
            for each in drawn():
                yield each
                time.sleep(pause)

        return stream() if isinstance(self._client, AsyncClient) else blocking()


class FakeSearch(search_pb2_grpc.SearchServiceServicer):
    """Fails as often as it is told to, then answers; remembers what it heard."""

    def __init__(self, *errors: CallError, seconds: float = 0.0) -> None:
        self.errors = list(errors)
        self.seconds = seconds
        self.calls = 0
        self.fingerprint = "m"
        self.remaining: list[float] = []
        self.size = 1

    async def Search(self, request: Any, context: Any) -> search_pb2.SearchResponse:  # noqa: N802
        self.calls += 1
        self.remaining.append(context.time_remaining())
        await asyncio.sleep(self.seconds)
        if self.errors:
            raise self.errors.pop(0)
        return search_pb2.SearchResponse(model_fingerprint=self.fingerprint)

    async def DownloadPhoto(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        file = search_pb2.PhotoFile(size=self.size)
        yield search_pb2.DownloadPhotoResponse(file=file)
        yield search_pb2.DownloadPhotoResponse(piece=b"x")

    async def LiveSearch(self, requests: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        async for request in requests:
            self.calls += 1
            yield search_pb2.LiveSearchResponse(sequence=request.sequence)


@asynccontextmanager
async def fake(servicer: FakeSearch, **settings: Any) -> AsyncIterator[str]:
    service = Service(
        "sketchzoo.search.v1.SearchService",
        servicer,
        search_pb2_grpc.add_SearchServiceServicer_to_server,
    )
    chosen = ServerSettings(drain_seconds=0.1, **settings)
    async with RpcServer(chosen, [service], CollectorRegistry()) as server:
        yield f"127.0.0.1:{server.port}"

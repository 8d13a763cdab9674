"""Originals on their way: what is known of a photo, and its file's bytes in pieces."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from tenacity import AsyncRetrying, Retrying

from sketchzoo.client import answers, calls
from sketchzoo.client.connection import Connection
from sketchzoo.client.errors import SearchError
from sketchzoo.client.results import Hit
from sketchzoo.files import replacing
from sketchzoo.search.v1 import search_pb2

DEADLINE_SECONDS = 600.0
"""Of a download that is given no timeout; the service ends it then by default as well."""


@dataclass(frozen=True, slots=True)
class _Arriving:
    """What both kinds have in common; `size` is in bytes, the photo's score 0."""

    photo: Hit
    content_type: str
    size: int
    parts: Any = field(repr=False)

    def check(self, received: int) -> None:
        """Refuse a file that has come to its end before it is whole."""
        if received != self.size:
            raise SearchError(
                f"the photo's file ended after {received} of {self.size} bytes", code="DATA_LOSS"
            )


class Original(_Arriving):
    """A photo's original on its way: iterate over it, once, for its bytes in pieces.

    Raises:
        SearchError: the file did not come whole; NotFound, it has changed meanwhile.

    """

    __slots__ = ()

    def __iter__(self) -> Iterator[bytes]:
        received = 0
        try:
            for part in self.parts:
                received += len(part.piece)
                yield part.piece
        except grpc.RpcError as error:
            raise calls.from_rpc_error(error) from error
        self.check(received)


class AsyncOriginal(_Arriving):
    """The same for asyncio: `async for`."""

    __slots__ = ()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        try:
            async for part in self.parts:
                received += len(part.piece)
                yield part.piece
        except grpc.aio.AioRpcError as error:
            raise calls.from_rpc_error(error) from error
        self.check(received)


@contextmanager
def opened(
    begin: Callable[..., Any], connection: Connection, seconds: float | None
) -> Iterator[Original]:
    """Give the original that a call brings, made by `begin`; it is cancelled in the end."""
    until = connection.until(DEADLINE_SECONDS if seconds is None else seconds)

    def first() -> tuple[Any, search_pb2.PhotoFile]:
        parts = begin(**_options(connection, until))
        try:
            return parts, next(parts).file
        except grpc.RpcError as error:
            raise calls.from_rpc_error(error) from error

    parts, file = Retrying(**connection.retrying(until))(first)
    try:
        yield Original(answers.hit(file.photo), file.content_type, file.size, parts)
    finally:
        parts.cancel()


@asynccontextmanager
async def opened_later(
    begin: Callable[..., Any], connection: Connection, seconds: float | None
) -> AsyncIterator[AsyncOriginal]:
    """Do the same for asyncio."""
    until = connection.until(DEADLINE_SECONDS if seconds is None else seconds)

    async def first() -> tuple[Any, Any, search_pb2.PhotoFile]:
        call = begin(**_options(connection, until))
        parts = aiter(call)
        try:
            return call, parts, (await anext(parts)).file
        except grpc.aio.AioRpcError as error:
            raise calls.from_rpc_error(error) from error

    begun: tuple[Any, Any, search_pb2.PhotoFile]
    begun = await AsyncRetrying(**connection.retrying(until))(first)
    call, parts, file = begun
    try:
        yield AsyncOriginal(answers.hit(file.photo), file.content_type, file.size, parts)
    finally:
        call.cancel()


def _options(connection: Connection, until: float) -> dict[str, Any]:
    remaining = max(0.0, until - time.monotonic())
    return {"timeout": remaining, "metadata": connection.metadata()}


def save(original: Original, path: Path | str) -> None:
    """Write an original to a file, whole or not at all."""
    with replacing(Path(path)) as file:
        file.writelines(original)


async def save_later(original: AsyncOriginal, path: Path | str) -> None:
    """Do the same without holding up the event loop."""
    writing = replacing(Path(path))
    file = await asyncio.to_thread(writing.__enter__)
    try:
        async for piece in original:
            await asyncio.to_thread(file.write, piece)
    except BaseException:
        await asyncio.to_thread(writing.__exit__, *sys.exc_info())
        raise
    await asyncio.to_thread(writing.__exit__, None, None, None)

"""Malformed messages: refused as what they are, where gRPC itself would answer UNKNOWN."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from sketchzoo.rpc.errors import invalid


@dataclass(frozen=True, slots=True)
class _Malformed:
    """Stands for bytes that are no message of the method's type."""


class MalformedInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg] # generic in the stubs only
    """Answers INVALID_ARGUMENT to bytes that are no message; to be the innermost interceptor."""

    async def intercept_service(
        self,
        continuation: Callable[[Any], Awaitable[Any]],
        handler_call_details: Any,
    ) -> Any:
        """Let what cannot be read reach the handler, and be refused in its place."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.request_deserializer is None:
            return handler
        behaviours = {
            "unary_unary": _unary(handler.unary_unary),
            "stream_unary": _unary(handler.stream_unary),
            "unary_stream": _stream(handler.unary_stream),
            "stream_stream": _stream(handler.stream_stream),
        }
        return handler._replace(
            request_deserializer=_reader(handler.request_deserializer), **behaviours
        )


def _reader(read: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def tolerant(data: bytes) -> Any:
        try:
            return read(data)
        except DecodeError:
            return _Malformed()

    return tolerant


def _unary(behaviour: Any) -> Any:
    async def answer(request: Any, context: Any) -> Any:
        return await behaviour(_readable(request), context)

    return answer if behaviour else None


def _stream(behaviour: Any) -> Any:
    async def answer(request: Any, context: Any) -> AsyncIterator[Any]:
        responses = behaviour(_readable(request), context)
        if inspect.isawaitable(responses):
            # The other form of a stream, health's Watch for one: it writes to the context.
            await responses
            return
        async for response in responses:
            yield response

    return answer if behaviour else None


def _readable(request: Any) -> Any:
    if hasattr(request, "__aiter__"):
        return _readable_each(request)
    if isinstance(request, _Malformed):
        raise invalid("request", "is not a message of this method's type")
    return request


async def _readable_each(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for request in requests:
        yield _readable(request)

"""Interceptors: what happens around every call of every server."""

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
import structlog
from grpc_status import rpc_status
from prometheus_client import CollectorRegistry, Counter, Histogram
from pydantic import SecretStr

from sketchzoo.rpc.channel import REQUEST_ID
from sketchzoo.rpc.errors import CallError
from sketchzoo.rpc.rate import CallerRates
from sketchzoo.telemetry import (
    SECONDS_BUCKETS,
    TRACEPARENT,
    current_request_id,
    exemplar,
    request_context,
    span,
)

log = structlog.get_logger()

_CODES: dict[int | None, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}

# Health checks and reflection are asked by machines all day long.
_QUIET = ("grpc.health.", "grpc.reflection.")


@dataclass(frozen=True, slots=True)
class Call:
    """What is called: a method's names and kind."""

    service: str
    method: str
    kind: str


Around = Callable[[Call, grpc.aio.ServicerContext[Any, Any]], AbstractAsyncContextManager[None]]


class AroundInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg] # generic in the stubs only
    """Runs each call, whatever its kind, inside an async context manager."""

    def __init__(self, around: Around) -> None:
        self._around = around
        self._wrapped: dict[str, Any] = {}

    async def intercept_service(
        self,
        continuation: Callable[[Any], Awaitable[Any]],
        handler_call_details: Any,
    ) -> Any:
        """Wrap the method's handler, once; unknown methods stay unknown."""
        name = handler_call_details.method
        wrapped = self._wrapped.get(name)
        if wrapped is None:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            _, service, method = name.split("/", 2)
            wrapped = _wrap(handler, Call(service, method, _kind(handler)), self._around)
            self._wrapped[name] = wrapped
        return wrapped


def header(context: grpc.aio.ServicerContext[Any, Any], name: str) -> str | None:
    """Return a call's last metadata value of a name, if it is text."""
    found = None
    for key, value in context.invocation_metadata() or ():
        if key == name and isinstance(value, str):
            found = value
    return found


def _kind(handler: Any) -> str:
    return {
        (False, False): "unary",
        (True, False): "client_stream",
        (False, True): "server_stream",
        (True, True): "bidi_stream",
    }[handler.request_streaming, handler.response_streaming]


def _wrap(handler: Any, call: Call, around: Around) -> Any:
    make = {
        "unary": grpc.unary_unary_rpc_method_handler,
        "client_stream": grpc.stream_unary_rpc_method_handler,
        "server_stream": grpc.unary_stream_rpc_method_handler,
        "bidi_stream": grpc.stream_stream_rpc_method_handler,
    }[call.kind]
    behaviour = (
        handler.unary_unary or handler.stream_unary or handler.unary_stream or handler.stream_stream
    )

    async def answer(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        async with around(call, context):
            return await behaviour(request, context)

    async def stream(
        request: Any, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[Any]:
        async with around(call, context):
            async for response in behaviour(request, context):
                yield response

    return make(
        stream if handler.response_streaming else answer,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )


class CallMetrics:
    """The gRPC ecosystem's metrics (go-grpc-prometheus' names) of one server."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ["grpc_type", "grpc_service", "grpc_method"]
        self._started = Counter(
            "grpc_server_started_total", "Calls started.", labels, registry=registry
        )
        self._handled = Counter(
            "grpc_server_handled_total",
            "Calls ended, by status code.",
            [*labels, "grpc_code"],
            registry=registry,
        )
        self._seconds = Histogram(
            "grpc_server_handling_seconds",
            "Seconds from a call's start to its end.",
            labels,
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )

    @asynccontextmanager
    async def around(
        self, call: Call, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[None]:
        """Count and time a call, and log its end."""
        labels = (call.kind, call.service, call.method)
        self._started.labels(*labels).inc()
        start = time.perf_counter()
        code = grpc.StatusCode.OK
        try:
            with request_context(header(context, REQUEST_ID)) as request_id:
                context.set_trailing_metadata(((REQUEST_ID, request_id),))
                try:
                    yield
                    code = _code(context)
                except asyncio.CancelledError:
                    code = _ended_early(context)
                    raise
                except grpc.aio.AbortError:
                    code = _code(context)
                    raise
                except BaseException:
                    code = grpc.StatusCode.UNKNOWN
                    raise
                finally:
                    seconds = time.perf_counter() - start
                    event = f"{call.service}/{call.method}"
                    level = log.debug if call.service.startswith(_QUIET) else log.info
                    level("call", method=event, code=code.name, seconds=round(seconds, 6))
        finally:
            self._handled.labels(*labels, code.name).inc()
            self._seconds.labels(*labels).observe(time.perf_counter() - start, exemplar())


@asynccontextmanager
async def traced(call: Call, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[None]:
    """Give a call its span, continuing the caller's trace.

    A stream has none: it may last for hours, and its servicer knows what in it is one answer.
    """
    if call.kind != "unary" or call.service.startswith(_QUIET):
        yield
        return
    attributes = {"rpc.system": "grpc", "rpc.service": call.service, "rpc.method": call.method}
    name = f"{call.service}/{call.method}"
    parent = header(context, TRACEPARENT)
    with span(name, "server", parent=parent, attributes=attributes) as current:
        try:
            yield
        finally:
            if current is not None:
                current.set_attribute("rpc.grpc.status_code", _code(context).value[0])


@asynccontextmanager
async def errors_as_status(
    call: Call, context: grpc.aio.ServicerContext[Any, Any]
) -> AsyncIterator[None]:
    """Send a `CallError` as its rich status; log a bug and answer INTERNAL with no details."""
    try:
        yield
    except CallError as error:
        known: Any = context  # the stubs lack abort_with_status
        status: Any = rpc_status.to_status(error.status())  # a named tuple
        trailing = (*status.trailing_metadata, (REQUEST_ID, current_request_id() or ""))
        await known.abort_with_status(status._replace(trailing_metadata=trailing))
    except (asyncio.CancelledError, grpc.aio.AbortError):
        raise
    except Exception:
        log.exception("call failed", method=f"{call.service}/{call.method}")
        await context.abort(
            grpc.StatusCode.INTERNAL, "the server failed; its log has the request id"
        )


def require_token(token: SecretStr) -> Around:
    """Refuse calls without the bearer token; health checks need none."""
    expected = f"Bearer {token.get_secret_value()}".encode()

    @asynccontextmanager
    async def around(
        call: Call, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[None]:
        given = (header(context, "authorization") or "").encode()
        if not call.service.startswith("grpc.health.") and not hmac.compare_digest(given, expected):
            await context.abort(
                grpc.StatusCode.UNAUTHENTICATED,
                "send the bearer token as `authorization: Bearer <token>`",
            )
        yield

    return around


def limited_rate(rates: CallerRates) -> Around:
    """Refuse calls beyond their caller's rate; health checks are not counted."""

    @asynccontextmanager
    async def around(
        call: Call, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[None]:
        if not call.service.startswith("grpc.health."):
            rates.take(context.peer())
        yield

    return around


def default_deadline(seconds: float) -> Around:
    """Give calls that came without a deadline one of their own; streams may last."""

    @asynccontextmanager
    async def around(
        call: Call, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[None]:
        if call.kind != "unary" or _has_deadline(context):
            yield
            return
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            await context.abort(
                grpc.StatusCode.DEADLINE_EXCEEDED,
                f"the call came without a deadline and took over {seconds:g} s",
            )

    return around


def _has_deadline(context: grpc.aio.ServicerContext[Any, Any]) -> bool:
    remaining: float | None = context.time_remaining()
    return remaining is not None


def _code(context: grpc.aio.ServicerContext[Any, Any]) -> grpc.StatusCode:
    code: Any = context.code()  # a number, a StatusCode, or None where none was set
    return code if isinstance(code, grpc.StatusCode) else _CODES.get(code, grpc.StatusCode.OK)


def _ended_early(context: grpc.aio.ServicerContext[Any, Any]) -> grpc.StatusCode:
    remaining: float | None = context.time_remaining()
    if remaining is not None and remaining <= 0:
        return grpc.StatusCode.DEADLINE_EXCEEDED
    return grpc.StatusCode.CANCELLED

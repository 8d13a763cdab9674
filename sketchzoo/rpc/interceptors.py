"""Interceptors: what happens around every call of every server."""

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio
import structlog
from grpc_status import rpc_status
from prometheus_client import CollectorRegistry, Counter, Histogram
from pydantic import SecretStr

from sketchzoo.rpc.channel import REQUEST_ID
from sketchzoo.rpc.errors import CallError, exhausted
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
_HEALTH = "grpc.health."
_QUIET = (_HEALTH, "grpc.reflection.")
# How soon the caller of a server with too many calls under way may come back.
_RETRY_SECONDS = 0.2

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """What is called: a method's names and kind."""

    service: str
    method: str
    kind: str

    @property
    def name(self) -> str:
        """The full name, for logs and traces."""
        return f"{self.service}/{self.method}"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a server asks of its callers.

    `max_calls` may be under way at once, health checks not counted; a call without a
    deadline gets `default_deadline_seconds`; `token` and `rates` only where set. Calls of
    the methods in `quiet` (full names) are logged at debug.
    """

    max_calls: int
    default_deadline_seconds: float
    token: SecretStr | None = None
    rates: CallerRates | None = None
    quiet: frozenset[str] = frozenset()


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

    def of(self, call: Call) -> "MethodMetrics":
        """Return a method's own counters; looking them up by labels once saves it each call."""
        labels = (call.kind, call.service, call.method)
        return MethodMetrics(
            self._started.labels(*labels),
            lambda code: self._handled.labels(*labels, code),
            self._seconds.labels(*labels),
        )


class MethodMetrics:
    """Counts and times the calls of one method."""

    def __init__(
        self, started: Counter, handled: Callable[[str], Counter], seconds: Histogram
    ) -> None:
        self._started = started
        self._make = handled
        self._handled: dict[str, Counter] = {}
        self._seconds = seconds

    def started(self) -> None:
        """Count a call that begins."""
        self._started.inc()

    def ended(self, code: str, seconds: float) -> None:
        """Count a call that has ended."""
        handled = self._handled.get(code)
        if handled is None:
            handled = self._handled[code] = self._make(code)
        handled.inc()
        self._seconds.observe(seconds, exemplar())


class CallInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg] # generic in the stubs only
    """Does all that happens around a call, whatever its kind; to be the outermost interceptor.

    In this order: its span, its metrics and its log line, its request id, the server's
    rules, its errors as rich statuses. One interceptor instead of one for each: a call
    passes through a single `async with`.
    """

    def __init__(self, rules: Rules, metrics: CallMetrics) -> None:
        self._metrics = metrics
        self._quiet = rules.quiet
        self._door = _Door(rules)
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
            call = Call(service, method, _kind(handler))
            by_machines = service.startswith(_QUIET)
            wrapped = _wrap(
                handler,
                _Method(
                    call,
                    self._metrics.of(call),
                    self._door,
                    quiet=by_machines or call.name in self._quiet,
                    is_health=service.startswith(_HEALTH),
                    traced=call.kind == "unary" and not by_machines,
                ),
            )
            self._wrapped[name] = wrapped
        return wrapped


class _Door:
    """Lets calls in as the rules say, and counts those inside."""

    def __init__(self, rules: Rules) -> None:
        self._expected: bytes | None = None
        if rules.token is not None:
            self._expected = f"Bearer {rules.token.get_secret_value()}".encode()
        self._rates = rules.rates
        self._limit = rules.max_calls
        self._refusal = exhausted(f"{rules.max_calls} calls are under way already", _RETRY_SECONDS)
        self.default_deadline_seconds = rules.default_deadline_seconds
        self.inside = 0

    def check(self, context: Context, headers: Mapping[str, str]) -> None:
        """Refuse a call that the rules do not let in.

        Raises:
            CallError: UNAUTHENTICATED, or RESOURCE_EXHAUSTED with RetryInfo.

        """
        if self.inside > self._limit:
            raise self._refusal.again()
        if self._expected is not None:
            given = headers.get("authorization", "").encode()
            if not hmac.compare_digest(given, self._expected):
                raise CallError(
                    grpc.StatusCode.UNAUTHENTICATED,
                    "send the bearer token as `authorization: Bearer <token>`",
                )
        if self._rates is not None:
            self._rates.take(context.peer())


@dataclass(frozen=True, slots=True)
class _Method:
    """A method, its metrics and the door that it shares with the server's others.

    A `is_health` check is let in whatever the rules say. A stream is not `traced`: it may
    last for hours, and its servicer knows what in it is one answer.
    """

    call: Call
    metrics: MethodMetrics
    door: _Door
    quiet: bool
    is_health: bool
    traced: bool


class _Around:
    """Around one call: `async with`, then `check` before anything else."""

    __slots__ = ("_context", "_headers", "_method", "_scope", "_span", "_start")

    def __init__(self, method: _Method, context: Context) -> None:
        self._method = method
        self._context = context

    async def __aenter__(self) -> Self:
        call, context = self._method.call, self._context
        self._method.metrics.started()
        self._method.door.inside += not self._method.is_health
        self._start = time.perf_counter()
        self._headers = {
            key: value
            for key, value in context.invocation_metadata() or ()
            if isinstance(value, str)
        }
        self._scope = ExitStack()
        self._span: Any = None
        if self._method.traced:
            self._span = self._scope.enter_context(
                span(
                    call.name,
                    "server",
                    parent=self._headers.get(TRACEPARENT),
                    attributes=_attributes(call),
                )
            )
        request_id = self._scope.enter_context(request_context(self._headers.get(REQUEST_ID)))
        context.set_trailing_metadata(((REQUEST_ID, request_id),))
        return self

    def check(self) -> None:
        """Refuse the call where the server's rules do not let it in; raises `CallError`."""
        if not self._method.is_health:
            self._method.door.check(self._context, self._headers)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        code = grpc.StatusCode.UNKNOWN
        try:
            if isinstance(error, asyncio.CancelledError):
                code = _ended_early(self._context)
            elif error is None or isinstance(error, grpc.aio.AbortError):
                code = _code(self._context)
            elif isinstance(error, CallError):
                code = error.code
                await _send(error, self._context)
            elif isinstance(error, Exception):
                code = grpc.StatusCode.INTERNAL
                log.error("call failed", method=self._method.call.name, exc_info=error)
                await self._context.abort(code, "the server failed; its log has the request id")
        finally:
            self._end(code)
            self._scope.__exit__(kind, error, trace)

    def _end(self, code: grpc.StatusCode) -> None:
        method = self._method
        method.door.inside -= not method.is_health
        seconds = time.perf_counter() - self._start
        # Refusals come by the hundreds when there is no time to spare; metrics count them.
        refused = code is grpc.StatusCode.RESOURCE_EXHAUSTED
        level = log.debug if refused or method.quiet else log.info
        level("call", method=method.call.name, code=code.name, seconds=round(seconds, 6))
        method.metrics.ended(code.name, seconds)
        if self._span is not None:
            self._span.set_attribute("rpc.grpc.status_code", code.value[0])


def _wrap(handler: Any, method: _Method) -> Any:
    make = {
        "unary": grpc.unary_unary_rpc_method_handler,
        "client_stream": grpc.stream_unary_rpc_method_handler,
        "server_stream": grpc.unary_stream_rpc_method_handler,
        "bidi_stream": grpc.stream_stream_rpc_method_handler,
    }[method.call.kind]
    behaviour = (
        handler.unary_unary or handler.stream_unary or handler.unary_stream or handler.stream_stream
    )
    # Streams may last.
    otherwise = method.door.default_deadline_seconds if method.call.kind == "unary" else None

    async def answer(request: Any, context: Context) -> Any:
        async with _Around(method, context) as around:
            around.check()
            remaining: float | None = context.time_remaining()
            if remaining is not None or otherwise is None:
                return await behaviour(request, context)
            return await _within(otherwise, behaviour(request, context))

    async def stream(request: Any, context: Context) -> AsyncIterator[Any]:
        async with _Around(method, context) as around:
            around.check()
            async for response in behaviour(request, context):
                yield response

    return make(
        stream if handler.response_streaming else answer,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )


async def _within(seconds: float, answer: Awaitable[Any]) -> Any:
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError as error:
        raise CallError(
            grpc.StatusCode.DEADLINE_EXCEEDED,
            f"the call came without a deadline and took over {seconds:g} s",
        ) from error


async def _send(error: CallError, context: Context) -> None:
    """End the call with the error as its rich status."""
    known: Any = context  # the stubs lack abort_with_status
    status: Any = rpc_status.to_status(error.status())  # a named tuple
    trailing = (*status.trailing_metadata, (REQUEST_ID, current_request_id() or ""))
    await known.abort_with_status(status._replace(trailing_metadata=trailing))


def _attributes(call: Call) -> dict[str, str | int]:
    return {"rpc.system": "grpc", "rpc.service": call.service, "rpc.method": call.method}


def _kind(handler: Any) -> str:
    return {
        (False, False): "unary",
        (True, False): "client_stream",
        (False, True): "server_stream",
        (True, True): "bidi_stream",
    }[handler.request_streaming, handler.response_streaming]


def _code(context: Context) -> grpc.StatusCode:
    code: Any = context.code()  # a number, a StatusCode, or None where none was set
    return code if isinstance(code, grpc.StatusCode) else _CODES.get(code, grpc.StatusCode.OK)


def _ended_early(context: Context) -> grpc.StatusCode:
    remaining: float | None = context.time_remaining()
    if remaining is not None and remaining <= 0:
        return grpc.StatusCode.DEADLINE_EXCEEDED
    return grpc.StatusCode.CANCELLED

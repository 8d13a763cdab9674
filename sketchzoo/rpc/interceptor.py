"""The interceptor: what happens around every call of every server."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio
import structlog
from grpc_status import rpc_status

from sketchzoo.counts import Counts
from sketchzoo.rpc.access import let_in
from sketchzoo.rpc.admission import Admission, Authorize, Permit, Rules
from sketchzoo.rpc.call import Call, Context
from sketchzoo.rpc.channel import REQUEST_ID
from sketchzoo.rpc.errors import CODES, CallError
from sketchzoo.rpc.metrics import CallMetrics, MethodMetrics
from sketchzoo.rpc.reading import Parse, Requests, read_one
from sketchzoo.rpc.streams import Stream
from sketchzoo.telemetry import (
    TRACEPARENT,
    current_request_id,
    request_context,
    span,
)

log = structlog.get_logger()


class CallInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg] # generic in the stubs only
    """Does all that happens around a call, whatever its kind.

    In this order: its span, its metrics and its log line, its request id, the server's
    rules, its message, its errors as rich statuses. One interceptor instead of one for each:
    a call passes through a single `async with`.

    Every method becomes one that takes a stream, on the wire the same: gRPC reads the message
    of a unary call before its handler is asked, and of a stream only when it asks for it.
    """

    def __init__(
        self,
        rules: Rules,
        metrics: CallMetrics,
        *,
        quiet: frozenset[str] = frozenset(),
        authorize: Mapping[str, Authorize] | None = None,
        counts: Counts | None = None,
    ) -> None:
        self._metrics = metrics
        self._quiet = quiet
        self._authorize = authorize or {}
        self.admission = Admission(rules, metrics, counts)
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
            call = Call.of(name, handler)
            method = _Method(
                call,
                self._metrics.of(call),
                self.admission,
                self._authorize.get(call.service),
                quiet=call.by_machines or call.name in self._quiet,
                traced=call.kind in ("unary", "server_stream") and not call.by_machines,
            )
            wrapped = self._wrapped[name] = _wrap(handler, method)
        return wrapped


@dataclass(frozen=True, slots=True)
class _Method:
    """A method, its metrics and the admission that it shares with the server's others.

    A stream of requests is not `traced`: it may last for hours, and its servicer knows what in it
    is one answer.
    """

    call: Call
    metrics: MethodMetrics
    admission: Admission
    authorize: Authorize | None
    quiet: bool
    traced: bool


class _Around:
    """Around one call: `async with`, then `enter` or `open` before anything else."""

    __slots__ = ("_context", "_headers", "_method", "_scope", "_span", "_start", "stream")

    def __init__(self, method: _Method, context: Context) -> None:
        self._method = method
        self._context = context
        self.stream: Stream | None = None

    async def __aenter__(self) -> Self:
        call, context = self._method.call, self._context
        self._method.metrics.started()
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
                    attributes=call.attributes,
                )
            )
        request_id = self._scope.enter_context(request_context(self._headers.get(REQUEST_ID)))
        context.set_trailing_metadata(((REQUEST_ID, request_id),))
        return self

    def enter(self) -> Permit:
        """Let the call in, or refuse it: raises `CallError`."""
        method, peer = self._method, self._context.peer()
        is_health = method.call.is_health
        if not is_health:
            let_in(method.admission.judge(peer, self._headers, method.authorize))
        return _until_done(method.admission.enter(peer, is_health=is_health))

    def open(self, parse: Parse) -> tuple[Permit, Requests]:
        """Let a stream of requests in, or refuse it: raises `CallError`."""
        method, peer = self._method, self._context.peer()
        let_in(method.admission.judge(peer, self._headers, method.authorize))
        permit, self.stream = method.admission.open(peer)
        return _until_done(permit), Requests(self._context, self.stream, parse)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        refusal = error if isinstance(error, CallError) else None
        if self.stream is not None:
            self.stream.forget()
            if isinstance(error, asyncio.CancelledError):
                refusal = self.stream.ended
        try:
            # Before it is sent: what nobody reads may wait for the connection's end.
            self._end(_outcome(error, refusal, self._context))
            if refusal is not None:
                await _send(refusal, self._context)
            elif error is not None and _has_left(error):
                # gRPC knows a cancelled call by this error alone, and logs any other.
                raise asyncio.CancelledError from error
            elif isinstance(error, Exception) and not isinstance(error, grpc.aio.AbortError):
                log.error("call failed", method=self._method.call.name, exc_info=error)
                await self._context.abort(
                    grpc.StatusCode.INTERNAL, "the server failed; its log has the request id"
                )
        finally:
            self._scope.__exit__(kind, error, trace)

    def _end(self, code: grpc.StatusCode) -> None:
        method = self._method
        seconds = time.perf_counter() - self._start
        # Refusals come by the hundreds when there is no time to spare; metrics count them.
        refused = code is grpc.StatusCode.RESOURCE_EXHAUSTED
        level = log.debug if refused or method.quiet else log.info
        level("call", method=method.call.name, code=code.name, seconds=round(seconds, 6))
        method.metrics.ended(code.name, seconds)
        if self._span is not None:
            self._span.set_attribute("rpc.grpc.status_code", code.value[0])


def _wrap(handler: Any, method: _Method) -> Any:
    if handler.response_streaming:
        many = _streaming(handler, method)
        return grpc.stream_stream_rpc_method_handler(many, response_serializer=_serialiser(handler))
    return grpc.stream_unary_rpc_method_handler(_answering(handler, method))


def _answering(handler: Any, method: _Method) -> Any:
    """Return the behaviour of a method with one response, which it returns as bytes."""
    rules = method.admission.rules
    serialise = _serialiser(handler)

    async def answer(_: Any, context: Context) -> bytes:
        async with _Around(method, context) as around:
            if handler.stream_unary is not None:
                permit, requests = around.open(handler.request_deserializer)
                response = await handler.stream_unary(requests, context)
            else:
                permit = around.enter()
                request = await read_one(context, permit, handler.request_deserializer)
                working = handler.unary_unary(request, context)
                # Only the behaviour holds it from here on.
                del request
                if context.time_remaining() is None:
                    working = _within(rules.default_deadline_seconds, working)
                response = await working
            content = serialise(response)
            permit.hold_in_place_of_all(len(content))
        return content

    return answer


def _streaming(handler: Any, method: _Method) -> Any:
    """Return the behaviour of a method with a stream of responses, which it writes."""
    rules = method.admission.rules

    async def write(context: Context, response: Any) -> None:
        try:
            async with asyncio.timeout(rules.answer_seconds):
                await context.write(response)
        except TimeoutError as error:
            method.admission.refused("time")
            raise CallError(
                grpc.StatusCode.DEADLINE_EXCEEDED,
                f"an answer was not read within {rules.answer_seconds:g} s",
            ) from error

    async def answer(_: Any, context: Context) -> None:
        async with _Around(method, context) as around:
            if handler.stream_stream is not None:
                _, requests = around.open(handler.request_deserializer)
                responses = handler.stream_stream(requests, context)
            else:
                permit = around.enter()
                request = await read_one(context, permit, handler.request_deserializer)
                responses = handler.unary_stream(request, context)
            if not isinstance(responses, AsyncIterator):
                # The other form of a stream, health's Watch for one: it writes to the context.
                await responses
                return
            async with aclosing(responses) as each:  # type: ignore[type-var] # a generator, as a rule
                async for response in each:
                    await write(context, response)
                    if around.stream is not None:
                        around.stream.touch()

    return answer


def _serialiser(handler: Any) -> Callable[[Any], bytes]:
    serialise: Callable[[Any], bytes] | None = handler.response_serializer
    return serialise if serialise is not None else bytes


def _until_done(permit: Permit) -> Permit:
    """Let a call hold what it holds until gRPC's task for it ends, not until its answer is made.

    The context's own callbacks would leave a reference cycle behind for each call.
    """
    task = asyncio.current_task()
    if task is not None:
        task.add_done_callback(permit.leave)
    return permit


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
    try:
        await known.abort_with_status(status._replace(trailing_metadata=trailing))
    except grpc.aio.InternalError:
        # The caller has left, or gRPC itself has ended the call: it can't be told.
        log.debug("nobody to tell", code=error.code.name)


def _outcome(
    error: BaseException | None, refusal: CallError | None, context: Context
) -> grpc.StatusCode:
    if refusal is not None:
        return refusal.code
    if error is None or isinstance(error, grpc.aio.AbortError):
        code: Any = context.code()  # a number, a StatusCode, or None where none was set
        return code if isinstance(code, grpc.StatusCode) else CODES.get(code, grpc.StatusCode.OK)
    if not isinstance(error, asyncio.CancelledError) and not _has_left(error):
        return grpc.StatusCode.INTERNAL
    remaining: float | None = context.time_remaining()
    if remaining is not None and remaining <= 0:
        return grpc.StatusCode.DEADLINE_EXCEEDED
    return grpc.StatusCode.CANCELLED


def _has_left(error: BaseException) -> bool:
    """Tell whether an error only says that the caller is gone: gRPC could not write to it."""
    return isinstance(error, grpc.aio.InternalError)

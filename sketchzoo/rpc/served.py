"""Served calls: what happens around one call, from its beginning to its end.

Its span, its metrics and its log line, its request id, the server's rules, its errors as
rich statuses.
"""

import asyncio
import logging
import time
from contextlib import AbstractContextManager
from typing import Any

import grpc
import grpc.aio
import structlog

from sketchzoo.rpc.access import let_in
from sketchzoo.rpc.admission import Admission, Authorize, Check, Permit
from sketchzoo.rpc.call import Call, Context
from sketchzoo.rpc.channel import REQUEST_ID
from sketchzoo.rpc.errors import CODES, CallError
from sketchzoo.rpc.metrics import MethodMetrics
from sketchzoo.rpc.reading import Parse, Requests
from sketchzoo.rpc.streams import Stream
from sketchzoo.telemetry import (
    TRACEPARENT,
    current_request_id,
    is_tracing,
    serve_request,
    span,
)

log = structlog.get_logger()


class Method:
    """A method, its metrics and the admission that it shares with the server's others."""

    __slots__ = (
        "admission",
        "attributes",
        "authorize",
        "check",
        "is_health",
        "level",
        "log",
        "metrics",
        "name",
        "traced",
    )

    def __init__(
        self,
        call: Call,
        metrics: MethodMetrics,
        admission: Admission,
        authorize: Authorize | None,
        check: Check | None,
        *,
        quiet: bool,
    ) -> None:
        # All that is the same for each call is made once.
        self.name = call.name
        self.attributes = call.attributes
        self.is_health = call.is_health
        self.metrics = metrics
        self.admission = admission
        self.authorize = authorize
        self.check = check
        self.level = logging.DEBUG if quiet else logging.INFO
        # Bound once: structlog's own proxy makes a logger for each event.
        self.log = log.bind(method=call.name)
        # A stream of requests may last for hours, and its servicer knows what in it is one
        # answer: no span for the whole.
        self.traced = call.kind in ("unary", "server_stream") and not call.by_machines


class ServedCall:
    """One call: `enter` or `open` it first; at last `end` it, or let it `fail`."""

    __slots__ = ("_context", "_headers", "_method", "_scope", "_span", "_start", "stream")

    def __init__(self, method: Method, context: Context) -> None:
        self._method = method
        self._context = context
        self.stream: Stream | None = None
        self._start = time.perf_counter()
        method.metrics.started()
        self._headers = {
            key: value
            for key, value in context.invocation_metadata() or ()
            if isinstance(value, str)
        }
        self._scope: AbstractContextManager[Any] | None = None
        self._span: Any = None
        if method.traced and is_tracing():
            parent = self._headers.get(TRACEPARENT)
            self._scope = span(method.name, "server", parent=parent, attributes=method.attributes)
            self._span = self._scope.__enter__()
        context.set_trailing_metadata(((REQUEST_ID, serve_request(self._headers.get(REQUEST_ID))),))

    def enter(self) -> Permit:
        """Let the call in, or refuse it: raises `CallError`."""
        method, peer = self._method, self._context.peer()
        if not method.is_health:
            let_in(method.admission.judge(peer, self._headers, method.authorize))
        if method.check is not None:
            method.check()
        return _until_done(method.admission.enter(peer, is_health=method.is_health))

    def open(self, parse: Parse) -> tuple[Permit, Requests]:
        """Let a stream of requests in, or refuse it: raises `CallError`."""
        method, peer = self._method, self._context.peer()
        let_in(method.admission.judge(peer, self._headers, method.authorize))
        permit, self.stream = method.admission.open(peer)
        return _until_done(permit), Requests(self._context, self.stream, parse)

    def end(self) -> None:
        """Count and log a call whose behaviour has returned."""
        if self.stream is not None:
            self.stream.forget()
        self._count(_code(self._context))
        if self._scope is not None:
            self._scope.__exit__(None, None, None)

    async def fail(self, error: BaseException) -> None:
        """Count and log what went wrong, and tell the caller; the error is to be raised again."""
        refusal = error if isinstance(error, CallError) else None
        if self.stream is not None:
            self.stream.forget()
            if isinstance(error, asyncio.CancelledError):
                refusal = self.stream.ended
        try:
            # Before it is sent: what nobody reads may wait for the connection's end.
            self._count(_outcome(error, refusal, self._context))
            if refusal is not None:
                await _send(refusal, self._context)
            elif _has_left(error):
                # gRPC knows a cancelled call by this error alone, and logs any other.
                raise asyncio.CancelledError from error
            elif isinstance(error, Exception) and not isinstance(error, grpc.aio.AbortError):
                log.error("call failed", method=self._method.name, exc_info=error)
                await self._context.abort(
                    grpc.StatusCode.INTERNAL, "the server failed; its log has the request id"
                )
        finally:
            if self._scope is not None:
                self._scope.__exit__(type(error), error, error.__traceback__)

    def _count(self, code: grpc.StatusCode) -> None:
        method = self._method
        seconds = time.perf_counter() - self._start
        # Refusals come by the hundreds when there is no time to spare; metrics count them.
        refused = code is grpc.StatusCode.RESOURCE_EXHAUSTED
        level = logging.DEBUG if refused else method.level
        method.log.log(level, "call", code=code.name, seconds=round(seconds, 6))
        method.metrics.ended(code.name, seconds)
        if self._span is not None:
            self._span.set_attribute("rpc.grpc.status_code", code.value[0])


def _until_done(permit: Permit) -> Permit:
    """Let a call hold what it holds until gRPC's task for it ends, not until its answer is made.

    The context's own callbacks would leave a reference cycle behind for each call.
    """
    task = asyncio.current_task()
    if task is not None:
        task.add_done_callback(permit.leave)
    return permit


async def _send(error: CallError, context: Context) -> None:
    """End the call with the error as its rich status."""
    known: Any = context  # the stubs lack abort_with_status
    status = error.sent()  # a named tuple
    trailing = (*status.trailing_metadata, (REQUEST_ID, current_request_id() or ""))
    try:
        await known.abort_with_status(status._replace(trailing_metadata=trailing))
    except grpc.aio.InternalError:
        # The caller has left, or gRPC itself has ended the call: it can't be told.
        log.debug("nobody to tell", code=error.code.name)


def _code(context: Context) -> grpc.StatusCode:
    """Return the code that was set: a number, a StatusCode, or OK where none was."""
    code: Any = context.code()
    return code if isinstance(code, grpc.StatusCode) else CODES.get(code, grpc.StatusCode.OK)


def _outcome(error: BaseException, refusal: CallError | None, context: Context) -> grpc.StatusCode:
    if refusal is not None:
        return refusal.code
    if isinstance(error, grpc.aio.AbortError):
        return _code(context)
    if not isinstance(error, asyncio.CancelledError) and not _has_left(error):
        return grpc.StatusCode.INTERNAL
    remaining: float | None = context.time_remaining()
    if remaining is not None and remaining <= 0:
        return grpc.StatusCode.DEADLINE_EXCEEDED
    return grpc.StatusCode.CANCELLED


def _has_left(error: BaseException) -> bool:
    """Tell whether an error only says that the caller is gone: gRPC could not write to it."""
    return isinstance(error, grpc.aio.InternalError)

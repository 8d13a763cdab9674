"""The interceptor: what happens around every call of every server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

import grpc
import grpc.aio

from sketchzoo.counts import Counts
from sketchzoo.rpc.admission import Admission, Authorize, Check, Rules
from sketchzoo.rpc.call import Call, Context
from sketchzoo.rpc.errors import CallError
from sketchzoo.rpc.metrics import CallMetrics
from sketchzoo.rpc.reading import read_one
from sketchzoo.rpc.served import Method, ServedCall
from sketchzoo.rpc.timeouts import Limit


class CallInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg] # generic in the stubs only
    """Does all that happens around a call, whatever its kind.

    In this order: its span, its metrics and its log line, its request id, the server's
    rules, its message, its errors as rich statuses. One interceptor instead of one for each:
    a call passes through one behaviour, made once for its method.

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
        checks: Mapping[str, Check] | None = None,
        counts: Counts | None = None,
    ) -> None:
        self._metrics = metrics
        self._quiet = quiet
        self._authorize = authorize or {}
        self._checks = checks or {}
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
            method = Method(
                call,
                self._metrics.of(call),
                self.admission,
                self._authorize.get(call.service),
                self._checks.get(call.name),
                quiet=call.by_machines or call.name in self._quiet,
            )
            wrapped = self._wrapped[name] = _wrap(handler, method)
        return wrapped


def _wrap(handler: Any, method: Method) -> Any:
    if handler.response_streaming:
        many = _streaming(handler, method)
        return grpc.stream_stream_rpc_method_handler(many, response_serializer=_serialiser(handler))
    return grpc.stream_unary_rpc_method_handler(_answering(handler, method))


def _answering(handler: Any, method: Method) -> Any:
    """Return the behaviour of a method with one response, which it returns as bytes."""
    serialise = _serialiser(handler)

    async def answer(_: Any, context: Context) -> bytes:
        served = ServedCall(method, context)
        try:
            if handler.stream_unary is not None:
                permit, requests = served.open(handler.request_deserializer)
                response = await handler.stream_unary(requests, context)
            else:
                permit = served.enter()
                request = await read_one(context, permit, handler.request_deserializer)
                working = handler.unary_unary(request, context)
                # Only the behaviour holds it from here on.
                del request
                if context.time_remaining() is None:
                    working = _within(method.admission, working)
                response = await working
            content = serialise(response)
            permit.hold_in_place_of_all(len(content))
        except BaseException as error:
            await served.fail(error)
            raise
        served.end()
        return content

    return answer


def _streaming(handler: Any, method: Method) -> Any:
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
        served = ServedCall(method, context)
        try:
            await respond(served, context)
        except BaseException as error:
            await served.fail(error)
            raise
        served.end()

    async def respond(served: ServedCall, context: Context) -> None:
        if handler.stream_stream is not None:
            _, requests = served.open(handler.request_deserializer)
            responses = handler.stream_stream(requests, context)
        else:
            permit = served.enter()
            request = await read_one(context, permit, handler.request_deserializer)
            responses = handler.unary_stream(request, context)
        if not isinstance(responses, AsyncIterator):
            # The other form of a stream, health's Watch for one: it writes to the context.
            await responses
            return
        async with aclosing(responses) as each:  # type: ignore[type-var] # a generator, as a rule
            async for response in each:
                await write(context, response)
                if served.stream is not None:
                    served.stream.touch()

    return answer


def _serialiser(handler: Any) -> Callable[[Any], bytes]:
    serialise: Callable[[Any], bytes] | None = handler.response_serializer
    return serialise if serialise is not None else bytes


async def _within(admission: Admission, answer: Awaitable[Any]) -> Any:
    """Wait for the answer of a call without a deadline no longer than is allowed."""
    limit = Limit()
    wait = admission.default_deadlines.start(limit.pass_by)
    try:
        with limit:
            return await answer
    except TimeoutError as error:
        seconds = admission.rules.default_deadline_seconds
        raise CallError(
            grpc.StatusCode.DEADLINE_EXCEEDED,
            f"the call came without a deadline and took over {seconds:g} s",
        ) from error
    finally:
        wait.end()

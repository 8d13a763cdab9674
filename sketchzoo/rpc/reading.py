"""Reading: a call's message, within its time and the memory that there is for it.

gRPC says nothing of a message before it is whole. Most are whole within a moment; for one
that is not, room for the largest is held, since that is what its caller may send while we
wait. A message that is none is the caller's mistake, INVALID_ARGUMENT, where gRPC itself
would answer UNKNOWN.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from sketchzoo.limits import NoneLeftError
from sketchzoo.rpc.admission import MOMENT_SECONDS, Permit
from sketchzoo.rpc.call import Context
from sketchzoo.rpc.errors import CallError, invalid
from sketchzoo.rpc.streams import Stream
from sketchzoo.rpc.timeouts import Limit

# gRPC says in one breath that there is no message and that the call was cancelled.
_BREATH_SECONDS = 0.05

_aio: Any = grpc.aio  # the stubs lack EOF
_EOF = _aio.EOF

Parse = Callable[[bytes], Any] | None


async def read_one(context: Context, permit: Permit, parse: Parse) -> Any:
    """Read the one message of a call; while it is used, its own bytes are held.

    Raises:
        CallError: INVALID_ARGUMENT; there is none, or it is none. DEADLINE_EXCEEDED; it did
            not arrive in time. RESOURCE_EXHAUSTED; there is no memory left for it.

    """
    content = await _Arrival(context, permit).message()
    if content is _EOF:
        # Most likely a cancelled call, which ends this wait.
        await asyncio.sleep(_BREATH_SECONDS)
        raise invalid("request", "is missing: the call ended without a message")
    permit.hold_in_place_of_all(len(content))
    return parsed(content, parse)


class _Arrival:
    """A message on its way."""

    __slots__ = ("_context", "_limit", "_looked", "_permit", "_refusal", "_timer")

    def __init__(self, context: Context, permit: Permit) -> None:
        self._context = context
        self._permit = permit
        self._limit = Limit()
        self._timer: asyncio.TimerHandle | None = None
        self._looked = False
        self._refusal: CallError | None = None

    async def message(self) -> Any:
        """Return the message's bytes, or EOF."""
        moment = self._permit.admission.moments.start(self._hold)
        try:
            with self._limit:
                return await self._context.read()
        except TimeoutError:
            if self._refusal is not None:
                raise self._refusal from None
            admission = self._permit.admission
            admission.refused("time")
            raise CallError(
                grpc.StatusCode.DEADLINE_EXCEEDED,
                f"the call's message did not arrive within {admission.rules.read_seconds:g} s",
            ) from None
        finally:
            moment.end()
            if self._timer is not None:
                self._timer.cancel()

    def _hold(self) -> None:
        """Hold room for the largest message: this one has not come within a moment."""
        admission = self._permit.admission
        rules, loop = admission.rules, asyncio.get_running_loop()
        try:
            admission.hold(self._permit, rules.max_message_bytes)
        except NoneLeftError as error:
            if not self._looked:
                self._looked = True
                self._timer = loop.call_later(MOMENT_SECONDS, self._hold)
                return
            self._refusal = self._permit.refusal(of_share=error.of_share)
            self._limit.pass_by()
        else:
            waited = MOMENT_SECONDS * (2 if self._looked else 1)
            left = max(0.0, rules.read_seconds - waited)
            self._timer = loop.call_later(left, self._limit.pass_by)


class Requests:
    """The messages of a stream, one after the other."""

    def __init__(self, context: Context, stream: Stream, parse: Parse) -> None:
        self._context = context
        self._stream = stream
        self._parse = parse

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        self._stream.is_waiting = True
        content = await self._context.read()
        self._stream.is_waiting = False
        if content is _EOF:
            self._stream.half_closed()
            raise StopAsyncIteration
        self._stream.touch()
        return parsed(content, self._parse)


def parsed(content: bytes, parse: Parse) -> Any:
    """Return the message that the bytes hold; raises `CallError` INVALID_ARGUMENT."""
    if parse is None:
        return content
    try:
        return parse(content)
    except DecodeError as error:
        raise invalid("request", "is not a message of this method's type") from error
